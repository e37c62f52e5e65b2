"""The lookup table of a model: every n-gram in one open-addressed table, one cache line per lookup most of the time.

Slot s is 16 bytes: table[2 s] is the packed n-gram (0 where the slot is free), table[2 s + 1] holds two 32-bit floats,
−log2 p in the low half and −log2 of the backoff in the high half. N-grams of all orders lie together: those of fewer
units have zeros in front. 32-bit floats are within 4e-6 bits of what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.facts.probes.kneser_ney import Level
from anchor_pipeline.facts.probes.ngrams import FIRST, Keys

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4."""

Costs = NDArray[np.float32]


def build_table(levels: Sequence[Level]) -> Keys:
    """The table of the n-grams of `levels`; at most half of its slots are in use."""
    size = sum(len(level.keys) for level in levels)
    table = np.zeros(2 << max(4, int(2 * size - 1).bit_length()), np.uint64)
    # Common n-grams are those of low orders: they go first, so that they lie where they are looked for.
    for level in levels:
        pairs = np.stack([level.bits.astype(np.float32), level.backoff.astype(np.float32)], axis=1)
        _insert(table, level.keys, np.ascontiguousarray(pairs).view(np.uint64).ravel())
    return table


def index_table(values: Keys) -> Keys:
    """A table that holds FIRST + i for values[i], in place of the floats. A value of 0 is not found in it."""
    table = np.zeros(2 << max(4, int(2 * len(values) - 1).bit_length()), np.uint64)
    there = np.flatnonzero(values)
    _insert(table, values[there], (there + FIRST).astype(np.uint64))
    return table


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def slot_of(key: np.uint64, shift: np.uint64) -> np.uint64:
    """Where the search for a key starts, in a table of 2 ** (64 − shift) slots."""
    # The high bits of the product hang on all bits of the key only after its own high ones were mixed in.
    return ((key ^ (key >> np.uint64(29))) * _SPREAD) >> shift


def shift_of(table: Keys) -> np.uint64:
    """What `slot_of` needs to know of the size of a table."""
    return np.uint64(64 - (len(table) // 2 - 1).bit_length())


def _insert(table: Keys, keys: Keys, values: Keys) -> None:
    _insert_all(table, shift_of(table), keys, values)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _insert_all(table: Keys, shift: np.uint64, keys: Keys, values: Keys) -> None:
    mask = np.uint64(len(table) // 2 - 1)
    for i in range(len(keys)):
        slot = slot_of(keys[i], shift)
        while table[np.uint64(2) * slot]:
            slot = (slot + np.uint64(1)) & mask
        table[np.uint64(2) * slot] = keys[i]
        table[np.uint64(2) * slot + np.uint64(1)] = values[i]
