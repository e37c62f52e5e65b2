"""The Merkle tree of RFC 6962, section 2: its root, and proofs that something is in it or that it only grew.

A tree over n leaves is split at the largest power of two below n. Hashes are SHA-256, 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""

Subtree = Callable[[int, int], bytes]
"""(level, index) -> the root of the full subtree over leaves index * 2**level up to (index + 1) * 2**level."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\0" + data).digest()


def leaf_hashes(many: Iterable[bytes]) -> list[bytes]:
    """The same for each of many, without a call for each."""
    sha256 = hashlib.sha256
    return [sha256(b"\0" + data).digest() for data in many]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """A tree that only grows, held by the roots of its full subtrees: at most 64 hashes for any number of leaves."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)
        if len(self._roots) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} full subtrees, not {len(self._roots)}")

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; returns the full subtrees that it completes as (level, index, hash), the leaf first."""
        made = [(0, self.size, leaf)]
        level, index = 0, self.size
        while index & 1:
            leaf = node_hash(self._roots.pop(), leaf)
            level, index = level + 1, index >> 1
            made.append((level, index, leaf))
        self._roots.append(leaf)
        self.size += 1
        return made

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add many leaves' hashes: the same as `append` for each, by whole subtrees, which is faster."""
        start = 0
        while start < len(leaves):
            # The largest full subtree that begins here and that there are leaves for.
            level = (len(leaves) - start).bit_length() - 1
            while self.size & ((1 << level) - 1):
                level -= 1
            self._join(_full_root(leaves[start : start + (1 << level)]), level)
            start += 1 << level

    def root(self) -> bytes:
        """Root over all leaves so far."""
        return _joined(self._roots)

    def _join(self, subtree: bytes, level: int) -> None:
        """Add the root of a full subtree; the tree so far ends where it begins."""
        index = self.size >> level
        while index & 1:
            subtree, index = node_hash(self._roots.pop(), subtree), index >> 1
        self._roots.append(subtree)
        self.size += 1 << level


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf hashes."""
    tree = Frontier()
    tree.extend(list(leaves))
    return tree.root()


def full_subtrees(size: int) -> list[tuple[int, int]]:
    """(level, index) of the full subtrees that a tree of `size` leaves consists of, from left to right."""
    found, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


def root_at(size: int, subtree: Subtree) -> bytes:
    """Root of the first `size` leaves."""
    return _range_root(0, size, subtree) if size else EMPTY


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Path from leaf `index` to the root of the first `size` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    return _path(index, 0, size, subtree)


def consistency_proof(old: int, size: int, subtree: Subtree) -> list[bytes]:
    """Proof that the first `old` leaves of a tree of `size` are a tree of `old` leaves (RFC 6962, 2.1.2)."""
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {size} leaves never had {old}")
    return [] if old in (0, size) else _consistency(old, 0, size, True, subtree)


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that `path` leads to from a leaf hash; None if the path does not fit (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `size` leaves begins with that of `old` (RFC 9162, 2.1.4.2)."""
    if old > size or (old in (0, size) and proof):
        return False
    if old == size:
        return old_root == root
    if old == 0:
        return old_root == EMPTY
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, step)
        at, last = at >> 1, last >> 1
    return last == 0 and (before, after) == (old_root, root)


def _joined(roots: Sequence[bytes]) -> bytes:
    """Root over full subtrees that shrink from left to right."""
    if not roots:
        return EMPTY
    found = roots[-1]
    for left in reversed(roots[:-1]):
        found = node_hash(left, found)
    return found


def _full_root(leaves: Sequence[bytes]) -> bytes:
    """Root over 2**n leaf hashes."""
    row, sha256 = leaves, hashlib.sha256
    while len(row) > 1:
        # `node_hash`, without a call for each.
        row = [sha256(b"\1" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _range_root(start: int, end: int, subtree: Subtree) -> bytes:
    """Root over leaves start..end of a tree; `start` is a multiple of the largest power of two within."""
    found = [subtree(level, (start >> level) + index) for level, index in full_subtrees(end - start)]
    return _joined(found)


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def _path(index: int, start: int, end: int, subtree: Subtree) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, subtree), _range_root(middle, end, subtree)]
    return [*_path(index, middle, end, subtree), _range_root(start, middle, subtree)]


def _consistency(old: int, start: int, end: int, whole: bool, subtree: Subtree) -> list[bytes]:
    """`whole`: the old tree is all of what the reader has of this subtree, so its root need not be told."""
    if old == end:
        return [] if whole else [_range_root(start, end, subtree)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_consistency(old, start, middle, whole, subtree), _range_root(middle, end, subtree)]
    return [*_consistency(old, middle, end, False, subtree), _range_root(start, middle, subtree)]
