// What has to be known of the certificate that a time stamp was signed with (X.509): whose it is, what for, and its key.

import { text } from "./bytes.js";
import {
  BIT_STRING, BOOLEAN, Elements, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, UTC_TIME, WrongStamp,
  identifier, inside, only,
} from "./stamps_der.js";

const NAMES = { "550403": "CN", "55040a": "O" };
const READABLE = [0x0c, 0x13, 0x16]; // UTF8String, PrintableString, IA5String
const LONGEST_NAME = 200;
const EXTENDED_USE = "551d25";
const STAMPING = "2b06010505070308";
const TIME = /^[0-9]{14}Z$/;

// {data, issuer, serial, name, since, until, key, stamping}; its own signature is not verified: who stands behind it is
// for the reader to know. WrongStamp if it is no certificate of X.509, version 3.
export function readCertificate(data) {
  const whole = inside(only(data, SEQUENCE));
  const body = inside(whole.take(SEQUENCE));
  whole.take(SEQUENCE);
  whole.take(BIT_STRING);
  whole.end();
  body.take(0xa0);
  const serial = body.take(INTEGER);
  body.take(SEQUENCE);
  const issuer = body.take(SEQUENCE);
  const times = inside(body.take(SEQUENCE));
  const [since, until] = [timeOf(times.take()), timeOf(times.take())];
  times.end();
  const [subject, key] = [body.take(SEQUENCE), body.take(SEQUENCE)];
  body.maybe(0x81);
  body.maybe(0x82);
  const extensions = body.maybe(0xa3);
  body.end();
  const stamping = extensions !== null && isForStamps(inside(only(extensions.content, SEQUENCE)));
  const name = nameOf(inside(subject));
  return { data, issuer: issuer.whole, serial: serial.whole, name, since, until, key: key.whole, stamping };
}

// YYYYMMDDHHMMSS, UTC.
function timeOf({ tag, content }) {
  let time = String.fromCharCode(...content.subarray(0, 20));
  if (tag === UTC_TIME) time = (time.slice(0, 2) >= "50" ? "19" : "20") + time;
  else if (tag !== GENERALIZED_TIME) time = "";
  if (!TIME.test(time) || content.length > 15) throw new WrongStamp("a certificate without a time in UTC");
  return time.slice(0, -1);
}

function isForStamps(extensions) {
  for (const element of extensions.rest()) {
    const extension = inside(element);
    const name = identifier(extension.take(OID));
    extension.maybe(BOOLEAN);
    const value = extension.take(OCTET_STRING).content;
    if (name === EXTENDED_USE) return inside(only(value, SEQUENCE)).rest().some((use) => identifier(use) === STAMPING);
  }
  return false;
}

// Common name and organisation, as far as they can be shown.
function nameOf(parts) {
  const found = [];
  for (const part of parts.rest()) {
    if (part.tag !== SET) throw new WrongStamp("a certificate whose holder has no name");
    for (const one of inside(part).rest()) {
      const pair = new Elements(one.content);
      const kind = identifier(pair.take(OID));
      const value = pair.take();
      if (NAMES[kind] && READABLE.includes(value.tag)) found.push(`${NAMES[kind]}=${readable(value.content)}`);
    }
  }
  return found.join(", ").slice(0, LONGEST_NAME) || "no name";
}

function readable(bytes) {
  try {
    return text(bytes);
  } catch {
    return "?";
  }
}
