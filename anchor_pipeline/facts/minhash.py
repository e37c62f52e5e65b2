"""One-permutation MinHash of word 5-grams: 128 numbers of which about as many agree as two documents share shingles.

The hash of a shingle says with its highest 7 bits into which of 128 bins it falls, and with the next 32 its value
there; a bin keeps the smallest (Li, Owen, Zhang: One Permutation Hashing, NIPS 2012). A bin into which nothing fell
takes the number of another: the first one with something in it, in an order that is fixed for the bin and looks
random. This is the optimal densification of Shrivastava (Optimal Densification for Fast and Accurate Minwise Hashing,
ICML 2017), whose orders may repeat a bin and ours do not; the first occupied bin is then just as evenly spread over
the occupied ones. So for each of the 128 numbers the probability that two documents agree in it is the Jaccard
similarity of their shingles, and the variance shrinks as in that paper.

A document of fewer than 5 words has one shingle, of all its words; one without words has 2^32-1 in every place, and
is like no document: leave out rows with 0 shingles. `reference_minhash` in test_minhash.py says the same in plain
Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel, plain
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.words import Hashes, mix64

BINS = 128
EMPTY = 0xFFFFFFFF
"""What a bin has into which no shingle fell: a shingle of just this value counts as none."""

Signatures = NDArray[np.uint32]


def _orders() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(order, rank): order[i] are all bins in the order in which bin i borrows; rank[i] is the inverse of it."""
    numbers = np.arange(1, BINS * BINS + 1, dtype=np.uint64).reshape(BINS, BINS)
    keys = plain(mix64)(numbers)
    order = np.argsort(keys, axis=1, kind="stable")
    return order.astype(np.uint8), np.argsort(order, axis=1).astype(np.uint8)


_tables: list[Any] = []


def minhash(shingles: Hashes, starts: Offsets) -> Signatures:
    """Signatures of the rows, uint32[rows, 128]. Row i has the shingles shingles[starts[i]:starts[i + 1]]."""
    if not _tables:
        _tables.extend(_orders())
    out = np.full((len(starts) - 1, BINS), EMPTY, np.uint32)
    order, rank = _tables
    _minhash(shingles, starts, order, rank, out)
    return out


@kernel
def _minhash(
    shingles: Hashes, starts: Offsets, order: NDArray[np.uint8], rank: NDArray[np.uint8], out: Signatures
) -> None:
    occupied = np.empty(BINS, np.int64)
    full = np.empty(BINS, np.uint32)
    for row in range(len(starts) - 1):
        mine = out[row]
        for at in range(starts[row], starts[row + 1]):
            value = shingles[at]
            chosen = np.int64(value >> np.uint64(57))
            mine[chosen] = min(mine[chosen], np.uint32((value >> np.uint64(25)) & np.uint64(0xFFFFFFFF)))
        found = 0
        for place in range(BINS):
            occupied[found] = place
            if mine[place] != EMPTY:
                found += 1
        if 0 < found < BINS:
            full[:] = mine
            _densify(full, occupied[:found], order, rank, mine)


@kernel
def _densify(
    full: Signatures, occupied: Offsets, order: NDArray[np.uint8], rank: NDArray[np.uint8], mine: Signatures
) -> None:
    """Fill the empty bins of `full` in `mine`. Few occupied ones are compared by rank, many soon hit upon in order."""
    for place in range(BINS):
        if full[place] != EMPTY:
            continue
        if len(occupied) < 12:
            best = occupied[0]
            for other in occupied[1:]:
                if rank[place, other] < rank[place, best]:
                    best = other
            mine[place] = full[best]
        else:
            step = 0
            while full[order[place, step]] == EMPTY:
                step += 1
            mine[place] = full[order[place, step]]
