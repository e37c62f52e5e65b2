// Verification of Ed25519 signatures (RFC 8032, 5.1.7) for browsers without it. Slow (some milliseconds each) and
// plain; it holds no secret. As OpenSSL does, R is computed and compared with the bytes of the signature.

import { sha512 } from "./sha512.js";

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (value) => ((value % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

const inverse = (value) => power(value, P - 2n);
const CURVE_D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

// Points are [X, Y, Z, T] with x = X/Z, y = Y/Z, T = XY/Z (RFC 8032, 5.1.4).
const NEUTRAL = [0n, 1n, 1n, 0n];
const BASE = decode(littleEndian([0x58, ...new Array(31).fill(0x66)]));

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = ((y1 - x1) * (y2 - x2)) % P;
  const b = ((y1 + x1) * (y2 + x2)) % P;
  const c = (((2n * t1 * t2) % P) * CURVE_D) % P;
  const d = (2n * z1 * z2) % P;
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [(e * f) % P, (g * h) % P, (f * g) % P, (e * h) % P];
}

// The point with an encoding's y and sign of x (5.1.3); null if there is none.
function decode(encoded) {
  const y = encoded & ((1n << 255n) - 1n);
  const sign = encoded >> 255n;
  const [u, v] = [mod(y * y - 1n), mod(CURVE_D * y * y + 1n)];
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (mod(v * x * x) === mod(-u)) x = mod(x * ROOT_OF_MINUS_ONE);
  if (mod(v * x * x) !== u) return null;
  if ((x & 1n) !== sign) x = mod(-x);
  return [x, mod(y), 1n, mod(x * y)];
}

function encode([x, y, z]) {
  const scale = inverse(z);
  return mod(y * scale) | ((mod(x * scale) & 1n) << 255n);
}

function littleEndian(bytes) {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[i]);
  return value;
}

export function verifyEd25519(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = decode(littleEndian(publicKey));
  const s = littleEndian(signature.subarray(32));
  if (key === null || s >= ORDER) return false;
  const k = littleEndian(sha512(signature.subarray(0, 32), publicKey, message)) % ORDER;
  // [s]B - [k]A, both at once, from the highest bit.
  const minusKey = [mod(-key[0]), key[1], key[2], mod(-key[3])];
  const both = add(BASE, minusKey);
  let point = NEUTRAL;
  for (let bit = 252n; bit >= 0n; bit -= 1n) {
    point = add(point, point);
    const [ofBase, ofKey] = [(s >> bit) & 1n, (k >> bit) & 1n];
    if (ofBase && ofKey) point = add(point, both);
    else if (ofBase) point = add(point, BASE);
    else if (ofKey) point = add(point, minusKey);
  }
  return encode(point) === littleEndian(signature.subarray(0, 32));
}
