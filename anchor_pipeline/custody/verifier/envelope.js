// An entry's bytes: an in-toto statement in a DSSE envelope with two signatures of one identity.
//
// https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md. Ed25519 signs the pre-authentication encoding
// (PAE) itself; ML-DSA-65 signs "tuf" ‖ 0x01 ‖ SHA-512(PAE), as TAP 21 has it.

import { concat, unb64, utf8 } from "./bytes.js";
import { isObject, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
export const TAP_21 = concat(utf8("tuf"), Uint8Array.of(1));

const hasExactly = (record, fields) => isObject(record) && Object.keys(record).sort().join() === fields.join();

// The payload and the pairs of signatures in `data`, not yet checked; Flaw if it is no envelope in its one spelling.
export function openEnvelope(data, where) {
  const record = parse(data, where);
  if (!hasExactly(record, ["payload", "payloadType", "signatures"])) {
    throw new Flaw("malformed", where, "no envelope: expected payload, payloadType and signatures");
  }
  if (record.payloadType !== PAYLOAD_TYPE || typeof record.payload !== "string") {
    throw new Flaw("malformed", where, `no payload of type ${PAYLOAD_TYPE}`);
  }
  const found = record.signatures;
  if (!Array.isArray(found) || ![2, 4].includes(found.length) || !found.every(isSignature)) {
    throw new Flaw("malformed", where, "expected two signatures, or four, each with keyid and sig");
  }
  const pairs = [];
  for (let i = 0; i < found.length; i += 2) pairs.push(pairOf(found[i], found[i + 1], where));
  return { payload: unb64(record.payload, where), pairs };
}

const isSignature = (record) =>
  hasExactly(record, ["keyid", "sig"]) && typeof record.keyid === "string" && typeof record.sig === "string";

function pairOf(one, other, where) {
  if (one.keyid !== other.keyid) {
    throw new Flaw("malformed", where, "the two signatures of a pair name different keys");
  }
  return { keyid: one.keyid, ed25519: unb64(one.sig, where, 64), mlDsa65: unb64(other.sig, where, 3309) };
}

// What has to verify for the pair at `place` to be by `key`. Flaw key_unknown if it names another one.
export function pairJobs(envelope, place, key, where) {
  const pair = envelope.pairs[place];
  if (pair.keyid !== key.id) throw new Flaw("key_unknown", where, `signed with ${pair.keyid}, expected ${key.id}`);
  const message = pae(envelope.payload);
  const flaw = (code) => new Flaw(code, where, `by ${key.identity}`);
  return [
    { algorithm: "ed25519", key, signature: pair.ed25519, message, flaw: flaw("signature_ed25519") },
    { algorithm: "mlDsa65", key, signature: pair.mlDsa65, message, tap21: true, flaw: flaw("signature_ml_dsa_65") },
  ];
}

export const pae = (payload) =>
  concat(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
