// The list of documents: one canonical line for each, sorted by id, packed with gzip. Its Merkle root stands in the
// manifest; because the list is sorted, it also shows what is not in the mix.

import { equal, hex, linesOf, pieces } from "./bytes.js";
import { MOST_BYTES, byCodePoint, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";
import { Frontier, leafHash } from "./merkle.js";
import { integer, orNull, record, string } from "./shape.js";


const document = record({
  authorship: string,
  collected_at: string,
  digest: string,
  doc_id: string,
  generator: orNull(string),
  kind: string,
  licence: string,
  raw_file: string,
  raw_row: integer,
  shard: string,
  source: string,
});

// A document's line, parsed; Flaw malformed and others.
export function parseDocument(line, where) {
  const found = parse(line, where, { limit: MOST_BYTES });
  const problem = document(found);
  if (problem !== null) throw new Flaw("malformed", where, problem);
  return found;
}

// What a packed list begins with: no name, no time. Nothing else protects these bytes of gzip (RFC 1952, 2.3).
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

async function* unpacked(source) {
  const start = await pieces(source, HEADER.length).next();
  if (start.done || !equal(start.value, HEADER)) {
    throw new Flaw("documents_root", "documents.jsonl.gz", "not packed as lists of documents are");
  }
  const packed = source instanceof Uint8Array ? new Blob([source]) : source;
  const reader = packed.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof TypeError) throw new Flaw("documents_root", "documents.jsonl.gz", "cannot be unpacked");
    throw error;
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Which shards the documents came from (digest -> how many), if the list is that of the manifest; Flaw documents_root.
export async function checkDocuments(source, stated, progress = async () => {}) {
  const tree = new Frontier();
  const shards = new Map();
  let last = null;
  await eachDocument(source, stated.count, async (one, line) => {
    const wrong = (detail) => new Flaw("documents_root", `document ${tree.size}`, detail);
    if (last !== null && byCodePoint(last, one.doc_id) >= 0) throw wrong("not in the order of ids, or twice");
    last = one.doc_id;
    shards.set(one.shard, (shards.get(one.shard) ?? 0) + 1);
    tree.append(leafHash(line));
    if (tree.size % 4096 === 0) await progress(tree.size);
    return true;
  });
  const wrong = (detail) => new Flaw("documents_root", "documents.jsonl.gz", detail);
  if (tree.size !== stated.count) throw wrong(`${tree.size} documents, the manifest states ${stated.count}`);
  const root = hex(tree.root());
  if (root !== stated.root) throw wrong(`its root is ${root}, the manifest states ${stated.root}`);
  return shards;
}

// Where `id` stands in a list that was checked: {found: {index, document}} or {before, after}, neighbours or null.
export async function findDocument(source, count, id) {
  let before = null;
  let result = null;
  await eachDocument(source, count, async (document, line, index) => {
    const order = byCodePoint(document.doc_id, id);
    if (order === 0) result = { found: { index, document } };
    else if (order > 0) result = { before, after: { index, document } };
    before = { index, document };
    return result === null;
  });
  return result ?? { before, after: null };
}

// Calls `take(document, line, index)` for each; stops when that gives false, or at more than `most` documents.
async function eachDocument(source, most, take) {
  let index = 0;
  try {
    for await (const lines of linesOf(unpacked(source), MOST_BYTES, "document")) {
      for (const line of lines) {
        if (index >= most) throw new Flaw("documents_root", "documents.jsonl.gz", `more than ${most} documents`);
        if (!(await take(parseDocument(line, `document ${index}`), line, index))) return;
        index += 1;
      }
    }
  } catch (error) {
    if (!(error instanceof Flaw) || error.code === "documents_root") throw error;
    throw new Flaw("documents_root", error.where, error.detail);
  }
}
