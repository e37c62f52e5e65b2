// Heads of a ledger: checkpoints of C2SP (https://c2sp.org/tlog-checkpoint) as signed notes (c2sp.org/signed-note).

import { equal, hex, text as decoded, unb64, utf8 } from "./bytes.js";
import { Flaw } from "./flaws.js";
import { sha256 } from "./sha256.js";

const ORIGIN = /^[A-Za-z0-9._/-]{1,200}$/;
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;
// A name holds no plus and no white space, spelled out, as languages differ in what they call white space.
const LINE =
  /^— ([^+\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+) ([A-Za-z0-9+/]+=*)$/;
const MOST_CHARACTERS = 100000;
const MOST_SIGNATURES = 100;

const ED25519 = Uint8Array.of(0x01);
const ML_DSA_65 = utf8("\u00ffanchor-pipeline.dev/ml-dsa-65").subarray(1);
ML_DSA_65[0] = 0xff; // the type for everything that C2SP has no type of its own for

export const isOrigin = (name) => ORIGIN.test(name);

const keyHash = (name, ...key) => hex(sha256(utf8(`${name}\n`), ...key).subarray(0, 4));
export const ed25519Hash = (name, key) => keyHash(name, ED25519, key.ed25519);
export const mlDsa65Hash = (name, key) => keyHash(name, ML_DSA_65, key.mlDsa65);

// The head that a note states, its signatures not yet checked; Flaw head_malformed if it is no such note.
export function parseNote(note, where) {
  const bad = (reason) => new Flaw("head_malformed", where, reason);
  if (note.length > MOST_CHARACTERS) throw bad("too long");
  const blank = note.indexOf("\n\n");
  const lines = note.slice(0, Math.max(blank, 0)).split("\n");
  if (blank < 0 || lines.length !== 3 || !isOrigin(lines[0]) || !SIZE.test(lines[1])) {
    throw bad("expected origin, size and root, a blank line, then signatures");
  }
  const signatures = note.slice(blank + 2).split("\n");
  if (signatures.pop() !== "" || signatures.length === 0 || signatures.length > MOST_SIGNATURES) {
    throw bad("expected one to 100 signatures, each a line of its own");
  }
  try {
    const root = unb64(lines[2], where, 32);
    const found = signatures.map((line) => signatureOf(line, where));
    return { origin: lines[0], size: Number(lines[1]), root, signatures: found, body: utf8(note.slice(0, blank + 1)) };
  } catch (error) {
    if (error instanceof Flaw) throw bad(error.detail);
    throw error;
  }
}

// The same for the bytes of a file.
export function parseNoteFile(bytes, where) {
  try {
    return parseNote(decoded(bytes), where);
  } catch (error) {
    if (error instanceof Flaw) throw error;
    throw new Flaw("head_malformed", where, "not UTF-8");
  }
}

function signatureOf(line, where) {
  const found = LINE.exec(line);
  if (found === null) throw new Flaw("head_malformed", where, "a signature line that is none");
  const data = unb64(found[2], where);
  if (data.length < 5) throw new Flaw("head_malformed", where, "a signature that is too short");
  return { name: found[1], hash: hex(data.subarray(0, 4)), signature: data.subarray(4) };
}

// What has to verify for `key` to have signed the head: both signatures, each there once. Flaw head_signature if not.
export function signatureJobs(head, key, where) {
  const pairs = [
    ["Ed25519", "ed25519", ed25519Hash(head.origin, key)],
    ["ML-DSA-65", "mlDsa65", mlDsa65Hash(head.origin, key)],
  ];
  return pairs.map(([name, algorithm, hash]) => {
    const found = head.signatures.filter((one) => one.name === head.origin && one.hash === hash);
    const flaw = new Flaw("head_signature", where, `no ${name} signature by ${key.identity} that verifies`);
    if (found.length !== 1) throw flaw;
    return { algorithm, key, signature: found[0].signature, message: head.body, flaw };
  });
}

// The cosignature of a witness (C2SP tlog-cosignature, v1), as (time in seconds, what has to verify); null if none.
export function cosignature(head, witness) {
  const found = head.signatures.find((one) => one.name === witness.name && one.hash === witness.hash);
  if (found === undefined) return null;
  const flaw = new Flaw("head_signature", `cosignature of ${witness.name}`, "it does not verify");
  if (found.signature.length !== 72) throw flaw;
  const time = new DataView(found.signature.buffer, found.signature.byteOffset, 8).getBigUint64(0);
  const prefix = utf8(`cosignature/v1\ntime ${time}\n`);
  const message = new Uint8Array(prefix.length + head.body.length);
  message.set(prefix);
  message.set(head.body, prefix.length);
  return { time: Number(time), algorithm: "ed25519", key: witness, signature: found.signature.subarray(8), message, flaw };
}

// Whether two heads say the same.
export const sameHead = (one, other) =>
  one.origin === other.origin && one.size === other.size && equal(one.root, other.root);
