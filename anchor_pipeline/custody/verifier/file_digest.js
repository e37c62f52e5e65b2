// SHA-256 of whole files, by the browser where it can, piece by piece where a file is too large to be held.

import { hex, pieces, readAll, sizeOf } from "./bytes.js";
import { Sha256 } from "./sha256.js";

const HELD = 256 * 2 ** 20; // bytes

// Hexadecimal. `read(bytes)` is told how much more was read, and awaited.
export async function fileDigest(source, subtle, read = async () => {}) {
  if (subtle && sizeOf(source) <= HELD) {
    const bytes = await readAll(source, "", HELD);
    const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
    await read(bytes.length);
    return hex(digest);
  }
  const hash = new Sha256();
  for await (const piece of pieces(source)) {
    hash.update(piece);
    await read(piece.length);
  }
  return hex(hash.digest());
}
