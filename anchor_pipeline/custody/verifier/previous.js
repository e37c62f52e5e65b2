// Ledgers before a rotation: custody/previous/<name>/ledger.jsonl and checkpoint, each continued by the next.

import { hex, pieces, readAll } from "./bytes.js";
import { Flaw } from "./flaws.js";
import { LedgerCheck, takeAll } from "./ledger.js";
import { parseNoteFile } from "./note.js";

const SMALL = 200000;

// From the newest to the oldest; a claim for the whole history, or the flaw that ends it.
export async function checkPrevious({ files, claims, signatures }, ledger) {
  const left = new Set([...files.keys()].map((name) => /^custody\/previous\/([^/]+)\/ledger\.jsonl$/.exec(name)?.[1]).filter(Boolean));
  let next = ledger;
  let entries = 0;
  while (next.entries[0].predicate.continues !== null) {
    const continued = next.entries[0].predicate.continues;
    if (left.size === 0) {
      const detail = `${continued.origin}, ${continued.size} entries`;
      claims.note("previous", "The record continues an earlier one, which is not among these files", detail);
      return;
    }
    next = await claims.attempt(() => found(files, left, continued, next, signatures));
    if (next === undefined) return;
    entries += next.size;
  }
  if (entries > 0) claims.holds("previous", `The earlier records it continues are unbroken as well (${entries} entries)`);
}

// The ledger that has the head which is continued, checked.
async function found(files, left, continued, next, signatures) {
  for (const name of left) {
    const ledger = new LedgerCheck();
    const [entries, head] = ["ledger.jsonl", "checkpoint"].map((file) => files.get(`custody/previous/${name}/${file}`));
    if (head === undefined) throw new Flaw("file_missing", `custody/previous/${name}/checkpoint`, "no head");
    await takeAll(ledger, pieces(entries), signatures);
    ledger.checkHead(parseNoteFile(await readAll(head, "checkpoint", SMALL), `head of ${name}`));
    await ledger.settle(signatures);
    const { origin, size, root_hash: root } = continued;
    if (ledger.origin !== origin || ledger.size !== size || hex(ledger.roots.at(-1)) !== root) continue;
    if (ledger.keys.root.id !== next.entries[0].key.id) break;
    left.delete(name);
    return ledger;
  }
  throw new Flaw("genesis", "ledger", `it continues ${continued.origin}, and that is not among the earlier ones`);
}
