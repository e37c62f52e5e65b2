// Whether the signature of a time stamp holds, against the certificate that the stamp itself carries, by the browser's own
// RSA and ECDSA. That proves that the holder of that certificate's key signed it, and no more: whether the holder is an
// authority that can be trusted, the reader decides. What cannot be checked here is said, and is no flaw.

import { concat, equal } from "./bytes.js";
import { BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE, WrongStamp, algorithmIn, identifier, inside, integer, only } from "./stamps_der.js";
import { SIGNING_CERTIFICATE } from "./stamps_token.js";

const HASHES = { "608648016503040201": "SHA-256", "608648016503040202": "SHA-384", "608648016503040203": "SHA-512" };
const RSA_ENCRYPTION = "2a864886f70d010101";
const RSA = { "2a864886f70d01010b": "SHA-256", "2a864886f70d01010c": "SHA-384", "2a864886f70d01010d": "SHA-512" };
const ECDSA = { "2a8648ce3d040302": "SHA-256", "2a8648ce3d040303": "SHA-384", "2a8648ce3d040304": "SHA-512" };
const EC_KEY = "2a8648ce3d0201";
const CURVES = { "2a8648ce3d030107": { name: "P-256", bytes: 32 }, "2b81040022": { name: "P-384", bytes: 48 } };
const [LEAST_BITS, MOST_BITS] = [2048, 8192];

// Why a signature could not be checked.
export class Unchecked extends Error {}

// The certificate of a token's signer, its signature verified. WrongStamp if it does not hold, or not with this
// certificate; Unchecked if the certificate is not there, or the algorithm not one that is known here.
export async function signerOf(token, subtle) {
  if (subtle === null) throw new Unchecked("this browser verifies no such signatures for this page");
  const certificate = await namedBy(token, subtle);
  const { signer } = token;
  const hash = hashOf(signer);
  const { key, curve } = await keyOf(certificate, signer.algorithm, hash, subtle);
  const digest = new Uint8Array(await subtle.digest(HASHES[signer.digest], token.info));
  if (!equal(digest, signer.messageDigest)) throw new WrongStamp("a time stamp that was changed after it was signed");
  if (!certificate.stamping) throw new WrongStamp("a time stamp signed with a certificate that is not for time stamps");
  if (token.time < certificate.since || token.time > certificate.until) {
    throw new WrongStamp("a time stamp of a time at which its signer's certificate is not valid");
  }
  const signature = curve === null ? signer.signature : flat(signer.signature, curve.bytes);
  const algorithm = curve === null ? { name: "RSASSA-PKCS1-v1_5" } : { name: "ECDSA", hash };
  const holds = signature !== null && (await subtle.verify(algorithm, key, signature, signer.attributes));
  if (!holds) throw new WrongStamp("a time stamp whose signature does not verify");
  return certificate;
}

// The certificate that the signer names, by number and by digest.
async function namedBy({ signer, certificates }, subtle) {
  const old = signer.named.kind === SIGNING_CERTIFICATE;
  const first = inside(inside(inside(only(signer.named.value, SEQUENCE)).take(SEQUENCE)).take(SEQUENCE));
  const other = !old && first.tag === SEQUENCE ? algorithmIn(first.take(SEQUENCE)) : null;
  const name = old ? "SHA-1" : other === null ? "SHA-256" : HASHES[other];
  const digest = first.take(OCTET_STRING).content;
  if (name === undefined) throw new Unchecked("its algorithm is not one that is checked here");
  const byNumber = signer.sid.tag === SEQUENCE;
  for (const one of certificates) {
    const same = equal(new Uint8Array(await subtle.digest(name, one.data)), digest);
    if (byNumber && equal(concat(one.issuer, one.serial), signer.sid.content)) {
      if (!same) throw new WrongStamp("a time stamp with another certificate than the one that signed it");
      return one;
    }
    if (same && !byNumber) return one;
  }
  throw new Unchecked("it does not carry the certificate of its signer");
}

// The hash that a signature is over; that of what is signed has to be known as well.
function hashOf({ algorithm, digest }) {
  const hash = RSA[algorithm] ?? ECDSA[algorithm] ?? (algorithm === RSA_ENCRYPTION ? HASHES[digest] : undefined);
  if (hash === undefined || HASHES[digest] === undefined) throw new Unchecked("its algorithm is not one that is checked here");
  return hash;
}

async function keyOf(certificate, algorithm, hash, subtle) {
  const unusable = new Unchecked("the key in its certificate is not one that can be used here");
  try {
    const parts = inside(only(certificate.key, SEQUENCE));
    const named = inside(parts.take(SEQUENCE));
    const kind = identifier(named.take(OID));
    const rsa = kind === RSA_ENCRYPTION;
    if (rsa !== (ECDSA[algorithm] === undefined)) throw unusable;
    const curve = kind === EC_KEY ? (CURVES[identifier(named.take(OID))] ?? null) : null;
    const bits = rsa ? bitsOf(parts.take(BIT_STRING).content) : 0;
    if (rsa ? bits < LEAST_BITS || bits > MOST_BITS : curve === null) throw unusable;
    const means = rsa ? { name: "RSASSA-PKCS1-v1_5", hash } : { name: "ECDSA", namedCurve: curve.name };
    return { key: await subtle.importKey("spki", certificate.key, means, false, ["verify"]), curve };
  } catch {
    throw unusable;
  }
}

// Of the modulus of an RSA key, in a BIT STRING.
function bitsOf(content) {
  const modulus = integer(inside(only(content.subarray(1), SEQUENCE)).take(INTEGER));
  if (modulus[0] >= 0x80) return 0;
  const start = modulus.findIndex((byte) => byte !== 0);
  return (modulus.length - start) * 8 - Math.clz32(modulus[start]) + 24;
}

// An ECDSA signature as two numbers of the curve's length; null if it is none.
function flat(signature, length) {
  try {
    const pair = inside(only(signature, SEQUENCE));
    const spelled = [pair.take(INTEGER), pair.take(INTEGER)].map(integer);
    pair.end();
    const numbers = spelled.map((bytes) => (bytes[0] === 0 ? bytes.subarray(1) : bytes));
    if (spelled.some((bytes) => bytes[0] >= 0x80) || numbers.some((one) => one.length > length || one.length === 0)) return null;
    return concat(...numbers.flatMap((one) => [new Uint8Array(length - one.length), one]));
  } catch {
    return null;
  }
}
