"""An ordinary table of n-grams: open addressing, linear probing, 16 bytes a slot.

table[2 s] is the packed n-gram of slot s (0 where it is free), table[2 s + 1] what is kept of it: a number, or two
32-bit floats, −log2 p in the low half and −log2 of the backoff in the high half. 32-bit floats are within 4e-6 bits of
what they stand for.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.probes.kneser_ney import Level
from anchor_pipeline.facts.probes.ngrams import Keys

_HUGE = 1 << 21
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4."""


def zeros_at_lines(length: int) -> Keys:
    """An array of 64-bit zeros that begins where a cache line does; a large one in pages of 2 MB, if there are such."""
    large = 8 * length >= _HUGE // 4 and hasattr(mmap, "MADV_HUGEPAGE")
    border = _HUGE if large else 64
    if large:
        # Else nearly every lookup would also miss the processor's list of pages.
        memory = mmap.mmap(-1, 8 * length + border, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
        room = np.frombuffer(memory, np.uint64)
    else:
        room = np.zeros(length + border // 8, np.uint64)
    aligned: Keys = room[(-room.ctypes.data % border) // 8 :][:length]
    return aligned


def new_table(size: int) -> Keys:
    """An empty table for so many entries; at most half of its slots will be in use."""
    return zeros_at_lines(2 << max(4, int(2 * size).bit_length()))


def build_table(levels: Sequence[Level]) -> Keys:
    """The table of all n-grams of `levels`: those of fewer units have zeros in front."""
    table = new_table(sum(len(level.keys) for level in levels))
    # Common n-grams are those of low orders: they go first, so that they lie where they are looked for.
    for level in levels:
        insert(table, level.keys, packed_costs(level))
    return table


def packed_costs(level: Level) -> Keys:
    """Cost and backoff of each n-gram, as two floats in 64 bits."""
    pairs = np.stack([level.bits.astype(np.float32), level.backoff.astype(np.float32)], axis=1)
    packed: Keys = np.ascontiguousarray(pairs).view(np.uint64).ravel()
    return packed


def shift_of(table: Keys) -> np.uint64:
    """What `slot_of` needs to know of the size of a table."""
    return np.uint64(64 - (len(table) // 2 - 1).bit_length())


@kernel
def slot_of(key: np.uint64, shift: np.uint64) -> np.uint64:
    """Where the search for a key starts, in a table of 2 ** (64 − shift) slots."""
    return ((key ^ (key >> np.uint64(29))) * _SPREAD) >> shift


def insert(table: Keys, keys: Keys, values: Keys) -> None:
    """Put keys (none of them 0, none twice) and their values into a table that has room for them."""
    _insert(table, shift_of(table), keys, values)


@kernel
def _insert(table: Keys, shift: np.uint64, keys: Keys, values: NDArray[np.uint64]) -> None:
    mask = np.uint64(len(table) // 2 - 1)
    for i in range(len(keys)):
        slot = slot_of(keys[i], shift)
        while table[np.uint64(2) * slot]:
            slot = (slot + np.uint64(1)) & mask
        table[np.uint64(2) * slot] = keys[i]
        table[np.uint64(2) * slot + np.uint64(1)] = values[i]
