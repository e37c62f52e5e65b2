// The Merkle tree of RFC 6962, section 2, over SHA-256.

import { equal } from "./bytes.js";
import { sha256 } from "./sha256.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const EMPTY = sha256();
export const leafHash = (data) => sha256(LEAF, data);
export const nodeHash = (left, right) => sha256(NODE, left, right);

// A tree that only grows, held by the roots of its full subtrees: a few dozen hashes for any number of leaves.
export class Frontier {
  constructor() {
    this.size = 0;
    this.roots = [];
  }

  append(leaf) {
    let hash = leaf;
    for (let n = this.size; n % 2 === 1; n = (n - 1) / 2) hash = nodeHash(this.roots.pop(), hash);
    this.roots.push(hash);
    this.size += 1;
  }

  root() {
    return this.roots.length === 0 ? EMPTY : this.roots.reduceRight((right, left) => nodeHash(left, right));
  }
}

// The root that `path` leads to from a leaf hash; null if the path does not fit (RFC 9162, 2.1.3.2).
export function rootFromInclusion(index, size, leaf, path) {
  if (!(index >= 0 && index < size)) return null;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const step of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(step, hash);
      while (at % 2 === 0 && at > 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, step);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : null;
}

// Whether `leaf` is leaf `index` of the tree with that root.
export function isIncluded(index, size, leaf, path, root) {
  const found = rootFromInclusion(index, size, leaf, path);
  return found !== null && equal(found, root);
}
