// SHA-256 (FIPS 180-4, section 6.2), at once and in pieces. The browser's own is used where whole files are hashed;
// this one serves Merkle trees (thousands of short inputs) and files too large to be held in memory.

import { ROUND_CONSTANTS, START_VALUES } from "./sha_constants.js";

const K = Int32Array.from(ROUND_CONSTANTS.slice(0, 64), (word) => Number(BigInt.asIntN(32, word >> 32n)));
const START = Int32Array.from(START_VALUES, (word) => Number(BigInt.asIntN(32, word >> 32n)));
const schedule = new Int32Array(64);

function compress(state, bytes, offset) {
  const w = schedule;
  for (let t = 0, at = offset; t < 16; t += 1, at += 4) {
    w[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let t = 16; t < 64; t += 1) {
    const x = w[t - 15];
    const y = w[t - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t += 1) {
    const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + S1 + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0;
    const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

export class Sha256 {
  constructor() {
    this.state = START.slice();
    this.block = new Uint8Array(64);
    this.filled = 0;
    this.length = 0;
  }

  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    if (this.filled > 0) {
      at = Math.min(64 - this.filled, bytes.length);
      this.block.set(bytes.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < 64) return this;
      compress(this.state, this.block, 0);
      this.filled = 0;
    }
    for (; at + 64 <= bytes.length; at += 64) compress(this.state, bytes, at);
    this.block.set(bytes.subarray(at));
    this.filled = bytes.length - at;
    return this;
  }

  digest() {
    const bits = this.length * 8;
    const padding = new Uint8Array(this.filled < 56 ? 64 - this.filled : 128 - this.filled);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    const out = new Uint8Array(32);
    this.state.forEach((word, index) => new DataView(out.buffer).setInt32(4 * index, word));
    return out;
  }
}

// The digest of the given pieces, one after another.
export function sha256(...pieces) {
  const hash = new Sha256();
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}
