"""The scoring kernel of word probes, of order 1 to 3."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.probes.lines import STEP, Parts, find
from anchor_pipeline.facts.probes.ngrams import Keys
from anchor_pipeline.facts.words import Hashes

WORD_BITS = 60
DROPPED = np.uint64(64 - WORD_BITS)
"""Of a hash its high 60 bits are looked at: of a million words two fall together in one of two million vocabularies."""

_BLOCK = 2048
_LOW = np.uint64((1 << 20) - 1)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def word_ids(words: Hashes, known: Parts, out: NDArray[np.uint64]) -> None:
    """The id of every word; 1 where the vocabulary lacks it."""
    slots, line_shift, value_bits, more, more_shift = known
    for i in range(len(words)):
        unit = find(words[i] >> DROPPED, np.uint64(60), slots, line_shift, value_bits, more, more_shift)
        out[i] = unit if unit else np.uint64(1)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def score_words(
    words: Hashes, starts: Offsets, known: Parts, pairs: Parts, triples: Parts, units: NDArray[np.float32], order: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bits and predicted words of each row; units[i] are cost and backoff of the word with id i.

    A block of words at a time, and over it one kind of lookup after the other: none waits for the one before, so that
    many are under way at once. Then the costs are put together, from the longest n-gram that is there.
    """
    rows = len(starts) - 1
    total, predicted = np.zeros(rows), np.zeros(rows, np.int64)
    # Two before the block: its context.
    ids, two, three = np.zeros(_BLOCK + 3, np.uint64), np.zeros(_BLOCK + 3, np.uint64), np.zeros(_BLOCK + 3, np.uint64)
    for row in range(rows):
        at, end, sum_ = starts[row], starts[row + 1], 0.0
        ids[0], ids[1], two[1] = 0, 2, 0
        while at <= end:
            many = min(_BLOCK, end - at)
            word_ids(words[at : at + many], known, ids[2:])
            at += many
            if at == end and many < _BLOCK:
                ids[2 + many] = 3
                many += 1
                at += 1
            if order > 1:
                _find_pairs(ids, many, pairs, two)
            if order > 2:
                _find_triples(ids, many, triples, three)
            sum_ += _costs(ids, two, three, units, many, order)
            ids[0], ids[1], two[1] = ids[many], ids[many + 1], two[many + 1]
        total[row], predicted[row] = sum_, end - starts[row] + 1
    return total, predicted


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find_pairs(ids: Keys, many: int, pairs: Parts, out: Keys) -> None:
    slots, line_shift, value_bits, more, more_shift = pairs
    for i in range(2, many + 2):
        key = (ids[i - 1] << np.uint64(20)) | ids[i]
        out[i] = find(key, np.uint64(40), slots, line_shift, value_bits, more, more_shift)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find_triples(ids: Keys, many: int, triples: Parts, out: Keys) -> None:
    slots, line_shift, value_bits, more, more_shift = triples
    for i in range(2, many + 2):
        key = (((ids[i - 2] << np.uint64(20)) | ids[i - 1]) << np.uint64(20)) | ids[i]
        out[i] = find(key, np.uint64(60), slots, line_shift, value_bits, more, more_shift)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _costs(ids: Keys, two: Keys, three: Keys, units: NDArray[np.float32], many: int, order: int) -> float:
    sum_ = 0.0
    for i in range(2, many + 2):
        if order > 2 and three[i]:
            sum_ += np.float64(three[i] - np.uint64(1)) * STEP
            continue
        # The backoff of the two words before, if they are known as a pair.
        cost = 0.0
        if order > 2 and two[i - 1]:
            cost = np.float64((two[i - 1] >> np.uint64(20)) - np.uint64(1)) * STEP
        if order > 1 and two[i]:
            cost += np.float64((two[i] & _LOW) - np.uint64(1)) * STEP
        else:
            cost += units[ids[i], 0]
            if order > 1:
                cost += units[ids[i - 1], 1]
        sum_ += cost
    return sum_
