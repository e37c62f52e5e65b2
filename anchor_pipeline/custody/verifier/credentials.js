// The credentials of shards: a signed in-toto statement of where a shard came from, or a C2PA sidecar for what a model
// made. The signature of a C2PA sidecar (COSE, X.509) is not checked here, only that it is the one the ledger names.

import { hex, linesOf, pieces, readAll, sizeOf, unb64 } from "./bytes.js";
import { encode, isObject, parse } from "./canonical.js";
import { openEnvelope, pairJobs } from "./envelope.js";
import { Flaw } from "./flaws.js";
import { fileDigest } from "./file_digest.js";
import { ROOT } from "./keys.js";
import { isSteward } from "./ledger.js";
import { anything, digest, oneOf, record, string } from "./shape.js";
import { sha256 } from "./sha256.js";
import { STATEMENT } from "./statements.js";

const LINE_LIMIT = 1 << 23;
const PEM_LIMIT = 20000;
const PEM = /^-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n)-----END CERTIFICATE-----\n$/;

const built = record({
  buildType: oneOf("https://anchor-pipeline.dev/custody/ingest/v1"),
  externalParameters: anything,
  resolvedDependencies: anything,
});
const provenance = record({
  _type: oneOf(STATEMENT),
  subject: anything,
  predicateType: oneOf("https://slsa.dev/provenance/v1"),
  predicate: (value) =>
    isObject(value) && isObject(value.runDetails) ? built(value.buildDefinition) : "not a statement of provenance",
});
const credential = record({ data: string, kind: oneOf("in-toto", "c2pa"), sha256: digest, shard: digest });

// Kind by shard, if the file is the one that the completion names and holds a sound credential for each of `shards`, and
// no others. Flaw credentials_digest, credential_invalid or credential_missing.
export async function checkCredentials(source, pem, named, shards, ledger, signatures) {
  const file = await fileDigest(source, signatures.subtle);
  const flaw = (detail) => new Flaw("credentials_digest", "credentials.jsonl", detail);
  if (file !== named.sha256) throw flaw(`its digest is ${file}, the ledger names ${named.sha256}`);
  const lines = await countLines(source);
  if (lines !== named.count) throw flaw(`${lines} lines, the ledger names ${named.count}`);
  await checkAuthority(pem, ledger.keys);
  const kinds = new Map();
  let last = "";
  for await (const { line, where } of numbered(source)) {
    const found = readCredential(line, where);
    if (found.shard <= last) throw new Flaw("credential_invalid", where, "not in the order of shards, or twice");
    last = found.shard;
    if (!shards.has(found.shard)) throw new Flaw("credential_invalid", where, "of a shard that no document came from");
    if (found.kind === "c2pa" && ledger.keys.authority === null) {
      throw new Flaw("credential_invalid", where, "the ledger names no authority for C2PA");
    }
    if (found.kind === "in-toto") await checkProvenance(found, ledger, signatures, where);
    kinds.set(found.shard, found.kind);
  }
  const bare = [...shards.keys()].find((shard) => !kinds.has(shard));
  if (bare !== undefined) throw new Flaw("credential_missing", "credentials.jsonl", `of shard ${bare}`);
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
  try {
    for await (const lines of linesOf(pieces(source), LINE_LIMIT, "credential")) {
      for (const line of lines) {
        yield { line, where: `credential ${index}` };
        index += 1;
      }
    }
  } catch (error) {
    throw invalid(error);
  }
}

// -1 if there is something after the last newline.
async function countLines(source) {
  let count = 0;
  let last = 10;
  for await (const piece of pieces(source)) {
    for (const byte of piece) if (byte === 10) count += 1;
    last = piece[piece.length - 1];
  }
  return last === 10 ? count : -1;
}

function readCredential(line, where) {
  try {
    const found = parse(line, where, { limit: LINE_LIMIT });
    const problem = credential(found);
    if (problem !== null) throw new Flaw("malformed", where, problem);
    const bytes = unb64(found.data, where);
    if (hex(sha256(bytes)) !== found.sha256) throw new Flaw("malformed", where, "its bytes are not those it states");
    return { ...found, bytes };
  } catch (error) {
    throw invalid(error);
  }
}

// A flaw of a line is one of the list of credentials.
const invalid = (error) =>
  error instanceof Flaw && !error.code.startsWith("credential")
    ? new Flaw("credential_invalid", error.where, `${error.code}: ${error.detail}`)
    : error;

async function checkProvenance(found, ledger, signatures, where) {
  const wrong = (detail) => new Flaw("credential_invalid", where, detail);
  let statement;
  try {
    const envelope = openEnvelope(found.bytes, where);
    if (envelope.pairs.length !== 1) throw wrong("expected one pair of signatures");
    const key = signerOf(ledger.keys, envelope.pairs[0].keyid);
    if (key === null) throw wrong("signed with a key that is none of the pipeline, or was revoked");
    await signatures.settle(pairJobs(envelope, 0, key, where));
    statement = parse(envelope.payload, where);
  } catch (error) {
    if (!(error instanceof Flaw) || error.code === "credential_invalid") throw error;
    throw wrong(`${error.code}: ${error.detail}`);
  }
  const subject = [{ digest: { sha256: found.shard }, name: `shards/${found.shard}` }];
  if (provenance(statement) !== null || encode(statement.subject) !== encode(subject)) {
    throw wrong("no statement on this shard");
  }
  // A synthetic shard has a C2PA certificate, and its statement names it: one without the other was stripped.
  if (Object.hasOwn(statement.predicate.runDetails, "byproducts")) {
    throw new Flaw("credential_missing", where, "the C2PA credential that its statement names is not there");
  }
}

// A key that is or was in force, but for root and stewards. What a rotated one signed was signed while it was.
function signerOf(keys, keyid) {
  const key = keys.known.get(keyid);
  if (key === undefined || keys.revoked.has(keyid) || key.identity === ROOT || isSteward(key.identity)) return null;
  return key;
}

// The certificate that C2PA credentials lead up to has to be the one that the ledger names.
async function checkAuthority(pem, keys) {
  const where = "custody/authority.pem";
  if (keys.authority === null) return;
  if (pem === undefined) throw new Flaw("credential_missing", where, "the release does not carry its authority");
  const flaw = (detail) => new Flaw("credential_invalid", where, detail);
  if (sizeOf(pem) > PEM_LIMIT) throw flaw("too large for one certificate");
  const spelled = PEM.exec(latin1(await readAll(pem, where, PEM_LIMIT)));
  if (spelled === null) throw flaw("not one certificate (PEM)");
  let digest;
  try {
    digest = hex(sha256(unb64(spelled[1].replaceAll("\n", ""), where)));
  } catch (error) {
    throw error instanceof Flaw ? flaw(error.detail) : error;
  }
  if (digest !== keys.authority) throw flaw(`not the authority that the ledger names, ${keys.authority}`);
}

const latin1 = (bytes) => String.fromCharCode(...bytes);
