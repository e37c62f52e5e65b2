// An identity's public keys: an Ed25519 and an ML-DSA-65 key that always sign together.

import { hex, unb64, utf8 } from "./bytes.js";
import { encode, isObject, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";
import { sha256 } from "./sha256.js";

export const ROOT = "root"; // the identity that signs keys and nothing else

const FORMAT = "anchor-public-key-1";
const FIELDS = ["ed25519", "format", "identity", "ml_dsa_65"];
const IDENTITY = /^[a-z][a-z0-9_-]{0,63}$/;

// The key that a record holds, with its id; Flaw if it is none.
export function keyOf(record, where) {
  if (!isObject(record) || Object.keys(record).sort().join() !== FIELDS.join()) {
    throw new Flaw("malformed", where, `no public key: expected ${FIELDS.join(", ")}`);
  }
  if (!FIELDS.every((name) => typeof record[name] === "string") || record.format !== FORMAT) {
    throw new Flaw("malformed", where, `no public key of the format ${FORMAT}`);
  }
  if (!IDENTITY.test(record.identity)) throw new Flaw("malformed", where, "not a name of an identity");
  const ed25519 = unb64(record.ed25519, where, 32);
  const mlDsa65 = unb64(record.ml_dsa_65, where, 1952);
  return { identity: record.identity, ed25519, mlDsa65, id: hex(sha256(utf8(encode(record)))) };
}

// The key in a `.pub.json` file; Flaw if it is none.
export function keyOfFile(bytes, where) {
  if (bytes[bytes.length - 1] !== 10) throw new Flaw("not_canonical", where, "no newline at the end of the file");
  return keyOf(parse(bytes.subarray(0, -1), where), where);
}

// A witness's key as signed notes write it (C2SP signed-note): `name+hash+base64 of type and key`. Type 0x04.
export function witnessOf(line) {
  const [name, hash, ...rest] = line.trim().split("+");
  const data = unb64(rest.join("+"), "witness key", 33);
  const expected = hex(sha256(utf8(`${name}\n`), data).subarray(0, 4));
  if (data[0] !== 0x04 || hash !== expected || name === "") throw new Flaw("malformed", "witness key", line.slice(0, 200));
  return { name, hash: expected, ed25519: data.subarray(1) };
}
