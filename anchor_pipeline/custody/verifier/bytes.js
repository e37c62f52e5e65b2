// Bytes and their spellings, and files read piece by piece. A source is a Uint8Array or a File.

import { Flaw } from "./flaws.js";

const encoder = new TextEncoder();
// A byte order mark is data like any other: the parser refuses it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text) => encoder.encode(text);
// TypeError for what is no UTF-8.
export const text = (bytes) => decoder.decode(bytes);

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
export const hex = (bytes) => Array.from(bytes, (byte) => HEX[byte]).join("");
export const unhex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));

export function concat(...pieces) {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

export const equal = (a, b) => a.length === b.length && a.every((byte, index) => byte === b[index]);

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i += 1) VALUE[ALPHABET.charCodeAt(i)] = i;

export function b64(bytes) {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += ALPHABET[n >> 18] + ALPHABET[(n >> 12) & 63];
    out += i + 1 < bytes.length ? ALPHABET[(n >> 6) & 63] : "=";
    out += i + 2 < bytes.length ? ALPHABET[n & 63] : "=";
  }
  return out;
}

// RFC 4648 with padding, one spelling only: Flaw malformed for what is no base64 or of another length, not_canonical
// for unused bits that are not zero.
export function unb64(spelled, where, length = null) {
  const padding = spelled.endsWith("==") ? 2 : spelled.endsWith("=") ? 1 : 0;
  const digits = spelled.length - padding;
  if (spelled.length % 4 !== 0) throw new Flaw("malformed", where, "no base64");
  const out = new Uint8Array((spelled.length / 4) * 3 - padding);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < digits; i += 1) {
    const code = spelled.charCodeAt(i);
    const value = code < 128 ? VALUE[code] : -1;
    if (value < 0) throw new Flaw("malformed", where, "no base64");
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at] = (held >> bits) & 0xff;
      at += 1;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw new Flaw("not_canonical", where, "base64 with unused bits that are not zero");
  if (length !== null && out.length !== length) {
    throw new Flaw("malformed", where, `${out.length} bytes, expected ${length}`);
  }
  return out;
}

export const sizeOf = (source) => (source instanceof Uint8Array ? source.length : source.size);

// A whole source; Flaw too_large beyond `limit` bytes.
export async function readAll(source, where, limit) {
  if (sizeOf(source) > limit) {
    throw new Flaw("too_large", where, `${sizeOf(source)} bytes, at most ${limit} are allowed`);
  }
  return source instanceof Uint8Array ? source : new Uint8Array(await source.arrayBuffer());
}

const PIECE = 1 << 20;

export async function* pieces(source, size = PIECE) {
  const length = sizeOf(source);
  for (let at = 0; at < length; at += size) {
    if (source instanceof Uint8Array) yield source.subarray(at, at + size);
    else yield new Uint8Array(await source.slice(at, at + size).arrayBuffer());
  }
}

// Lists of lines without their newlines, as they come. Flaw truncated if the last one has no newline, too_large for a
// line of more than `limit` bytes.
export async function* linesOf(chunks, limit, place) {
  let rest = new Uint8Array(0);
  let index = 0;
  for await (const chunk of chunks) {
    const data = rest.length === 0 ? chunk : concat(rest, chunk);
    const lines = [];
    let start = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      lines.push(data.subarray(start, end));
      start = end + 1;
    }
    rest = data.subarray(start);
    index += lines.length;
    if (lines.length > 0) yield lines;
    if (rest.length > limit) throw new Flaw("too_large", `${place} ${index}`, `more than ${limit} bytes`);
  }
  if (rest.length > 0) throw new Flaw("truncated", `${place} ${index}`, "no newline at its end");
}
