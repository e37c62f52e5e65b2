"""The features of the origin detector: hashed character 2- to 5-grams and word 1- to 2-grams.

A character n-gram is n code points as they stand, case, spaces and marks included: habits of writing are what tells
authors apart. Five characters are held in one integer, twelve bits each (a code point beyond them is folded), so that
an n-gram is a mask of it. Words are those of facts/words.py, in lower case, marks among them. The slot of a feature is
the upper bits of its value times an odd constant of its kind (multiplicative hashing, Knuth, The Art of Computer
Programming 3, section 6.4): the same feature has the same slot everywhere, and different ones share a slot rarely
(Weinberger et al. 2009, Feature hashing for large scale multitask learning).

`count_features` gives the sparse matrix that a model is fitted on; score.py walks over the same features.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import decode
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.words import Hashes

Slots = NDArray[np.int32]
Counts = NDArray[np.int32]

SHORTEST, LONGEST = 2, 5
"""Characters of an n-gram."""

_BITS = np.uint64(12)
MASKS = np.array([(1 << (12 * size)) - 1 for size in range(LONGEST + 1)], np.uint64)
FACTORS = np.array(
    # Odd, without a pattern: the words of SplitMix64 from 1 on, one per length of character n-grams.
    [0x910A2DEC89025CC1, 0xBEEB8DA1658EEC67, 0xF893A2EEFB32555F, 0x71C18690EE42C90B, 0x71BB54D8D101B5B9,
     0xC34D0BFF90150281],
    np.uint64,
)  # fmt: skip
WORD_FACTOR, PAIR_FACTOR = np.uint64(0xE099EC6CD7363CA5), np.uint64(0x85E7BB0F12278575)


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def folded(code: int) -> np.uint64:
    """A code point in twelve bits; itself below 4096."""
    return np.uint64((code ^ (code >> 12)) & 0xFFF)


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def slot_of(value: np.uint64, factor: np.uint64, shift: np.uint64) -> np.int64:
    """The slot of a feature; shift is 64 less the bits of a slot."""
    return np.int64((value * factor) >> shift)


def count_features(
    data: Bytes, offsets: Offsets, words: Hashes, starts: Offsets, bits: int
) -> tuple[Slots, Counts, Offsets]:
    """Features of each text: (slots, counts, rows); those of row i lie at rows[i]:rows[i + 1], by slot.

    `data`, `offsets` are the buffers of the texts (valid UTF-8), `words`, `starts` their words (facts/words.py).
    """
    room = (LONGEST - SHORTEST + 1) * int(offsets[-1] - offsets[0]) + 2 * len(words)
    slots, counts = np.empty(room, np.int32), np.empty(room, np.int32)
    rows = np.zeros(len(offsets), np.int64)
    _count(data, offsets, words, starts, np.zeros(1 << bits, np.int32), np.uint64(64 - bits), slots, counts, rows)
    return slots[: rows[-1]].copy(), counts[: rows[-1]].copy(), rows


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _add(slot: int, table: Counts, slots: Slots, found: int) -> int:
    table[slot] += 1
    if table[slot] == 1:
        slots[found] = slot
        return found + 1
    return found


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(
    data: Bytes,
    offsets: Offsets,
    words: Hashes,
    starts: Offsets,
    table: Counts,
    shift: np.uint64,
    slots: Slots,
    counts: Counts,
    rows: Offsets,
) -> None:
    """`table` holds zeros, before and after each row."""
    found = 0
    for row in range(len(offsets) - 1):
        first = found
        at, end = offsets[row], offsets[row + 1]
        window, size = np.uint64(0), 0
        while at < end:
            code: int = np.int64(data[at])  # type: ignore[assignment]
            if code < 128:
                at += 1
            else:
                code, at = decode(data, at)
            window = (window << _BITS) | folded(code)
            size = min(size + 1, LONGEST)
            for length in range(SHORTEST, size + 1):
                found = _add(slot_of(window & MASKS[length], FACTORS[length], shift), table, slots, found)
        before = np.uint64(0)
        for place in range(starts[row], starts[row + 1]):
            word = words[place]
            found = _add(slot_of(word, WORD_FACTOR, shift), table, slots, found)
            if place > starts[row]:
                found = _add(slot_of(before ^ word, PAIR_FACTOR, shift), table, slots, found)
            before = word * PAIR_FACTOR
        slots[first:found].sort()
        for place in range(first, found):
            counts[place] = table[slots[place]]
            table[slots[place]] = 0
        rows[row + 1] = found
