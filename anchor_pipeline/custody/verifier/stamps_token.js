// What the answer of a time-stamping authority says (RFC 3161). Only what is signed is believed, and what names the signer.

import { concat, equal, hex } from "./bytes.js";
import { readCertificate } from "./stamps_certificate.js";
import {
  BOOLEAN, GENERALIZED_TIME, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, SET, WrongStamp,
  algorithmIn, identifier, inside, integer, isNumber, only,
} from "./stamps_der.js";

const SHA256 = "608648016503040201";
const SIGNED_DATA = "2a864886f70d010702";
const TOKEN_INFO = "2a864886f70d0109100104";
const CONTENT_TYPE = "2a864886f70d010903";
const MESSAGE_DIGEST = "2a864886f70d010904";
export const SIGNING_CERTIFICATE = "2a864886f70d010910020c";
const SIGNING_CERTIFICATE_2 = "2a864886f70d010910022f";

const TIME = /^((?:19[5-9][0-9]|[2-9][0-9]{3})[0-9]{10})(?:\.[0-9]{0,8}[1-9])?Z$/;
const LONGEST_SERIAL = 64;
const NOTHING = new Uint8Array(0);

// {time: "YYYYMMDDHHMMSS" in UTC, serial, info, signer, certificates}; WrongStamp if it is no answer that grants a stamp,
// or one of something else than `digest`.
export function readToken(data, digest) {
  const answer = inside(only(data, SEQUENCE));
  if (!isNumber(inside(answer.take(SEQUENCE)).take(INTEGER), 0)) {
    throw new WrongStamp("the authority refused: there is no time stamp inside");
  }
  const content = inside(answer.take(SEQUENCE));
  answer.end();
  expect(content.take(OID), SIGNED_DATA, "signed data");
  const signed = inside(only(content.take(0xa0).content, SEQUENCE));
  content.end();
  integer(signed.take(INTEGER));
  signed.take(SET);
  const info = infoIn(inside(signed.take(SEQUENCE)));
  const carried = signed.maybe(0xa0);
  signed.maybe(0xa1);
  const signers = inside(signed.take(SET));
  signed.end();
  const signer = signerIn(inside(signers.take(SEQUENCE)));
  signers.end();
  const found = carried === null ? [] : inside(carried).rest();
  const certificates = found.filter((one) => one.tag === SEQUENCE).map((one) => readCertificate(one.whole));
  const { time, serial } = told(inside(only(info, SEQUENCE)), digest);
  checkDate(time);
  return { time, serial, info, signer, certificates };
}

function infoIn(encapsulated) {
  expect(encapsulated.take(OID), TOKEN_INFO, "a time stamp");
  const info = only(encapsulated.take(0xa0).content, OCTET_STRING).content;
  encapsulated.end();
  return info;
}

function told(info, digest) {
  if (!isNumber(info.take(INTEGER), 1)) throw new WrongStamp("a time stamp of another version than 1");
  info.take(OID);
  const imprint = inside(info.take(SEQUENCE));
  const algorithm = inside(imprint.take(SEQUENCE));
  const hashed = identifier(algorithm.take(OID));
  const stamped = imprint.take(OCTET_STRING).content;
  algorithm.maybe(NULL);
  algorithm.end();
  imprint.end();
  if (hashed !== SHA256 || !equal(stamped, digest)) throw new WrongStamp("a time stamp of something else than this head");
  const serial = info.take(INTEGER);
  if (serial.content.length > LONGEST_SERIAL) throw new WrongStamp(`a serial number of more than ${LONGEST_SERIAL} bytes`);
  const time = TIME.exec(String.fromCharCode(...info.take(GENERALIZED_TIME).content.subarray(0, 40)));
  if (time === null) throw new WrongStamp("a time stamp without a time in UTC");
  for (const tag of [SEQUENCE, BOOLEAN, INTEGER, 0xa0, 0xa1]) info.maybe(tag);
  info.end();
  return { time: time[1], serial: hex(integer(serial)).replace(/^00(?=..)/, "") };
}

function checkDate(time) {
  const parts = /^(....)(..)(..)(..)(..)(..)$/.exec(time).slice(1).map(Number);
  const [year, month, day, hour, minute, second] = parts;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const back = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  if ([...back, date.getUTCSeconds()].some((value, index) => value !== parts[index])) {
    throw new WrongStamp("a time stamp with a time that there never was");
  }
}

// The one SignerInfo: {sid, digest, attributes, messageDigest, named: {kind, value}, algorithm, signature}.
function signerIn(info) {
  integer(info.take(INTEGER));
  const sid = info.take(info.tag === 0x80 ? 0x80 : SEQUENCE);
  const digest = algorithmIn(info.take(SEQUENCE));
  const attributes = info.take(0xa0);
  const algorithm = algorithmIn(info.take(SEQUENCE));
  const signature = info.take(OCTET_STRING).content;
  info.maybe(0xa1);
  info.end();
  const values = attributesIn(attributes);
  expect(only(values.get(CONTENT_TYPE) ?? NOTHING, OID), TOKEN_INFO, "a time stamp");
  const messageDigest = only(values.get(MESSAGE_DIGEST) ?? NOTHING, OCTET_STRING).content;
  const kind = [SIGNING_CERTIFICATE_2, SIGNING_CERTIFICATE].find((one) => values.has(one));
  if (kind === undefined) throw new WrongStamp("a time stamp that does not name the certificate of its signer");
  const named = { kind, value: values.get(kind) };
  // What is signed is the same as a SET.
  const what = concat(Uint8Array.of(SET), attributes.whole.subarray(1));
  return { sid, digest, attributes: what, messageDigest, named, algorithm, signature };
}

function attributesIn(attributes) {
  const values = new Map();
  for (const element of inside(attributes).rest()) {
    if (element.tag !== SEQUENCE) throw new WrongStamp("no DER of a time stamp: a signed attribute that is none");
    const attribute = inside(element);
    const name = identifier(attribute.take(OID));
    if (values.has(name)) throw new WrongStamp("a signed attribute that is there twice");
    values.set(name, attribute.take(SET).content);
    attribute.end();
  }
  return values;
}

function expect(element, wanted, what) {
  if (identifier(element) !== wanted) throw new WrongStamp(`not ${what}: object identifier ${identifier(element).slice(0, 40)}`);
}
