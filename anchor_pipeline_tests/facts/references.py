"""What the kernels of text facts compute, in plain Python, and rows of words to try them on."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.words import Hashes

Rows = list[list[int]]
MASK = (1 << 64) - 1
BASE = 0x9E3779B97F4A7C15

# Few different words make repeated n-grams likely; any others are there too. Words proper are even.
word = st.one_of(st.integers(0, 9), st.integers(0, MASK >> 1)).map(lambda value: value << 1)
rows_of_words = st.lists(st.lists(word, max_size=30), max_size=6)


def as_rows(rows: Rows) -> tuple[Hashes, Offsets]:
    """Rows as the kernels take them: (values, starts)."""
    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    return np.array([value for row in rows for value in row], np.uint64), starts


def to_rows(values: Hashes, starts: Offsets) -> Rows:
    """The inverse of `as_rows`."""
    return [values[first:end].tolist() for first, end in pairwise(starts)]


def mix(value: int) -> int:
    """SplitMix64's finishing mix."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def reference_ngrams(row: list[int], size: int, whole: bool = False) -> list[int]:
    """Hashes of the n-grams of a row of words proper."""
    grams = [row[at : at + size] for at in range(len(row) - size + 1)]
    if whole and 0 < len(row) < size:
        grams = [row]
    return [mix(sum(value * BASE ** (len(gram) - 1 - at) for at, value in enumerate(gram)) & MASK) for gram in grams]


def reference_minhash(shingles: list[int]) -> list[int]:
    """The 128 numbers of a row of shingle hashes."""
    empty = 2**32 - 1
    bins = [empty] * 128
    for value in shingles:
        bins[value >> 57] = min(bins[value >> 57], (value >> 25) & empty)
    if all(value == empty for value in bins):
        return bins
    filled = list(bins)
    for place in range(128):
        filled[place] = next(bins[other] for other in [place, *_order(place)] if bins[other] != empty)
    return filled


@cache
def _order(place: int) -> list[int]:
    """In which order an empty bin looks for one to borrow from."""
    return sorted(range(128), key=lambda other: mix(place * 128 + other + 1))


def reference_sketch(shingles: list[int]) -> list[int]:
    """The shingles that a sketch keeps."""
    return sorted({value for value in shingles if value < 2**64 // 16})


def reference_entropy(words: list[int]) -> float:
    """Bits per word of the row's own distribution of words; 0 for a row without words."""
    counts = Counter(words).values()
    return -sum(count / len(words) * math.log2(count / len(words)) for count in counts)
