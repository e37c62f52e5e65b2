// SHA-512 (FIPS 180-4, section 6.4), for browsers that keep their own from this page. 64-bit words are pairs of
// 32-bit ones, high before low.

import { ROUND_CONSTANTS, START_VALUES } from "./sha_constants.js";

const pairs = (words) => Int32Array.from(words.flatMap((word) => [word >> 32n, word]), (w) => Number(BigInt.asIntN(32, w)));
const K = pairs(ROUND_CONSTANTS);
const START = pairs(START_VALUES);

// Halves of rotations and shifts of the word (high, low).
const rotateHigh = (high, low, n) => (n < 32 ? (high >>> n) | (low << (32 - n)) : (low >>> (n - 32)) | (high << (64 - n)));
const rotateLow = (high, low, n) => rotateHigh(low, high, n);

const carry = (sum) => Math.floor(sum / 2 ** 32);

function compress(state, bytes, offset, w) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 128);
  for (let t = 0; t < 32; t += 1) w[t] = view.getInt32(4 * t);
  for (let t = 32; t < 160; t += 2) {
    const [xh, xl, yh, yl] = [w[t - 30], w[t - 29], w[t - 4], w[t - 3]];
    const s0h = rotateHigh(xh, xl, 1) ^ rotateHigh(xh, xl, 8) ^ (xh >>> 7);
    const s0l = rotateLow(xh, xl, 1) ^ rotateLow(xh, xl, 8) ^ ((xl >>> 7) | (xh << 25));
    const s1h = rotateHigh(yh, yl, 19) ^ rotateHigh(yh, yl, 61) ^ (yh >>> 6);
    const s1l = rotateLow(yh, yl, 19) ^ rotateLow(yh, yl, 61) ^ ((yl >>> 6) | (yh << 26));
    const low = (w[t - 31] >>> 0) + (s0l >>> 0) + (w[t - 13] >>> 0) + (s1l >>> 0);
    w[t + 1] = low;
    w[t] = w[t - 32] + s0h + w[t - 14] + s1h + carry(low);
  }
  const v = state.slice();
  for (let t = 0; t < 160; t += 2) {
    const [ah, al, bh, bl, ch, cl, , , eh, el, fh, fl, gh, gl, hh, hl] = v;
    const S1h = rotateHigh(eh, el, 14) ^ rotateHigh(eh, el, 18) ^ rotateHigh(eh, el, 41);
    const S1l = rotateLow(eh, el, 14) ^ rotateLow(eh, el, 18) ^ rotateLow(eh, el, 41);
    const chl = (el & fl) ^ (~el & gl);
    const low1 = (hl >>> 0) + (S1l >>> 0) + (chl >>> 0) + (K[t + 1] >>> 0) + (w[t + 1] >>> 0);
    const high1 = (hh + S1h + ((eh & fh) ^ (~eh & gh)) + K[t] + w[t] + carry(low1)) | 0;
    const S0h = rotateHigh(ah, al, 28) ^ rotateHigh(ah, al, 34) ^ rotateHigh(ah, al, 39);
    const S0l = rotateLow(ah, al, 28) ^ rotateLow(ah, al, 34) ^ rotateLow(ah, al, 39);
    const majl = (al & bl) ^ (al & cl) ^ (bl & cl);
    const low2 = (low1 >>> 0) + (S0l >>> 0) + (majl >>> 0);
    v.copyWithin(2, 0, 14);
    const lowE = (v[9] >>> 0) + (low1 >>> 0); // v[8], v[9] hold d now
    v[9] = lowE;
    v[8] = v[8] + high1 + carry(lowE);
    v[1] = low2;
    v[0] = high1 + S0h + ((ah & bh) ^ (ah & ch) ^ (bh & ch)) + carry(low2);
  }
  for (let i = 0; i < 16; i += 2) {
    const low = (state[i + 1] >>> 0) + (v[i + 1] >>> 0);
    state[i + 1] = low;
    state[i] = state[i] + v[i] + carry(low);
  }
}

export function sha512(...pieces) {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const padded = new Uint8Array(Math.ceil((length + 17) / 128) * 128);
  let at = 0;
  for (const piece of pieces) {
    padded.set(piece, at);
    at += piece.length;
  }
  padded[at] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padded.length - 4, (length * 8) >>> 0);
  const state = START.slice();
  const schedule = new Int32Array(160);
  for (let offset = 0; offset < padded.length; offset += 128) compress(state, padded, offset, schedule);
  const out = new Uint8Array(64);
  state.forEach((word, index) => new DataView(out.buffer).setInt32(4 * index, word));
  return out;
}
