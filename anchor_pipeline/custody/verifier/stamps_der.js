// DER as far as time stamps need it (X.690, section 10): elements in their order, each with one spelling of its length.
// Only what is asked for is gone into, so there is no depth that a foreign file could choose.

import { hex } from "./bytes.js";

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OID = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;

const LONGEST = 3; // bytes of a length; a stamp is shorter than what more of them could say

// Why a file is no stamp, or not the one that it should be.
export class WrongStamp extends Error {}

const wrong = (what) => new WrongStamp(`no DER of a time stamp: ${what}`);
const shown = (tag) => (tag === undefined ? "none" : `0x${hex([tag])}`);

// Elements {tag, content, whole} that follow each other, taken one by one.
export class Elements {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  get tag() {
    return this.data[this.at];
  }

  take(tag) {
    const { data, at: start } = this;
    const found = data[start];
    if (found === undefined || (tag !== undefined && found !== tag)) {
      throw wrong(`tag ${shown(found)} where ${shown(tag)} is due`);
    }
    if ((found & 0x1f) === 0x1f || start + 2 > data.length) throw wrong("a tag of several bytes, or one without a length");
    let length = data[start + 1];
    let at = start + 2;
    if (length >= 0x80) {
      const count = length - 0x80;
      const spelled = data.subarray(at, at + count);
      if (count < 1 || count > LONGEST || spelled.length < count || spelled[0] === 0) throw wrong("a length in another spelling");
      length = spelled.reduce((sum, byte) => sum * 256 + byte, 0);
      if (length < 0x80) throw wrong("a length in another spelling");
      at += count;
    }
    if (at + length > data.length) throw wrong("it is cut off");
    this.at = at + length;
    return { tag: found, content: data.subarray(at, this.at), whole: data.subarray(start, this.at) };
  }

  maybe(tag) {
    return this.tag === tag ? this.take(tag) : null;
  }

  rest() {
    const found = [];
    while (this.tag !== undefined) found.push(this.take());
    return found;
  }

  end() {
    if (this.tag !== undefined) throw wrong("more than belongs there");
  }
}

export const inside = (element) => new Elements(element.content);

// The one element that `data` is.
export function only(data, tag) {
  const elements = new Elements(data);
  const found = elements.take(tag);
  elements.end();
  return found;
}

// The bytes of an INTEGER; WrongStamp if it is not spelled as it has to be.
export function integer({ content: data }) {
  const idle = data.length > 1 && (data[0] === 0 || data[0] === 0xff) && ((data[0] ^ data[1]) & 0x80) === 0;
  if (data.length === 0 || idle) throw wrong("a number that is not spelled as it has to be");
  return data;
}

// Whether an INTEGER is this small number.
export const isNumber = (element, number) => integer(element).length === 1 && element.content[0] === number;

// Object identifiers are compared as the hexadecimal digits of their content.
export const identifier = (element) => hex(element.content);
export const algorithmIn = (element) => identifier(inside(element).take(OID));
