// Arithmetic of ML-DSA (FIPS 204) in Z_q[X]/(X^256 + 1), q = 8380417.
//
// Coefficients are plain numbers in Float64Arrays: a product of two residues is below 2^46 and thus exact, and the
// quotient that a reduction needs comes from one multiplication. Results lie in [0, q] and mean residues modulo q.

export const Q = 8380417;
export const N = 256;
const ROOT_OF_UNITY = 1753; // ζ, of order 512
const INVERSE_Q = 1 / Q;
const INVERSE_N = 8347681; // 256^-1 mod q

export const reduce = (value) => value - Math.floor(value * INVERSE_Q) * Q;

// zetas[k] = ζ^(bit-reversed k) (FIPS 204, appendix B).
const zetas = new Float64Array(N);
{
  const powers = [1];
  while (powers.length < N) powers.push((powers[powers.length - 1] * ROOT_OF_UNITY) % Q);
  for (let k = 0; k < N; k += 1) {
    let reversed = 0;
    for (let bit = 0; bit < 8; bit += 1) reversed |= ((k >> bit) & 1) << (7 - bit);
    zetas[k] = powers[reversed];
  }
}

// Algorithm 41, NTT, in place. Sums are not reduced: eight layers make them no larger than 9q.
export function ntt(w) {
  let m = 0;
  for (let length = 128; length >= 1; length >>= 1) {
    for (let start = 0; start < N; start += 2 * length) {
      m += 1;
      const zeta = zetas[m];
      for (let j = start; j < start + length; j += 1) {
        const product = zeta * w[j + length];
        const t = product - Math.floor(product * INVERSE_Q) * Q;
        w[j + length] = w[j] - t;
        w[j] += t;
      }
    }
  }
  for (let j = 0; j < N; j += 1) w[j] = reduce(w[j]);
  return w;
}

// Algorithm 42, NTT^-1, in place; coefficients of the result are in [0, q).
export function inverseNtt(w) {
  let m = N;
  for (let length = 1; length < N; length *= 2) {
    for (let start = 0; start < N; start += 2 * length) {
      m -= 1;
      const zeta = Q - zetas[m];
      for (let j = start; j < start + length; j += 1) {
        const t = w[j];
        w[j] = t + w[j + length];
        const product = zeta * (t - w[j + length]);
        w[j + length] = product - Math.floor(product * INVERSE_Q) * Q;
      }
    }
    // Sums double with every layer; after four they are at most 16q, and products stay below 2^53.
    if (length === 8) for (let j = 0; j < N; j += 1) w[j] = reduce(w[j]);
  }
  for (let j = 0; j < N; j += 1) {
    const value = reduce(reduce(w[j]) * INVERSE_N);
    w[j] = value >= Q ? value - Q : value;
  }
  return w;
}

// `bits` bits of each of 256 coefficients, least significant first (Algorithms 18 and 19, the integers alone).
export function unpackBits(bytes, bits) {
  const out = new Float64Array(N);
  let held = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < N; i += 1) {
    while (count < bits) {
      held |= bytes[at] << count;
      at += 1;
      count += 8;
    }
    out[i] = held & ((1 << bits) - 1);
    held >>>= bits;
    count -= bits;
  }
  return out;
}
