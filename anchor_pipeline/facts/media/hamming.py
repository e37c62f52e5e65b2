"""The nearest hash of a collection, by differing bits, exactly and without comparing all pairs.

Multi-index hashing: M. Norouzi, A. Punjani, D. Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing",
IEEE TPAMI 36(6), 2014. Hashes are cut into c pieces of 16 bits. Two that differ in at most d bits differ in at most
d // c bits of some piece, so it is enough to look where a piece is that near: 1, 17 or 137 places of a table for
0, 1 or 2 bits. Where that would look at more hashes than there are, or where d is larger still, all are compared.

Memory: 4 bytes for every 16 bits of every hash of the collection, and 256 KiB a piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]

NONE = -1
_PIECE = 16
_MOST_FLIPS = 2


@dataclass(frozen=True)
class HashIndex:
    """Hashes to be found: m × w words of 64 bits."""

    hashes: Words
    order: NDArray[np.int32]
    """By piece: the numbers of all hashes, sorted by that piece."""
    starts: Numbers
    """By piece: where those with each of the 65,536 values begin in `order`."""

    @staticmethod
    def of(hashes: Words) -> HashIndex:
        """The index of hashes (m × w words of 64 bits)."""
        hashes = np.ascontiguousarray(hashes, np.uint64)
        pieces = hashes.shape[1] * 4
        order = np.empty((pieces, len(hashes)), np.int32)
        starts = np.zeros((pieces, 2**_PIECE + 1), np.int64)
        for piece in range(pieces):
            shift = np.uint64(_PIECE * (piece % 4))
            values = ((hashes[:, piece // 4] >> shift) & np.uint64(0xFFFF)).astype(np.uint16)
            order[piece] = np.argsort(values, kind="stable")
            np.cumsum(np.bincount(values, minlength=2**_PIECE), out=starts[piece, 1:])
        return HashIndex(hashes, order, starts)

    def nearest(self, queries: Words, within: int, *, itself: bool = False) -> tuple[Numbers, Numbers]:
        """(number of the nearest hash, differing bits) for each query (n × w words).

        Of equally near ones the first. Where none differs in at most `within` bits: (-1, within + 1). With `itself`
        the queries are the hashes of the index, and none finds itself.
        """
        queries = np.ascontiguousarray(queries, np.uint64)
        found, distances = np.full(len(queries), NONE, np.int64), np.full(len(queries), within + 1, np.int64)
        if len(self.hashes) and within >= 0:
            flips = within // len(self.order)
            masks = _masks(flips) if flips <= _MOST_FLIPS else np.zeros(0, np.int64)
            _search(queries, self.hashes, self.order, self.starts, masks, itself, found, distances)
        return found, distances


def _masks(flips: int) -> Numbers:
    """All 16-bit patterns with at most `flips` bits set."""
    patterns = np.arange(2**_PIECE, dtype=np.int64)
    return patterns[np.bitwise_count(patterns) <= flips]


@kernel
def popcount(word: np.uint64) -> int:
    """Bits that are set in a word of 64: Warren, "Hacker's Delight" (2013), figure 5-2; compiles to one instruction."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def _apart(one: Words, other: Words) -> int:
    bits = 0
    for word in range(len(one)):
        bits += popcount(one[word] ^ other[word])
    return bits


@kernel
def _search(
    queries: Words,
    hashes: Words,
    order: NDArray[np.int32],
    starts: Numbers,
    masks: Numbers,
    itself: bool,
    found: Numbers,
    distances: Numbers,
) -> None:
    for query in range(len(queries)):
        hash_ = queries[query]
        best, which = distances[query], found[query]
        skip = query if itself else -1
        looks = 0
        for piece in range(len(order)):
            value = np.int64(hash_[piece // 4] >> np.uint64(16 * (piece % 4))) & 0xFFFF
            for mask in masks:
                looks += starts[piece, (value ^ mask) + 1] - starts[piece, value ^ mask]
        if len(masks) == 0 or looks > len(hashes):
            for number in range(len(hashes)):
                bits = _apart(hash_, hashes[number])
                if bits < best and number != skip:
                    best, which = bits, number
        else:
            for piece in range(len(order)):
                value = np.int64(hash_[piece // 4] >> np.uint64(16 * (piece % 4))) & 0xFFFF
                for mask in masks:
                    for at in range(starts[piece, value ^ mask], starts[piece, (value ^ mask) + 1]):
                        number = int(order[piece, at])
                        bits = _apart(hash_, hashes[number])
                        if number != skip and (bits < best or (bits == best and number < which)):
                            best, which = bits, number
        found[query], distances[query] = which, best
