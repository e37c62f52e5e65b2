// The one spelling of everything that is signed: canonical JSON. Whatever is read is written again and compared.
//
// UTF-8, keys sorted by code point, no spaces, integers within ±(2^53 - 1), nested 16 deep at most. Objects come back
// without a prototype: a key named __proto__ is a key like any other.

import { text as decoded } from "./bytes.js";
import { Flaw } from "./flaws.js";

export const MOST_BYTES = 65535; // of an entry: C2SP tlog-tiles has two bytes for the length
const MOST_DEPTH = 16;

// The value whose canonical JSON is `bytes`. Flaw: too_large; malformed for what is no JSON; not_canonical for other
// spellings, fractions, large integers, deep nesting. With `fractions`, numbers may be what Python writes for floats.
export function parse(bytes, where, { limit = MOST_BYTES, fractions = false } = {}) {
  if (bytes.length > limit) throw new Flaw("too_large", where, `${bytes.length} bytes, at most ${limit} are allowed`);
  let text;
  try {
    text = decoded(bytes);
  } catch {
    throw new Flaw("malformed", where, "no JSON: not UTF-8");
  }
  if (depthOf(text) > MOST_DEPTH) throw new Flaw("not_canonical", where, `nested deeper than ${MOST_DEPTH}`);
  const value = new Parser(text, where, fractions).document();
  // Different bytes never decode to the same text, so texts may be compared.
  if (encode(value, where) !== text) {
    throw new Flaw("not_canonical", where, "JSON, but not in its canonical spelling");
  }
  return value;
}

// Flaw malformed for a string with half a surrogate pair.
export function encode(value, where = "") {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new Flaw("malformed", where, "no JSON: half a surrogate pair");
    return JSON.stringify(value); // escapes what Python's json escapes with ensure_ascii=False
  }
  if (Array.isArray(value)) return `[${value.map((one) => encode(one, where)).join(",")}]`;
  if (value instanceof Float) return value.spelled;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort(byCodePoint);
    return `{${keys.map((key) => `${encode(key, where)}:${encode(value[key], where)}`).join(",")}}`;
  }
  return String(value); // an integer, true, false or null
}

// Order of code points, which is that of UTF-8 bytes; JavaScript's own is of UTF-16 units.
export function byCodePoint(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const [one, other] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

// Surrogates stand for code points above all that a single unit can.
const rank = (unit) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Float);

// A number of a verdict: its value, and how Python spells it (repr).
export class Float {
  constructor(value) {
    this.value = value;
    this.spelled = pythonRepr(value);
  }
}

function pythonRepr(value) {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [digits, exponent] = Math.abs(value).toExponential().split("e");
  const power = Number(exponent);
  const plain = digits.replace(".", "");
  if (power < -4 || power >= 16) {
    return `${sign}${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${plain}`;
  const padded = plain.padEnd(power + 1, "0");
  return `${sign}${padded.slice(0, power + 1)}.${padded.slice(power + 1) || "0"}`;
}

// How deep brackets are nested outside of strings; a lower bound in what is no JSON.
function depthOf(text) {
  let [deepest, depth, inside] = [0, 0, false];
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (inside) {
      if (unit === 0x5c) i += 1;
      else if (unit === 0x22) inside = false;
    } else if (unit === 0x22) {
      inside = true;
    } else if (unit === 0x7b || unit === 0x5b) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (unit === 0x7d || unit === 0x5d) {
      depth -= 1;
    }
  }
  return deepest;
}

const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const WORDS = [
  ["true", true],
  ["false", false],
  ["null", null],
];

// RFC 8259. Spaces and repeated keys are read: that they are not canonical shows when the value is written again.
class Parser {
  constructor(text, where, fractions) {
    Object.assign(this, { text, where, fractions, at: 0 });
  }

  document() {
    const value = this.value();
    this.space();
    if (this.at !== this.text.length) this.fail("more after the value");
    return value;
  }

  fail(reason) {
    throw new Flaw("malformed", this.where, `no JSON: ${reason} at character ${this.at}`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  value() {
    this.space();
    const character = this.text[this.at];
    if (character === "{") return this.object();
    if (character === "[") return this.array();
    if (character === '"') return this.string();
    for (const [word, value] of WORDS) if (this.skip(word)) return value;
    for (const word of ["NaN", "Infinity", "-Infinity"]) if (this.skip(word)) this.notInteger(word);
    return this.number();
  }

  skip(word) {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  object() {
    const out = Object.create(null);
    this.at += 1;
    this.space();
    if (this.skip("}")) return out;
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.fail("expected a key");
      const key = this.string();
      this.space();
      if (!this.skip(":")) this.fail("expected ':'");
      out[key] = this.value();
      this.space();
      if (this.skip("}")) return out;
      if (!this.skip(",")) this.fail("expected ',' or '}'");
    }
  }

  array() {
    const out = [];
    this.at += 1;
    this.space();
    if (this.skip("]")) return out;
    for (;;) {
      out.push(this.value());
      this.space();
      if (this.skip("]")) return out;
      if (!this.skip(",")) this.fail("expected ',' or ']'");
    }
  }

  string() {
    let out = "";
    this.at += 1;
    for (;;) {
      const plain = /[^"\\\u0000-\u001f]*/y;
      plain.lastIndex = this.at;
      out += plain.exec(this.text)[0];
      this.at = plain.lastIndex;
      if (this.skip('"')) return out;
      if (!this.skip("\\")) this.fail("a string that does not end, or holds a control character");
      out += this.escaped();
    }
  }

  escaped() {
    const letter = this.text[this.at] ?? "";
    this.at += 1;
    if (Object.hasOwn(ESCAPES, letter)) return ESCAPES[letter];
    const digits = this.text.slice(this.at, this.at + 4);
    if (letter !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("no such escape");
    this.at += 4;
    return String.fromCharCode(parseInt(digits, 16));
  }

  number() {
    const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
    number.lastIndex = this.at;
    const found = number.exec(this.text);
    if (found === null) this.fail("expected a value");
    const [spelled, fraction, exponent] = found;
    if (fraction !== undefined || exponent !== undefined) {
      if (!this.fractions || !Number.isFinite(Number(spelled))) this.notInteger(spelled);
      this.at = number.lastIndex;
      return new Float(Number(spelled));
    }
    const value = Number(spelled);
    if (!Number.isSafeInteger(value) || spelled.length > 17) {
      throw new Flaw("not_canonical", this.where, `the integer ${spelled.slice(0, 40)} is beyond ±(2^53 - 1)`);
    }
    this.at = number.lastIndex;
    return value === 0 ? 0 : value;
  }

  notInteger(spelled) {
    throw new Flaw("not_canonical", this.where, `the number ${spelled.slice(0, 40)} is not an integer`);
  }
}
