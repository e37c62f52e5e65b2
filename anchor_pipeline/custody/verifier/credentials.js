// The credentials of shards: a signed in-toto statement of where a shard came from, or a C2PA sidecar for what a model
// made. The signature of a C2PA sidecar (COSE, X.509) is not checked here, only that it is the one the ledger names.

import { hex, linesOf, pieces, unb64 } from "./bytes.js";
import { encode, isObject, parse } from "./canonical.js";
import { openEnvelope, pairJobs } from "./envelope.js";
import { Flaw } from "./flaws.js";
import { fileDigest } from "./file_digest.js";
import { digest, oneOf, record, string } from "./shape.js";
import { sha256 } from "./sha256.js";
import { STATEMENT } from "./statements.js";

const LINE_LIMIT = 1 << 24;
const PROVENANCE = "https://slsa.dev/provenance/v1";
const credential = record({ data: string, kind: oneOf("in-toto", "c2pa"), sha256: digest, shard: digest });

// Kind by shard, if the file is the one that the completion names and each in-toto statement holds. Flaw
// credentials_digest or credential_invalid.
export async function checkCredentials(source, named, ledger, signatures) {
  const file = await fileDigest(source, signatures.subtle);
  const flaw = (detail) => new Flaw("credentials_digest", "credentials.jsonl", detail);
  if (file !== named.sha256) throw flaw(`its digest is ${file}, the ledger names ${named.sha256}`);
  const kinds = new Map();
  let last = "";
  for await (const { line, where } of numbered(source)) {
    const found = readCredential(line, where);
    if (found.shard <= last) throw new Flaw("credential_invalid", where, "not in the order of shards, or twice");
    last = found.shard;
    if (found.kind === "in-toto") await checkProvenance(found, ledger, signatures, where);
    kinds.set(found.shard, found.kind);
  }
  if (kinds.size !== named.count) throw flaw(`${kinds.size} credentials, the ledger names ${named.count}`);
  return kinds;
}

// The credential of one shard, for people to see: {kind, sha256, statement}; null if there is none.
export async function findCredential(source, shard) {
  for await (const { line, where } of numbered(source)) {
    const found = readCredential(line, where);
    if (found.shard !== shard) continue;
    const statement = found.kind === "in-toto" ? parse(openEnvelope(found.bytes, where).payload, where) : null;
    return { kind: found.kind, sha256: found.sha256, statement: statement && encode(statement) };
  }
  return null;
}

async function* numbered(source) {
  let index = 0;
  for await (const lines of linesOf(pieces(source), LINE_LIMIT, "credential")) {
    for (const line of lines) {
      yield { line, where: `credential ${index}` };
      index += 1;
    }
  }
}

function readCredential(line, where) {
  const found = parse(line, where, { limit: LINE_LIMIT });
  const problem = credential(found);
  if (problem !== null) throw new Flaw("malformed", where, problem);
  const bytes = unb64(found.data, where);
  if (hex(sha256(bytes)) !== found.sha256) throw new Flaw("credential_invalid", where, "its bytes are not those it states");
  return { ...found, bytes };
}

async function checkProvenance(found, ledger, signatures, where) {
  const wrong = (detail) => new Flaw("credential_invalid", where, detail);
  try {
    const envelope = openEnvelope(found.bytes, where);
    if (envelope.pairs.length !== 1) throw wrong("expected one pair of signatures");
    // It may be older than the key that is in force now; what ties it to a time is the ledger that names it.
    const key = ledger.keys.known.get(envelope.pairs[0].keyid);
    if (key === undefined || key.identity === "root") throw wrong("signed with a key that the ledger does not know");
    const statement = parse(envelope.payload, where);
    const subject = [{ digest: { sha256: found.shard }, name: `shards/${found.shard}` }];
    if (!isObject(statement) || statement._type !== STATEMENT || statement.predicateType !== PROVENANCE) {
      throw wrong("not a statement of provenance");
    }
    if (encode(statement.subject ?? null) !== encode(subject)) throw wrong("it is about something else than its shard");
    await signatures.settle(pairJobs(envelope, 0, key, where));
  } catch (error) {
    if (!(error instanceof Flaw) || error.code === "credential_invalid") throw error;
    throw wrong(`${error.code}: ${error.detail}`);
  }
}
