// What records have to look like: small checks that are put together. A check returns what is wrong, or null.

import { isObject } from "./canonical.js";

export const string = (value) => (typeof value === "string" ? null : "not a string");
export const truth = (value) => (typeof value === "boolean" ? null : "not true or false");
export const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? null : "not a count");
export const integer = (value) => (Number.isSafeInteger(value) ? null : "not an integer");
export const anything = () => null;

export const matching = (pattern) => (value) =>
  typeof value === "string" && pattern.test(value) ? null : `not of the form ${pattern.source}`;

export const digest = matching(/^[0-9a-f]{64}$/);

export const oneOf = (...values) => (value) => (values.includes(value) ? null : `none of ${values.join(", ")}`);

export const orNull = (check) => (value) => (value === null ? null : check(value));

// At most `most` characters, counted in code points.
export const atMost = (most) => (value) =>
  typeof value === "string" && [...value].length <= most ? null : `not a string of at most ${most} characters`;

export const listOf = (check) => (value) => {
  if (!Array.isArray(value)) return "not a list";
  return first(value.map((one, index) => [index, check(one)]));
};

export const mapOf = (check) => (value) => {
  if (!isObject(value)) return "not an object";
  return first(Object.keys(value).map((name) => [name, check(value[name])]));
};

// An object with exactly these fields.
export const record = (fields) => (value) => {
  if (!isObject(value)) return "not an object";
  const missing = Object.keys(fields).find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${missing}: missing`;
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) return `${unknown.slice(0, 80)}: not known`;
  return first(Object.entries(fields).map(([name, check]) => [name, check(value[name])]));
};

function first(findings) {
  const found = findings.find(([, wrong]) => wrong !== null);
  return found === undefined ? null : `${String(found[0]).slice(0, 80)}: ${found[1]}`;
}
