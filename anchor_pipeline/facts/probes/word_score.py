"""The scoring kernel of word probes, of order 1 to 3."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.probes.lines import STEP, VALUE_BITS, Parts, Places, find_all
from anchor_pipeline.facts.probes.ngrams import Keys
from anchor_pipeline.facts.words import Hashes

WORD_BITS = 60
DROPPED = np.uint64(64 - WORD_BITS)
"""Of a hash its high 60 bits are looked at: of a million words two fall together in one of two million vocabularies."""

Room = tuple[Keys, Keys, Places, Places]
"""For what is looked up in a block."""

_WORD, _PAIR, _TRIPLE = np.uint64(WORD_BITS), np.uint64(40), np.uint64(60)
"""Bits of the keys."""

_BLOCK = 2048
_ONE, _VALUE_BITS = np.uint64(1), np.uint64(VALUE_BITS)
_LOW = (_ONE << _VALUE_BITS) - _ONE


@kernel
def word_ids(words: Hashes, known: Parts, out: Keys, keys: Keys, waiting: Places) -> None:
    """The id of every word; 1 where the vocabulary lacks it. `keys` and `waiting` are room for as many numbers."""
    for i in range(len(words)):
        keys[i] = words[i] >> DROPPED
    find_all(keys[: len(words)], _WORD, known, out, waiting)
    for i in range(len(words)):
        out[i] = max(out[i], _ONE)


@kernel
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
    room = (
        np.empty(_BLOCK + 3, np.uint64),
        np.empty(_BLOCK + 3, np.uint64),
        np.empty(_BLOCK + 3, np.uint32),
        np.empty(_BLOCK + 3, np.uint32),
    )
    for row in range(rows):
        at, end, sum_ = starts[row], starts[row + 1], 0.0
        ids[0], ids[1], two[1] = 0, 2, 0
        while at <= end:
            many = min(_BLOCK, end - at)
            word_ids(words[at : at + many], known, ids[2:], room[0], room[2])
            at += many
            if at == end and many < _BLOCK:
                ids[2 + many] = 3
                many += 1
                at += 1
            if order > 1:
                _find_pairs(ids, many, pairs, two, room)
            if order > 2:
                _find_triples(ids, many, two, triples, three, room)
            sum_ += _costs(ids, two, three, units, many, order)
            ids[0], ids[1], two[1] = ids[many], ids[many + 1], two[many + 1]
        total[row], predicted[row] = sum_, end - starts[row] + 1
    return total, predicted


@kernel
def _find_pairs(ids: Keys, many: int, pairs: Parts, out: Keys, room: Room) -> None:
    keys, _, waiting, _ = room
    for i in range(many):
        keys[i] = (ids[i + 1] << np.uint64(20)) | ids[i + 2]
    find_all(keys[:many], _PAIR, pairs, out[2:], waiting)


@kernel
def _find_triples(ids: Keys, many: int, two: Keys, triples: Parts, out: Keys, room: Room) -> None:
    """Only where both pairs are known: there is no triple without them."""
    keys, values, waiting, places = room
    asked = 0
    for i in range(2, many + 2):
        # Written down in any case, and kept if so.
        keys[asked] = (((ids[i - 2] << np.uint64(20)) | ids[i - 1]) << np.uint64(20)) | ids[i]
        places[asked] = i
        asked += (two[i - 1] != 0) & (two[i] != 0)
    find_all(keys[:asked], _TRIPLE, triples, values, waiting)
    out[2 : many + 2] = 0
    for n in range(asked):
        out[places[n]] = values[n]


@kernel
def _costs(ids: Keys, two: Keys, three: Keys, units: NDArray[np.float32], many: int, order: int) -> float:
    sum_, steps = 0.0, np.uint64(0)
    for i in range(2, many + 2):
        # All ways are worked out, and one is taken: which one it is cannot be foretold.
        pair, before = two[i], two[i - 1]
        shorter = np.float64(units[ids[i], 0])
        shorter += np.float64(units[ids[i - 1], 1]) if order > 1 else 0.0
        longest = three[i] if order > 2 else np.uint64(0)
        backoff = (before >> _VALUE_BITS) - _ONE if (order > 2) & (before != 0) else np.uint64(0)
        known = (pair & _LOW) - _ONE if pair else np.uint64(0)
        steps += longest - _ONE if longest else backoff + known
        sum_ += shorter if (longest | pair) == 0 else 0.0
    return sum_ + np.float64(steps) * STEP
