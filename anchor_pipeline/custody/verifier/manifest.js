// MANIFEST.json: what a release holds, and by which verdict. The one spelling of its content, with its digest in it.

import { hex, utf8 } from "./bytes.js";
import { encode, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";
import { NOTICE } from "./recalled.js";
import { count, digest, integer, listOf, mapOf, matching, orNull, record, string } from "./shape.js";
import { sha256 } from "./sha256.js";

const FORMAT = 2;
const LIMIT = 2 ** 30;

const positive = (value) => count(value) ?? (value === 0 ? "not 1 or more" : null);
const name = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const share = /^(?:0|[1-9][0-9]*)\.[0-9]{6}$/;
const file = { path: matching(name), sha256: digest, bytes: count };
const sums = { tokens: count, documents: count };

const manifest = record({
  format: integer,
  project: string,
  stage: string,
  cycle: string,
  as_of: string,
  written_by: string,
  parts: listOf(record({ ...file, rows: positive, tokens: count })),
  files: listOf(record(file)),
  rows: count,
  amounts: mapOf(record({ unit: string, ...sums })),
  shares: mapOf(mapOf(mapOf(record({ ...sums, share: matching(share) })))),
  documents: orNull(record({ count: positive, root: digest })),
  digests: record({ policy: string, selection: string, corpus: string, verdict: string }),
  previous: orNull(record({ cycle: string, digest })),
  revision: count,
  replaces: orNull(record({ revision: positive, digest })),
  digest,
});

// The manifest in `bytes`; Flaw manifest if it is not a sound one.
export function parseManifest(bytes) {
  const wrong = (detail) => new Flaw("manifest", "MANIFEST.json", detail);
  let found;
  try {
    found = parse(bytes, "MANIFEST.json", { limit: LIMIT });
  } catch (error) {
    throw error instanceof Flaw ? wrong(error.message) : error;
  }
  if (found !== null && found.format !== undefined && found.format !== FORMAT) {
    throw wrong(`format ${encode(found.format).slice(0, 40)}, this page reads format ${FORMAT}`);
  }
  const problem = manifest(found) ?? contradiction(found);
  if (problem !== null) throw wrong(problem);
  const { revision: _, replaces: __, digest: stated, ...rest } = found;
  const computed = hex(sha256(utf8(encode(rest))));
  if (computed !== stated) throw wrong(`altered: its content has the digest ${computed}, it states ${stated}`);
  return found;
}

// Whether a file of a release is beside those of its manifest, which is older: its custody, or the notice of a recall.
export const isBeside = (name) => name === "VERIFY.html" || name === NOTICE || name.startsWith("custody/");

function contradiction({ parts, files, rows }) {
  if (parts.length === 0) return "no parts";
  const pad = (number) => String(number).padStart(5, "0");
  const wanted = (index) => `data/train-${pad(index)}-of-${pad(parts.length)}.parquet`;
  const misnamed = parts.findIndex((part, index) => part.path !== wanted(index));
  if (misnamed >= 0) return `part ${misnamed} is named ${parts[misnamed].path}, expected ${wanted(misnamed)}`;
  if (rows !== parts.reduce((sum, part) => sum + part.rows, 0)) return "the rows of the parts do not add up";
  const names = files.map((one) => one.path);
  if (names.some((one, index) => index > 0 && names[index - 1] >= one)) return "files not sorted, or named twice";
  const strange = names.find((one) => one.split("/")[0] === "data" || one === "MANIFEST.json" || isBeside(one));
  return strange === undefined ? null : `${strange} cannot be listed among the other files`;
}
