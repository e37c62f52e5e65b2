// SHAKE128 and SHAKE256 (FIPS 202): Keccak-f[1600] in 32-bit halves, lane i is words[2i] (low) and words[2i + 1] (high).

const ROUNDS = 24;
const words = new Int32Array(50);
const parity = new Int32Array(10);
const row = new Int32Array(10);

// Rotations (ρ) and places (π) along the one cycle that visits every lane but the first; FIPS 202, 3.2.2 and 3.2.3.
const ROTATION = new Int32Array(24);
const PLACE = new Int32Array(24);
for (let t = 0, x = 1, y = 0; t < 24; t += 1) {
  ROTATION[t] = (((t + 1) * (t + 2)) / 2) % 64;
  [x, y] = [y, (2 * x + 3 * y) % 5];
  PLACE[t] = 2 * (x + 5 * y);
}

// Round constants (ι) from the linear feedback shift register of FIPS 202, 3.2.5.
const CONSTANTS = new Int32Array(2 * ROUNDS);
for (let round = 0, register = 1; round < ROUNDS; round += 1) {
  for (let j = 0; j < 7; j += 1) {
    const bit = 2 ** j - 1;
    if (register & 1) CONSTANTS[2 * round + (bit >> 5)] ^= 1 << (bit & 31);
    register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
  }
}

function permute(s) {
  for (let round = 0; round < ROUNDS; round += 1) {
    // θ
    for (let x = 0; x < 10; x += 1) parity[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
    for (let x = 0; x < 10; x += 2) {
      const low = parity[(x + 2) % 10];
      const high = parity[(x + 3) % 10];
      const changeLow = parity[(x + 8) % 10] ^ ((low << 1) | (high >>> 31));
      const changeHigh = parity[(x + 9) % 10] ^ ((high << 1) | (low >>> 31));
      for (let y = 0; y < 50; y += 10) {
        s[x + y] ^= changeLow;
        s[x + y + 1] ^= changeHigh;
      }
    }
    // ρ and π
    let low = s[2];
    let high = s[3];
    for (let t = 0; t < 24; t += 1) {
      const n = ROTATION[t];
      const at = PLACE[t];
      const [a, b] = n < 32 ? [low, high] : [high, low];
      const m = n & 31;
      low = s[at];
      high = s[at + 1];
      s[at] = m === 0 ? a : (a << m) | (b >>> (32 - m));
      s[at + 1] = m === 0 ? b : (b << m) | (a >>> (32 - m));
    }
    // χ
    for (let y = 0; y < 50; y += 10) {
      for (let x = 0; x < 10; x += 1) row[x] = s[y + x];
      for (let x = 0; x < 10; x += 1) s[y + x] ^= ~row[(x + 2) % 10] & row[(x + 4) % 10];
    }
    // ι
    s[0] ^= CONSTANTS[2 * round];
    s[1] ^= CONSTANTS[2 * round + 1];
  }
}

// A sponge that takes its whole input at once and then gives as many bytes as are asked for. One at a time: all share
// one state, so a new one ends the life of the one before.
export class Shake {
  constructor(rate, pieces) {
    this.rate = rate;
    this.at = 0;
    words.fill(0);
    for (const piece of pieces) for (let i = 0; i < piece.length; i += 1) this.absorb(piece[i]);
    words[this.at >> 2] ^= 0x1f << (8 * (this.at & 3));
    words[(rate - 1) >> 2] ^= 0x80 << (8 * ((rate - 1) & 3));
    permute(words);
    this.at = 0;
  }

  absorb(byte) {
    words[this.at >> 2] ^= byte << (8 * (this.at & 3));
    this.at += 1;
    if (this.at === this.rate) {
      permute(words);
      this.at = 0;
    }
  }

  next() {
    if (this.at === this.rate) {
      permute(words);
      this.at = 0;
    }
    const byte = (words[this.at >> 2] >>> (8 * (this.at & 3))) & 0xff;
    this.at += 1;
    return byte;
  }

  read(length) {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) out[i] = this.next();
    return out;
  }
}

export const shake128 = (...pieces) => new Shake(168, pieces);
export const shake256 = (...pieces) => new Shake(136, pieces);
