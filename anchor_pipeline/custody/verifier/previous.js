// Ledgers before a rotation: custody/previous/0000 (the oldest), 0001, ..., each with its head, each continued by the next.

import { hex, pieces, readAll } from "./bytes.js";
import { Flaw } from "./flaws.js";
import { LedgerCheck, takeAll } from "./ledger.js";
import { parseNoteFile } from "./note.js";

const SMALL = 200000;

// What came before the ledger, as far as it is among the files: how much, the root key that has to begin what follows
// (the one that the reader trusts has to have begun the oldest), and the head that it has to continue.
export async function checkEarlier({ files, signatures, trusted }) {
  let earlier = { ledgers: 0, entries: 0, root: trusted, last: null };
  for (;;) {
    const folder = `custody/previous/${String(earlier.ledgers).padStart(4, "0")}`;
    const [entries, head] = ["ledger.jsonl", "checkpoint"].map((name) => files.get(`${folder}/${name}`));
    if (entries === undefined) return earlier;
    if (head === undefined) throw new Flaw("file_missing", `${folder}/checkpoint`, "it is not among the files");
    const ledger = new LedgerCheck(earlier.root);
    await takeAll(ledger, pieces(entries), signatures);
    checkContinues(ledger, earlier.last);
    ledger.checkHead(parseNoteFile(await readAll(head, "checkpoint", SMALL), `${folder}/checkpoint`));
    await ledger.settle(signatures);
    const last = { origin: ledger.origin, size: ledger.size, root: hex(ledger.roots.at(-1)) };
    earlier = { ledgers: earlier.ledgers + 1, entries: earlier.entries + ledger.size, root: ledger.keys.root, last };
  }
}

// Flaw unless the ledger continues just that head; the oldest at hand, none.
export function checkContinues(ledger, last) {
  const stated = ledger.entries[0].predicate.continues;
  if (stated === null && last === null) return;
  const where = "entry 0";
  if (stated === null || last === null || stated.origin !== last.origin) {
    throw new Flaw("origin", where, `it continues ${stated?.origin ?? "nothing"}, before it is ${last?.origin ?? "nothing"}`);
  }
  if (stated.size !== last.size) throw new Flaw("head_size", where, `it continues ${stated.size} entries of ${last.size}`);
  if (stated.root_hash !== last.root) throw new Flaw("fork", where, "the entries before are not those that it continues");
}

export function tellEarlier(claims, ledger, earlier) {
  const continued = ledger.entries[0].predicate.continues;
  if (continued === null) return;
  if (earlier.ledgers > 0) {
    claims.holds("previous", `The earlier records it continues are unbroken as well (${earlier.entries} entries)`);
    return;
  }
  const detail = `${continued.origin}, ${continued.size} entries`;
  claims.note("previous", "The record continues an earlier one, which is not among these files", detail);
}
