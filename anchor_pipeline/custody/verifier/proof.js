// What `anchor prove` writes: that a document is in a mix, or that it is not. A proof leads to a Merkle root; which
// release has that root is for the manifest to say.

import { hex, unhex, utf8 } from "./bytes.js";
import { byCodePoint, parse } from "./canonical.js";
import { parseDocument } from "./documents.js";
import { Flaw } from "./flaws.js";
import { EMPTY, isIncluded, leafHash } from "./merkle.js";
import { count, digest, listOf, oneOf, record, string, truth } from "./shape.js";

const LIMIT = 4 * 2 ** 20;
const shape = record({
  format: oneOf("anchor-proof-1"),
  mix: digest,
  count,
  root: digest,
  doc_id: string,
  included: truth,
  leaves: listOf(record({ index: count, line: string, path: listOf(digest) })),
});

// The proof in a file, with its documents parsed, if it holds by itself; Flaw otherwise.
export function checkProof(bytes) {
  const wrong = (detail) => new Flaw("documents_root", "proof", detail);
  const ended = bytes[bytes.length - 1] === 10 ? bytes.subarray(0, -1) : bytes;
  const proof = parse(ended, "proof", { limit: LIMIT });
  const problem = shape(proof);
  if (problem !== null) throw new Flaw("malformed", "proof", problem);
  const found = proof.leaves.map(({ index, line, path }) => {
    const data = utf8(line);
    const document = parseDocument(data, `leaf ${index}`);
    if (!isIncluded(index, proof.count, leafHash(data), path.map(unhex), unhex(proof.root))) {
      throw wrong(`leaf ${index} does not lead to the root`);
    }
    return { index, document };
  });
  const shown = proof.included ? shownIncluded(proof, found) : shownAbsent(proof, found);
  if (!shown) throw wrong(proof.included ? "its leaf is of another document" : "its leaves leave room for the document");
  return { ...proof, found };
}

const shownIncluded = ({ doc_id: id }, found) => found.length === 1 && found[0].document.doc_id === id;

// Two neighbours with the id between them; one document at either end of the list; or an empty list.
function shownAbsent({ doc_id: id, count: size, root }, found) {
  if (size === 0) return found.length === 0 && root === hex(EMPTY);
  if (found.length === 2) {
    const [one, other] = found;
    return other.index === one.index + 1 && before(one, id) && after(other, id);
  }
  if (found.length !== 1) return false;
  const [one] = found;
  return (one.index === 0 && after(one, id)) || (one.index === size - 1 && before(one, id));
}

const before = ({ document }, id) => byCodePoint(document.doc_id, id) < 0;
const after = ({ document }, id) => byCodePoint(document.doc_id, id) > 0;
