// Verification of ML-DSA-65 signatures (FIPS 204), and nothing else of it: no secret is ever held here, so nothing has
// to run in constant time. Numbers of algorithms are those of FIPS 204 (August 2024).
//
// Proved by the tests: all KATs of cryptography-vectors, Wycheproof, and mutated signatures against OpenSSL.

import { shake128, shake256 } from "./keccak.js";
import { N, Q, inverseNtt, ntt, reduce, unpackBits } from "./mldsa_ring.js";

// Table 1, ML-DSA-65.
const K = 6;
const L = 5;
const D = 13;
const TAU = 49;
const GAMMA1 = 2 ** 19;
const GAMMA2 = (Q - 1) / 32;
const BETA = 196;
const OMEGA = 55;
const CHALLENGE_BYTES = 48; // λ/4
const Z_BYTES = (N * 20) / 8;
export const PUBLIC_KEY_BYTES = 1952;
export const SIGNATURE_BYTES = 3309;

// What is computed once for a key: the matrix A and t1·2^d in NTT form, and the hash of the key.
export function expandKey(publicKey) {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new RangeError(`a key of ${publicKey.length} bytes`);
  const rho = publicKey.subarray(0, 32);
  const matrix = [];
  for (let r = 0; r < K; r += 1) {
    for (let s = 0; s < L; s += 1) matrix.push(rejectionSampledPolynomial(rho, s, r));
  }
  const t1 = [];
  for (let i = 0; i < K; i += 1) {
    const high = unpackBits(publicKey.subarray(32 + 320 * i, 352 + 320 * i), 10);
    t1.push(ntt(high.map((value) => value * 2 ** D)));
  }
  return { matrix, t1, hash: shake256(publicKey).read(64) };
}

// Algorithm 3, ML-DSA.Verify. False for whatever is no signature of the message; RangeError for a context over 255 bytes.
export function verify(key, signature, message, context = new Uint8Array(0)) {
  if (context.length > 255) throw new RangeError(`a context of ${context.length} bytes`);
  const prefix = Uint8Array.of(0, context.length);
  return verifyMu(key, signature, shake256(key.hash, prefix, context, message).read(64));
}

// Algorithm 8, ML-DSA.Verify_internal, from line 7 on: with the message representative µ.
export function verifyMu(key, signature, mu) {
  if (signature.length !== SIGNATURE_BYTES || mu.length !== 64) return false;
  const commitment = signature.subarray(0, CHALLENGE_BYTES);
  const z = decodeResponse(signature);
  const hints = unpackHints(signature.subarray(CHALLENGE_BYTES + L * Z_BYTES));
  if (z === null || hints === null) return false;
  const c = ntt(sampleInBall(commitment));
  for (const polynomial of z) ntt(polynomial);
  const encoded = new Uint8Array((K * N) / 2);
  for (let row = 0; row < K; row += 1) {
    encodeHigh(usedHint(hints[row], approximateCommitment(key, row, z, c)), encoded, (row * N) / 2);
  }
  const found = shake256(mu, encoded).read(CHALLENGE_BYTES);
  return found.every((byte, index) => byte === commitment[index]);
}

// A row of w'_approx = NTT^-1(A ∘ NTT(z) - NTT(c) ∘ NTT(t1·2^d)). Six products below 2^46 each: exact.
function approximateCommitment(key, row, z, c) {
  const out = new Float64Array(N);
  const t1 = key.t1[row];
  const [a0, a1, a2, a3, a4] = key.matrix.slice(row * L, row * L + L);
  const [z0, z1, z2, z3, z4] = z;
  for (let j = 0; j < N; j += 1) {
    out[j] = reduce(a0[j] * z0[j] + a1[j] * z1[j] + a2[j] * z2[j] + a3[j] * z3[j] + a4[j] * z4[j] - c[j] * t1[j]);
  }
  return inverseNtt(out);
}

// z of Algorithm 27, sigDecode; null if its norm is γ1 - β or more (the check at the end of Algorithm 8).
export function decodeResponse(signature) {
  const z = [];
  for (let i = 0; i < L; i += 1) {
    const start = CHALLENGE_BYTES + i * Z_BYTES;
    const polynomial = unpackBits(signature.subarray(start, start + Z_BYTES), 20);
    for (let j = 0; j < N; j += 1) {
      polynomial[j] = GAMMA1 - polynomial[j];
      if (Math.abs(polynomial[j]) >= GAMMA1 - BETA) return null;
    }
    z.push(polynomial);
  }
  return z;
}

// Algorithm 21, HintBitUnpack; null for any encoding but the one.
export function unpackHints(bytes) {
  const hints = [];
  let index = 0;
  for (let i = 0; i < K; i += 1) {
    const end = bytes[OMEGA + i];
    if (end < index || end > OMEGA) return null;
    const hint = new Uint8Array(N);
    for (let first = index; index < end; index += 1) {
      if (index > first && bytes[index - 1] >= bytes[index]) return null;
      hint[bytes[index]] = 1;
    }
    hints.push(hint);
  }
  for (; index < OMEGA; index += 1) if (bytes[index] !== 0) return null;
  return hints;
}

// Algorithm 29, SampleInBall: a polynomial with TAU coefficients of ±1.
function sampleInBall(seed) {
  const c = new Float64Array(N);
  const stream = shake256(seed);
  const signs = stream.read(8);
  for (let i = N - TAU; i < N; i += 1) {
    let j = stream.next();
    while (j > i) j = stream.next();
    const bit = i + TAU - N;
    c[i] = c[j];
    c[j] = (signs[bit >> 3] >> (bit & 7)) & 1 ? -1 : 1;
  }
  return c;
}

// Algorithm 30, RejNTTPoly, for A[r, s] of Algorithm 32, ExpandA.
function rejectionSampledPolynomial(rho, s, r) {
  const stream = shake128(rho, Uint8Array.of(s, r));
  const out = new Float64Array(N);
  for (let j = 0; j < N; ) {
    // Algorithm 14, CoeffFromThreeBytes.
    const value = stream.next() | (stream.next() << 8) | ((stream.next() & 0x7f) << 16);
    if (value < Q) {
      out[j] = value;
      j += 1;
    }
  }
  return out;
}

// Algorithm 40, UseHint, over Algorithm 36, Decompose: the high bits of w, corrected where there is a hint.
export function usedHint(hint, w) {
  const out = new Uint8Array(N);
  for (let j = 0; j < N; j += 1) {
    let low = w[j] % (2 * GAMMA2);
    if (low > GAMMA2) low -= 2 * GAMMA2;
    let high = (w[j] - low) / (2 * GAMMA2);
    if (w[j] - low === Q - 1) {
      high = 0;
      low -= 1;
    }
    out[j] = hint[j] === 0 ? high : (high + (low > 0 ? 1 : 15)) & 15;
  }
  return out;
}

// Algorithm 28, w1Encode, of one polynomial: four bits each.
function encodeHigh(high, out, offset) {
  for (let j = 0; j < N; j += 2) out[offset + j / 2] = high[j] | (high[j + 1] << 4);
}
