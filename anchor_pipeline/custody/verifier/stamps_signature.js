// Whether the signature of a time stamp holds, against the certificate that the stamp itself carries, by the browser's own
// RSA and ECDSA. That proves that the holder of that certificate's key signed it, and no more: whether the holder is an
// authority that can be trusted, the reader decides. What cannot be checked here is said, and is no flaw.

import { concat, equal } from "./bytes.js";
import {
  BIT_STRING, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, WrongStamp, algorithmIn, identifier, inside, integer, only,
} from "./stamps_der.js";
import { SIGNING_CERTIFICATE } from "./stamps_token.js";

const HASHES = { "608648016503040201": "SHA-256", "608648016503040202": "SHA-384", "608648016503040203": "SHA-512" };
const RSA_ENCRYPTION = "2a864886f70d010101";
const RSA = { "2a864886f70d01010b": "SHA-256", "2a864886f70d01010c": "SHA-384", "2a864886f70d01010d": "SHA-512" };
const ECDSA = { "2a8648ce3d040302": "SHA-256", "2a8648ce3d040303": "SHA-384", "2a8648ce3d040304": "SHA-512" };
const EC_KEY = "2a8648ce3d0201";
const CURVES = { "2a8648ce3d030107": { name: "P-256", bytes: 32 }, "2b81040022": { name: "P-384", bytes: 48 } };
const [LEAST_BITS, MOST_BITS] = [2048, 8192];
const EXPONENT = Uint8Array.of(1, 0, 1);

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
  const verified = async () => subtle.verify(algorithm, key, signature, signer.attributes);
  if (signature === null || !(await verified().catch(() => false))) throw new WrongStamp("a time stamp whose signature does not verify");
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
    const curved = ECDSA[algorithm] !== undefined;
    const curve = usable(inside(only(certificate.key, SEQUENCE)), curved);
    const means = curved ? { name: "ECDSA", namedCurve: curve.name } : { name: "RSASSA-PKCS1-v1_5", hash };
    return { key: await subtle.importKey("spki", certificate.key, means, false, ["verify"]), curve };
  } catch {
    throw unusable;
  }
}

// The curve of a key, null for RSA; throws unless it is one that every verifier can use: what libraries take differs.
function usable(key, curved) {
  const named = inside(key.take(SEQUENCE));
  const bits = key.take(BIT_STRING).content;
  key.end();
  const kind = identifier(named.take(OID));
  if (curved) {
    const curve = CURVES[identifier(named.take(OID))];
    named.end();
    if (kind === EC_KEY && bits.length === 2 + 2 * curve.bytes && bits[0] === 0 && bits[1] === 4) return curve;
    throw new WrongStamp("no such key");
  }
  named.take(NULL);
  named.end();
  const numbers = inside(only(bits.subarray(1), SEQUENCE));
  const [modulus, exponent] = [integer(numbers.take(INTEGER)), integer(numbers.take(INTEGER))];
  numbers.end();
  const length = modulus[0] < 0x80 ? bitsOf(modulus) : 0;
  const fits = length >= LEAST_BITS && length <= MOST_BITS && equal(exponent, EXPONENT);
  if (fits && kind === RSA_ENCRYPTION && bits[0] === 0) return null;
  throw new WrongStamp("no such key");
}

function bitsOf(number) {
  const bytes = number[0] === 0 ? number.subarray(1) : number;
  return bytes.length === 0 ? 0 : bytes.length * 8 - Math.clz32(bytes[0]) + 24;
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
