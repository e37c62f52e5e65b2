"""The scoring kernel of character probes."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import decode
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.probes.lines import HOT_BITS, STEP, Parts, find, mixed
from anchor_pipeline.facts.probes.ngrams import Keys, id_bits
from anchor_pipeline.facts.probes.table import slot_of

Alphabet = NDArray[np.uint32]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_characters(data: Bytes, offsets: Offsets, seen: Offsets) -> None:
    """Add to seen[c] how often code point c occurs in the rows."""
    at, end = offsets[0], offsets[-1]
    while at < end:
        code: int = np.int64(data[at])  # type: ignore[assignment]
        if code < 128:
            at += 1
        else:
            code, at = decode(data, at)
        seen[code] += 1


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def character_ids(data: Bytes, offsets: Offsets, alphabet: Alphabet, out: NDArray[np.int64], starts: Offsets) -> None:
    """The id of every character, row after row; `alphabet` holds the id of every code point."""
    found = 0
    starts[0] = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            code: int = np.int64(data[at])  # type: ignore[assignment]
            if code < 128:
                at += 1
            else:
                code, at = decode(data, at)
            out[found] = alphabet[code]
            found += 1
        starts[row + 1] = found


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def score_characters(
    data: Bytes,
    offsets: Offsets,
    alphabet: Alphabet,
    hot: Keys,
    longest: Parts,
    table: Keys,
    table_shift: np.uint64,
    order: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bits and predicted characters of each row.

    The longest n-gram first, among the most frequent before all: nearly every one of ordinary text is there, and where
    it lies does not hang on the one before. Only where it is not, `table` is asked, which has those of all orders with
    the backoffs of the contexts.
    """
    rows = len(offsets) - 1
    total, predicted = np.zeros(rows), np.zeros(rows, np.int64)
    slots, line_shift, value_bits, more, more_shift = longest
    shift = np.uint64(id_bits(order))
    key_bits = np.uint64(order) * shift
    whole = np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - key_bits)
    hot_shift = key_bits - np.uint64(HOT_BITS)
    hot_rest = (np.uint64(1) << hot_shift) - np.uint64(1)
    for row in range(rows):
        key, sum_, units, at, end = np.uint64(2), 0.0, 0, offsets[row], offsets[row + 1]
        while at <= end:
            unit = np.uint64(3)
            if at == end:
                at += 1
            elif data[at] < 128:
                unit = np.uint64(alphabet[data[at]])
                at += 1
            else:
                code, at = decode(data, at)
                unit = np.uint64(alphabet[code])
            key = ((key << shift) | unit) & whole
            units += 1
            spread = mixed(key, key_bits)
            entry = hot[spread >> hot_shift]
            if entry >> np.uint64(20) == spread & hot_rest:
                value = entry & np.uint64(0xFFFFF)
            else:
                value = find(key, key_bits, slots, line_shift, value_bits, more, more_shift)
            if value:
                sum_ += np.float64(value - np.uint64(1)) * STEP
            else:
                sum_ += _back_off(key, table, table_shift, order, shift)
        total[row] = sum_
        predicted[row] = units
    return total, predicted


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _back_off(key: np.uint64, table: Keys, table_shift: np.uint64, order: int, shift: np.uint64) -> float:
    """The cost of an n-gram: the backoffs of its contexts until a shorter one is there."""
    values = table.view(np.float32)
    cost, last = 0.0, np.uint64(0)
    for k in range(order, 0, -1):
        part = key & (np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - np.uint64(k) * shift))
        if part == last:  # a text that has just begun: nothing stands before
            continue
        place = _place(part, table, table_shift)
        if place:
            return cost + np.float64(values[place])
        place = _place(part >> shift, table, table_shift)
        if place:
            cost += np.float64(values[place + 1])
        last = part
    return cost


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _place(key: np.uint64, table: Keys, table_shift: np.uint64) -> int:
    """Where the cost of an n-gram stands among the 32-bit floats of the table, its backoff behind it; 0 if nowhere."""
    mask = np.uint64(len(table) // 2 - 1)
    slot = slot_of(key, table_shift)
    while table[np.uint64(2) * slot] != key:
        if not table[np.uint64(2) * slot]:
            return 0
        slot = (slot + np.uint64(1)) & mask
    return np.int64(np.uint64(4) * slot + np.uint64(2))  # type: ignore[return-value]
