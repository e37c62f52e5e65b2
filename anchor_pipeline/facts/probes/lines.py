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

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.probes.ngrams import Keys
from anchor_pipeline.facts.probes.table import insert, new_table, shift_of, slot_of, zeros_at_lines

KEY_BITS = 60
VALUE_BITS = 20
STEP = 1.0 / 16384.0
MOST_COST = 60.0
"""Bits that a cost or backoff may have at most."""

_FILL = 1.0
"""N-grams for two slots on average, at most."""
_LEAST_LINE_BITS = 16

Parts = tuple[Keys, np.uint64, np.uint64, Keys, np.uint64]
Places = NDArray[np.uint32]

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
        """What `find_all` takes."""
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


@kernel(inline="always")
def mixed(key: np.uint64, key_bits: np.uint64) -> np.uint64:
    """A bijection on the integers of `key_bits` bits: two odd products, and the high half mixed into the low."""
    whole = np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - key_bits)
    key = (key * _ODD) & whole
    key ^= key >> (key_bits >> np.uint64(1))
    return (key * _ODD) & whole


@kernel
def find_all(keys: Keys, key_bits: np.uint64, table: Parts, out: Keys, waiting: Places) -> None:
    """out[i] is the value of keys[i], 0 if it is not there. `waiting` is room for as many numbers.

    First the lines alone: no lookup waits for another, and there is nothing to guess. Keys that are not in their line,
    but may have found no room there, are put down and looked for afterwards: one jump that cannot be foretold costs
    more than three lookups.
    """
    slots, line_shift, value_bits, more, more_shift = table
    one, left = np.uint64(1), 0
    rest_of, value_of = (one << line_shift) - one, (one << value_bits) - one
    for i in range(len(keys)):
        spread = mixed(keys[i], key_bits)
        at, rest = (spread >> line_shift) << one, spread & rest_of
        first, second = slots[at], slots[at | one]
        found = first if first >> value_bits == rest else np.uint64(0)
        found |= second if second >> value_bits == rest else np.uint64(0)
        out[i] = found & value_of
        waiting[left] = i
        left += (found == 0) & (second != 0)
    for n in range(left):
        i = np.int64(waiting[n])  # type: ignore[assignment]
        out[i] = find_more(keys[i], more, more_shift)


@kernel
def find_more(key: np.uint64, more: Keys, more_shift: np.uint64) -> Any:
    """The value of a key in an ordinary table (table.py); 0 if it is not there."""
    mask = np.uint64(len(more) // 2 - 1)
    slot = slot_of(key, more_shift)
    while more[np.uint64(2) * slot]:
        if more[np.uint64(2) * slot] == key:
            return more[np.uint64(2) * slot + np.uint64(1)]
        slot = (slot + np.uint64(1)) & mask
    return np.uint64(0)


@kernel
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
