// What entries say: in-toto statements (https://in-toto.io/Statement/v1) with predicates of this project. Predicates
// and fields that are not known are refused: a new one is a new version of the specification.

import { hex, utf8 } from "./bytes.js";
import { encode, isObject, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";
import { atMost, count, digest, listOf, mapOf, matching, oneOf, orNull, record, string, truth } from "./shape.js";
import { sha256 } from "./sha256.js";

export const STATEMENT = "https://in-toto.io/Statement/v1";
const BASE = "https://anchor-pipeline.dev/custody";

const key = record({ format: oneOf("anchor-public-key-1"), identity: string, ed25519: string, ml_dsa_65: string });
const data = listOf(record({ name: string, digest: orNull(string), rows: orNull(count) }));
const bundle = record({ count, sha256: digest });
const tally = record({ pass: count, fail: count, insufficient: count });

const place = {
  sequence: count,
  previous: matching(/^([0-9a-f]{64})?$/),
  time: matching(/^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z$/),
  origin: string,
  by: string,
};
const ending = { ...place, run: string, step: string, intent: digest, checkpoint: string };

const PREDICATES = {
  genesis: {
    ...place,
    root: key,
    keys: listOf(record({ identity: string, key })),
    authority: orNull(digest),
    continues: orNull(record({ origin: string, size: count, root_hash: digest })),
  },
  key: {
    ...place,
    action: oneOf("add", "rotate", "revoke"),
    identity: string,
    key: orNull(key),
    replaces: orNull(digest),
    reason: string,
  },
  root: { ...place, root: key, reason: string },
  authority: { ...place, authority: orNull(digest), reason: string },
  intent: {
    ...place,
    run: string,
    step: string,
    parent: orNull(record({ run: string, job: string })),
    project: string,
    cycle: orNull(string),
    as_of: orNull(string),
    version: string,
    policy: orNull(string),
    inputs: data,
    outputs: data,
    description: orNull(string),
  },
  completion: {
    ...ending,
    inputs: data,
    outputs: data,
    reused: truth,
    findings: mapOf(tally),
    credentials: orNull(bundle),
  },
  failure: { ...ending, state: oneOf("fail", "abort"), reason: atMost(2000) },
  abandoned: { ...ending, reason: atMost(2000) },
  approval: {
    ...place,
    release: record({ stage: string, cycle: string, digest }),
    decision: oneOf("approved", "rejected"),
    note: string,
  },
};

export const ENDINGS = ["completion", "failure", "abandoned"];

// The name and predicate of a statement; Flaw if it is none that is known, or about something else than it says.
export function readStatement(payload, where) {
  const found = parse(payload, where);
  const wrong = (detail) => new Flaw("malformed", where, detail);
  if (!isObject(found) || Object.keys(found).sort().join() !== "_type,predicate,predicateType,subject") {
    throw wrong("no statement: expected _type, subject, predicateType and predicate");
  }
  const name = nameOf(found.predicateType);
  if (found._type !== STATEMENT || name === null) throw wrong("no statement of a known kind");
  const problem = record(PREDICATES[name])(found.predicate);
  if (problem !== null) throw wrong(problem);
  if (encode(found.subject) !== encode(subjectOf(name, found.predicate))) {
    throw new Flaw("subject", where, "the subject is not what the predicate is about");
  }
  return { name, predicate: found.predicate };
}

function nameOf(kind) {
  const name = Object.keys(PREDICATES).find((one) => kind === `${BASE}/${one}/v1`);
  return name ?? null;
}

// What a completion made, as far as it has digests; of anything else the predicate itself.
function subjectOf(name, predicate) {
  const made = name === "completion" ? predicate.outputs.filter((one) => one.digest !== null) : [];
  if (made.length > 0) return made.map((one) => ({ name: one.name, digest: { sha256: one.digest } }));
  const about = predicate.run || String(predicate.sequence);
  const sum = hex(sha256(utf8(encode(predicate))));
  return [{ name: `${name}/${about}`, digest: { sha256: sum } }];
}
