// The constants of SHA-2 (FIPS 180-4, sections 4.2 and 5.3), computed from what defines them: the first 64 bits of the
// fractional parts of the cube roots (rounds) and square roots (start values) of the first primes. SHA-256 has the
// first 32 of those bits.

const primes = [];
for (let n = 2; primes.length < 80; n += 1) {
  if (primes.every((prime) => n % prime !== 0)) primes.push(n);
}

function integerRoot(value, power) {
  // The largest x with x**power <= value, bit by bit.
  let root = 0n;
  for (let bit = 1n << 70n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** power <= value) root += bit;
  }
  return root;
}

const fractions = (count, power) =>
  primes.slice(0, count).map((prime) => BigInt.asUintN(64, integerRoot(BigInt(prime) << (64n * power), power)));

// 64-bit words as BigInt.
export const ROUND_CONSTANTS = fractions(80, 3n);
export const START_VALUES = fractions(8, 2n);
