"""The features of the origin detector: hashed n-grams of characters, of words, and of words with rare ones masked.

- Characters, 2 to 5: code points as they stand, case, spaces and marks included, for habits of writing tell authors
  apart. Five are held in one integer, twelve bits each (a code point beyond them is folded).
- Words, 1 to 2: those of facts/words.py, in lower case, marks among them.
- Words, 2 to 4, in which every word that is not frequent is the same blank: what is left when the subject is taken
  away (text distortion, Stamatatos 2017), and so what carries over to domains that a detector has not seen.

The slot of a feature is the upper bits of its value times an odd constant of its kind (multiplicative hashing, Knuth,
The Art of Computer Programming 3, section 6.4): the same feature has the same slot everywhere, and different ones
share a slot rarely (Weinberger et al. 2009, Feature hashing for large scale multitask learning). `count_features`
gives the sparse matrix that a model is fitted on; score.py walks over the same features (test_origin_score.py holds
the two together).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import decode
from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.words import Hashes

Slots = NDArray[np.int32]
Counts = NDArray[np.int32]
Frequent = NDArray[np.uint8]

FREQUENT_BITS = 16
"""A table of frequent words has 2^16 bits, eight to a byte, the first the lowest; the upper bits of a word's hash say
which is its own: 1 keeps the word."""

# Odd, without a pattern: the first words of SplitMix64.
C2, C3, C4, C5 = (
    np.uint64(0x910A2DEC89025CC1), np.uint64(0xBEEB8DA1658EEC67), np.uint64(0xF893A2EEFB32555F),
    np.uint64(0x71C18690EE42C90B),
)  # fmt: skip
W1, W2, B2, B3, B4 = (
    np.uint64(0x71BB54D8D101B5B9), np.uint64(0xC34D0BFF90150281), np.uint64(0xE099EC6CD7363CA5),
    np.uint64(0x85E7BB0F12278575), np.uint64(0x491718DE357E3DA9),
)  # fmt: skip
TWO, THREE, FOUR, FIVE = (np.uint64((1 << (12 * size)) - 1) for size in (2, 3, 4, 5))
TWELVE = np.uint64(12)
BLANK = np.uint64(0x9E3779B97F4A7C14)
_ONE, _SEVEN, _BIT, _BYTE = np.uint64(1), np.uint64(7), np.uint64(64 - FREQUENT_BITS), np.uint64(67 - FREQUENT_BITS)


@kernel(inline="always")
def folded(code: int) -> np.uint64:
    """A code point in twelve bits; itself below 4096."""
    return np.uint64((code ^ (code >> 12)) & 0xFFF)


@kernel(inline="always")
def slot_of(value: np.uint64, factor: np.uint64, shift: np.uint64) -> np.uint64:
    """The slot of a feature; shift is 64 less the bits of a slot. Unsigned, so that no kernel looks for a sign."""
    return (value * factor) >> shift


@kernel(inline="always")
def masked(word: np.uint64, frequent: Frequent) -> np.uint64:
    """The word itself if it is a mark or frequent, else the blank; without a branch, which nothing could foresee."""
    kept = (word | (np.uint64(frequent[word >> _BYTE]) >> ((word >> _BIT) & _SEVEN))) & _ONE
    return BLANK ^ ((word ^ BLANK) & (np.uint64(0) - kept))


def count_features(
    data: Bytes, offsets: Offsets, words: Hashes, starts: Offsets, frequent: Frequent, bits: int
) -> tuple[Slots, Counts, Offsets]:
    """Features of each text: (slots, counts, rows); those of row i lie at rows[i]:rows[i + 1].

    `data`, `offsets` are the buffers of the texts (valid UTF-8), `words`, `starts` their words (facts/words.py).
    """
    room = 4 * int(offsets[-1] - offsets[0]) + 5 * len(words)
    slots, counts = np.empty(room, np.int32), np.empty(room, np.int32)
    rows = np.zeros(len(offsets), np.int64)
    table, shift = np.zeros(1 << bits, np.int32), np.uint64(64 - bits)
    _count(data, offsets, words, starts, frequent, table, shift, slots, counts, rows)
    return slots[: rows[-1]].copy(), counts[: rows[-1]].copy(), rows


@kernel(inline="always")
def _add(slot: np.uint64, table: Counts, slots: Slots, found: int) -> int:
    table[slot] += 1
    if table[slot] == 1:
        slots[found] = slot
        return found + 1
    return found


@kernel
def _count_characters(data: Bytes, at: int, end: int, shift: np.uint64, table: Counts, slots: Slots, found: int) -> int:
    window, size = np.uint64(0), 0
    while at < end:
        code: int = np.int64(data[at])  # type: ignore[assignment]
        if code < 128:
            at += 1
        else:
            code, at = decode(data, at)
        window = (window << TWELVE) | folded(code)
        size += 1
        if size >= 2:
            found = _add(slot_of(window & TWO, C2, shift), table, slots, found)
        if size >= 3:
            found = _add(slot_of(window & THREE, C3, shift), table, slots, found)
        if size >= 4:
            found = _add(slot_of(window & FOUR, C4, shift), table, slots, found)
        if size >= 5:
            found = _add(slot_of(window & FIVE, C5, shift), table, slots, found)
    return found


@kernel
def _count_words(words: Hashes, frequent: Frequent, shift: np.uint64, table: Counts, slots: Slots, found: int) -> int:
    before, one, two, three = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for place in range(len(words)):
        word = words[place]
        kept = masked(word, frequent)
        found = _add(slot_of(word, W1, shift), table, slots, found)
        if place >= 1:
            found = _add(slot_of(before ^ word, W2, shift), table, slots, found)
            found = _add(slot_of(one ^ kept, B2, shift), table, slots, found)
        if place >= 2:
            found = _add(slot_of(two ^ kept, B3, shift), table, slots, found)
        if place >= 3:
            found = _add(slot_of(three ^ kept, B4, shift), table, slots, found)
        before = word * W2
        one, two, three = kept * B2, (one ^ kept) * B2, (two ^ kept) * B2
    return found


@kernel
def _count(
    data: Bytes,
    offsets: Offsets,
    words: Hashes,
    starts: Offsets,
    frequent: Frequent,
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
        found = _count_characters(data, offsets[row], offsets[row + 1], shift, table, slots, found)
        found = _count_words(words[starts[row] : starts[row + 1]], frequent, shift, table, slots, found)
        for place in range(first, found):
            counts[place] = table[slots[place]]
            table[slots[place]] = 0
        rows[row + 1] = found
