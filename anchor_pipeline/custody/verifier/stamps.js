// Outside stamps that lie with a ledger, stamps/<size>.<kind>, of heads that it really had. They come from elsewhere and
// later than the release, so anybody may have put them there: what is believed is computed here.

import { b64, hex, readAll, utf8 } from "./bytes.js";
import { Flaw } from "./flaws.js";
import { sha256 } from "./sha256.js";
import { readCalendarProof } from "./stamps_calendar.js";
import { WrongStamp } from "./stamps_der.js";
import { Unchecked, signerOf } from "./stamps_signature.js";
import { readToken } from "./stamps_token.js";
import { tellStamps } from "./stamps_words.js";

const FOLDER = "custody/stamps/";
const MOST_BYTES = 100000;
const NAME = /^([1-9][0-9]{0,15})\.(ots|tsr)$/;

// The claims about the stamps among the files. `ledger` is one that was checked, or null.
export async function checkStamps({ files, claims, signatures, summary }, ledger) {
  const folder = summary.kind === "ledger" && ![...files.keys()].some((name) => name.startsWith(FOLDER)) ? "stamps/" : FOLDER;
  const names = [...files.keys()].filter((name) => name.startsWith(folder));
  if (names.length === 0) return;
  if (ledger === null) {
    claims.open("stamps", "Outside time stamps are there; what they are of cannot be said, as the record is not sound");
    return;
  }
  const found = [];
  for (const name of names.sort(byPlace(folder))) {
    const stamp = await claims.attempt(() => checked(files.get(name), name, name.slice(folder.length), ledger, signatures.subtle));
    if (stamp !== undefined) found.push(stamp);
  }
  tellStamps(found, claims);
}

async function checked(source, path, name, ledger, subtle) {
  const where = path.slice(0, 200);
  const parts = NAME.exec(name);
  if (parts === null) throw new Flaw("stamp", where, "no stamp has such a name");
  const [size, kind] = [Number(parts[1]), parts[2]];
  if (size > ledger.size) throw new Flaw("stamp", where, `of ${size} entries, the ledger has ${ledger.size}`);
  const head = { origin: ledger.origin, size, root: ledger.roots[size - 1] };
  try {
    const bytes = await readAll(source, where, MOST_BYTES);
    return { size, kind, ...(await readStamp(bytes, kind, digestOf(head), subtle)) };
  } catch (error) {
    if (error instanceof WrongStamp) throw new Flaw("stamp", where, error.message);
    if (error instanceof Flaw) throw new Flaw("stamp", where, error.detail);
    throw error;
  }
}

// What is stamped of a head: whoever has the entries can compute it, no signature is needed.
export const digestOf = ({ origin, size, root }) => sha256(utf8(`${origin}\n${size}\n${b64(root)}\n`));

// What a stamp of a head with this digest says; WrongStamp if it is none. `subtle`: the browser's own algorithms, or null.
export async function readStamp(data, kind, digest, subtle) {
  if (data.length > MOST_BYTES) throw new WrongStamp(`more than ${MOST_BYTES} bytes`);
  if (kind === "ots") {
    const proof = readCalendarProof(data, digest);
    const state = proof.blocks.length > 0 ? "bitcoin" : proof.calendars.length > 0 ? "pending" : "unchecked";
    return { state, ...proof };
  }
  const token = readToken(data, digest);
  const { time, serial } = token;
  try {
    const certificate = await signerOf(token, subtle);
    return { state: "authority", time, serial, name: certificate.name, fingerprint: hex(sha256(certificate.data)) };
  } catch (error) {
    if (!(error instanceof Unchecked)) throw error;
    return { state: "unchecked", time, serial, reason: error.message };
  }
}

// Stamps by size and kind; what is none comes first.
const byPlace = (folder) => (one, other) => {
  const [size, size2] = [one, other].map((name) => Number(NAME.exec(name.slice(folder.length))?.[1] ?? 0));
  return size - size2 || (one < other ? -1 : 1);
};
