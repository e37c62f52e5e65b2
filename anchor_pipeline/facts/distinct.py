"""How many different n-grams a document has, and the entropy of its words.

distinct-n is the number of different word n-grams of a document (Li et al. 2016, A Diversity-Promoting Objective
Function for Neural Conversation Models, arXiv:1510.03055, who divide it by the number of words: do so only between
documents, or buckets, of the same length). The entropy is Shannon's (1948) of the document's own words, in bits per
word: H = log2 N - (1/N) Σ c·log2 c over the counts c of its different words, N words in all. Both hang on length.

Counted exactly but for the hash: words are even, and so are the polynomials of facts/shingles.py over them, which
tell n-grams apart with 63 bits. Plain Python for it is in test_distinct.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.shingles import BASE, polynomials
from anchor_pipeline.facts.words import Hashes

_TABLE_ROWS = 1 << 17
"""Longest row, in n-grams, that is counted in a hash table; longer ones are sorted, which stays within the cache."""

_ONE = np.uint64(1)
_LOGS = 4096
_C_LOG_C = np.arange(_LOGS) * np.log2(np.maximum(np.arange(_LOGS), 1))
_RISE = np.diff(_C_LOG_C)
"""By how much c·log2 c rises when c does by one."""


def distinct(words: Hashes, starts: Offsets, size: int) -> NDArray[np.int32]:
    """How many different n-grams of `size` words each row has; `words` are words proper."""
    counts = np.zeros(len(starts) - 1, np.int32)
    _distinct(words, starts, size, _table(starts), counts)
    for row, ordered in _long_rows(words, starts, size):
        counts[row] = 1 + np.count_nonzero(ordered[1:] != ordered[:-1])
    return counts


def distinct_and_entropy(words: Hashes, starts: Offsets) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(different words, bits per word) of each row; both 0 for a row without words."""
    counts = np.zeros(len(starts) - 1, np.int32)
    bits = np.zeros(len(starts) - 1, np.float32)
    table = _table(starts)
    _entropy(words, starts, table, np.empty(len(table), np.int32), counts, bits)
    for row, ordered in _long_rows(words, starts, 1):
        edges = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
        times = np.diff(edges).astype(np.float64)
        counts[row] = len(times)
        bits[row] = np.log2(len(ordered)) - (times * np.log2(times)).sum() / len(ordered)
    return counts, bits


def _table(starts: Offsets) -> Hashes:
    """Room for the longest row that is not sorted, at most half full: a power of two."""
    lengths = np.diff(starts)
    longest = int(lengths[lengths <= _TABLE_ROWS].max(initial=0))
    return np.empty(max(2, 1 << (2 * longest - 1).bit_length()), np.uint64)


def _long_rows(words: Hashes, starts: Offsets, size: int) -> Any:
    """(row, its n-grams in order) of the rows that are too long for a table."""
    for row in np.flatnonzero(np.diff(starts) > _TABLE_ROWS):
        ordered = polynomials(words[starts[row] : starts[row + 1]], size)
        ordered.sort()
        yield row, ordered


@kernel
def _bits_for(entries: int) -> int:
    """Binary logarithm of the smallest table that so many entries fill to a half at most; 1 at least."""
    bits = 1
    while (1 << bits) < 2 * entries:
        bits += 1
    return bits


@kernel
def _distinct(words: Hashes, starts: Offsets, size: int, table: Hashes, counts: NDArray[np.int32]) -> None:
    """Open addressing with linear probing; 0 is a free place, and n-grams are odd in the table."""
    drop = BASE  # takes the word that leaves out of the polynomial
    for _ in range(size - 1):
        drop = drop * BASE
    for row in range(len(starts) - 1):
        first, end = starts[row], starts[row + 1]
        if end - first < size or end - first > _TABLE_ROWS:
            continue
        bits = _bits_for(end - first)
        shift, mask = np.uint64(64 - bits), (1 << bits) - 1
        table[: 1 << bits] = 0
        value = np.uint64(0)
        for at in range(first, first + size - 1):
            value = value * BASE + words[at]
        found = 0
        for at in range(first + size - 1, end):
            value = value * BASE + words[at]
            if at >= first + size:
                value -= words[at - size] * drop
            key = value | _ONE
            place = np.int64(key >> shift)
            while table[place] != 0 and table[place] != key:
                place = (place + 1) & mask
            if table[place] == 0:
                found += 1
                table[place] = key
        counts[row] = found


@kernel
def _entropy(
    words: Hashes,
    starts: Offsets,
    table: Hashes,
    times: NDArray[np.int32],
    counts: NDArray[np.int32],
    bits_per_word: NDArray[np.float32],
) -> None:
    """As `_distinct` for single words, with the number of times that each is there."""
    for row in range(len(starts) - 1):
        first, end = starts[row], starts[row + 1]
        if end == first or end - first > _TABLE_ROWS:
            continue
        bits = _bits_for(end - first)
        shift, mask = np.uint64(64 - bits), (1 << bits) - 1
        table[: 1 << bits] = 0
        found, total = 0, 0.0
        for at in range(first, end):
            key = words[at] | _ONE
            place = np.int64(key >> shift)
            while table[place] != 0 and table[place] != key:
                place = (place + 1) & mask
            if table[place] == 0:
                found += 1
                table[place] = key
                times[place] = 1
                continue
            count = times[place]
            times[place] = count + 1
            if count < len(_RISE):
                total += _RISE[count]
            else:
                total += (count + 1) * np.log2(count + 1) - count * np.log2(count)
        counts[row] = found
        bits_per_word[row] = np.log2(end - first) - total / (end - first)
