"""A compact table of n-grams for the scoring kernels: eight bytes a slot, two slots where a search looks.

The packed n-gram of up to 60 bits is mixed by a bijection; its high bits say in which pair of slots it lies, the rest
of it stands in the slot together with what the n-gram costs. So one place in memory is looked at, there is no loop
whose end the processor has to guess, and nothing is mistaken for something else. A slot is, from the high bits down:
rest of the mixed n-gram, backoff (20 bits, or none), cost (20 bits). Costs and backoffs are −log2 in steps of
2 ** −14: each is within 3.1e-5 bits of the model's, and the up to three that make up what a word or character costs
within 1e-4. 1 is added, so that 0 is an empty slot. The most frequent n-grams have the first choice of slots; what
finds none is in an ordinary table beside it (table.py), which is asked only where both slots are taken by others.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.facts.probes.ngrams import Keys
from anchor_pipeline.facts.probes.table import insert, new_table, shift_of, slot_of

KEY_BITS = 60
VALUE_BITS = 20
STEP = 1.0 / 16384.0
MOST_COST = 60.0
"""Bits that a cost or backoff may have at most."""

HOT_BITS = 16

_FILL = 1.0
"""N-grams for two slots on average, at most."""
_LEAST_LINE_BITS = 16

Parts = tuple[Keys, np.uint64, np.uint64, Keys, np.uint64]

_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Lines:
    """Slots 2 i and 2 i + 1 are line i; `more` is the table of what had no room."""

    slots: Keys
    line_shift: np.uint64
    """The mixed n-gram shifted by so much is the number of its line."""
    value_bits: np.uint64
    """Bits of a slot below the rest of the n-gram."""
    more: Keys
    more_shift: np.uint64

    @property
    def parts(self) -> Parts:
        """What `find` takes."""
        return self.slots, self.line_shift, self.value_bits, self.more, self.more_shift


def quantised(bits: NDArray[np.floating]) -> Keys:
    """Costs as they stand in a slot. ValueError beyond MOST_COST."""
    if len(bits) and not (np.min(bits) > -1e-6 and np.max(bits) <= MOST_COST):
        raise ValueError(f"costs must be 0 to {MOST_COST:.0f} bits")
    steps: Keys = (np.rint(np.maximum(bits, 0.0).astype(np.float64) / STEP) + 1.0).astype(np.uint64)
    return steps


def build_lines(keys: Keys, values: Keys, seen: NDArray[np.integer], key_bits: int, value_bits: int) -> Lines:
    """The table of `values` (above 0, below 2 ** value_bits) by `keys` (above 0, below 2 ** key_bits).

    `seen` says how often each key is looked for.
    """
    often = np.argsort(-seen.astype(np.int64), kind="stable")
    keys, values = keys[often], values[often]
    needed = max(_LEAST_LINE_BITS, key_bits + value_bits - 64, int(np.ceil(np.log2(max(1, len(keys)) / _FILL))))
    line_bits = min(needed, key_bits)
    slots = zeros_at_lines(2 << line_bits)
    left = np.zeros(len(keys), np.bool_)
    _fill(slots, np.uint64(key_bits), np.uint64(key_bits - line_bits), np.uint64(value_bits), keys, values, left)
    more = new_table(int(left.sum()))
    insert(more, keys[left], values[left])
    return Lines(slots, np.uint64(key_bits - line_bits), np.uint64(value_bits), more, shift_of(more))


def build_hot(keys: Keys, values: Keys, seen: NDArray[np.integer], key_bits: int) -> Keys:
    """The most frequent n-grams alone, one slot for a hash value: half a megabyte, for the processor's cache.

    Slot `mixed >> (key_bits − HOT_BITS)` has the other bits of the mixed n-gram above its value of VALUE_BITS.
    """
    often = np.argsort(-seen.astype(np.int64), kind="stable")[: 1 << HOT_BITS]
    hot = zeros_at_lines(1 << HOT_BITS)
    _fill_hot(hot, np.uint64(key_bits), keys[often], values[often])
    return hot


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill_hot(hot: Keys, key_bits: np.uint64, keys: Keys, values: Keys) -> None:
    shift = key_bits - np.uint64(HOT_BITS)
    for i in range(len(keys)):
        spread = mixed(keys[i], key_bits)
        if hot[spread >> shift] == 0:
            rest = spread & ((np.uint64(1) << shift) - np.uint64(1))
            hot[spread >> shift] = (rest << np.uint64(VALUE_BITS)) | values[i]


def zeros_at_lines(length: int) -> Keys:
    """An array of 64-bit zeros that begins where a cache line does, in pages of 2 MB where the system has such."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        room = np.zeros(length + 8, np.uint64)
        at_line: Keys = room[(-room.ctypes.data % 64) // 8 :][:length]
        return at_line
    memory = mmap.mmap(-1, 8 * length, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Else nearly every lookup would also miss the processor's list of pages.
    with suppress(OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint64, length)


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def mixed(key: np.uint64, key_bits: np.uint64) -> np.uint64:
    """A bijection on the integers of `key_bits` bits: two odd products, and the high half mixed into the low."""
    whole = np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - key_bits)
    key = (key * _ODD) & whole
    key ^= key >> (key_bits >> np.uint64(1))
    return (key * _ODD) & whole


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def find(
    key: np.uint64,
    key_bits: np.uint64,
    slots: Keys,
    line_shift: np.uint64,
    value_bits: np.uint64,
    more: Keys,
    more_shift: np.uint64,
) -> Any:
    """The value of a key; 0 if it is not there."""
    spread = mixed(key, key_bits)
    at = (spread >> line_shift) << np.uint64(1)
    rest = spread & ((np.uint64(1) << line_shift) - np.uint64(1))
    first, second = slots[at], slots[at | np.uint64(1)]
    found = np.uint64(0)
    if first >> value_bits == rest:
        found |= first
    if second >> value_bits == rest:
        found |= second
    if (found == 0) & (second != 0):
        found |= _find_more(key, more, more_shift)
    return found & ((np.uint64(1) << value_bits) - np.uint64(1))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find_more(key: np.uint64, more: Keys, more_shift: np.uint64) -> Any:
    mask = np.uint64(len(more) // 2 - 1)
    slot = slot_of(key, more_shift)
    while more[np.uint64(2) * slot]:
        if more[np.uint64(2) * slot] == key:
            return more[np.uint64(2) * slot + np.uint64(1)]
        slot = (slot + np.uint64(1)) & mask
    return np.uint64(0)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(
    slots: Keys,
    key_bits: np.uint64,
    line_shift: np.uint64,
    value_bits: np.uint64,
    keys: Keys,
    values: Keys,
    left: NDArray[np.bool_],
) -> None:
    """Put every key into its line; left[i] where it had no room."""
    for i in range(len(keys)):
        spread = mixed(keys[i], key_bits)
        at = (spread >> line_shift) << np.uint64(1)
        entry = ((spread & ((np.uint64(1) << line_shift) - np.uint64(1))) << value_bits) | values[i]
        if slots[at] == 0:
            slots[at] = entry
        elif slots[at | np.uint64(1)] == 0:
            slots[at | np.uint64(1)] = entry
        else:
            left[i] = True
