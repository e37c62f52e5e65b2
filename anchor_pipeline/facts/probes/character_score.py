"""The scoring kernel of character probes."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import decode
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.probes.ngrams import Keys
from anchor_pipeline.facts.probes.table import Costs, slot_of

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
def character_ids(
    data: Bytes, offsets: Offsets, alphabet: Alphabet, out: NDArray[np.int64], starts: Offsets
) -> None:
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
    data: Bytes, offsets: Offsets, alphabet: Alphabet, table: Keys, table_shift: np.uint64, order: int, bits: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bits and predicted characters of each row.

    The longest n-gram first: nearly every one of ordinary text is there, and where it lies does not hang on the one
    before. Only where it is not, the backoffs of the contexts are looked up.
    """
    rows = len(offsets) - 1
    total, predicted = np.zeros(rows), np.zeros(rows, np.int64)
    values = table.view(np.float32)
    mask = np.uint64(len(table) // 2 - 1)
    one, two, shift = np.uint64(1), np.uint64(2), np.uint64(bits)
    whole = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - bits * order)
    for row in range(rows):
        key = two
        sum_, units, at, end = 0.0, 0, offsets[row], offsets[row + 1]
        while at <= end:
            if at == end:
                unit = np.uint64(3)
                at += 1
            elif data[at] < 128:
                unit = np.uint64(alphabet[data[at]])
                at += 1
            else:
                code, at = decode(data, at)
                unit = np.uint64(alphabet[code])
            key = ((key << shift) | unit) & whole
            units += 1
            slot = slot_of(key, table_shift)
            while table[slot << one] != key and table[slot << one]:
                slot = (slot + one) & mask
            if table[slot << one]:
                sum_ += values[(slot << two) + two]
            else:
                sum_ += _back_off(key, table, values, table_shift, order, bits)
        total[row] = sum_
        predicted[row] = units
    return total, predicted


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _back_off(key: np.uint64, table: Keys, values: Costs, table_shift: np.uint64, order: int, bits: int) -> float:
    """The cost of an n-gram that is not there: backoffs of its contexts until a shorter one is."""
    mask = np.uint64(len(table) // 2 - 1)
    one, two, shift = np.uint64(1), np.uint64(2), np.uint64(bits)
    cost, last = 0.0, np.uint64(0)
    for k in range(order, 0, -1):
        part = key & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - bits * k))
        if part == last:  # a text that has just begun: nothing stands before
            continue
        slot = slot_of(part, table_shift)
        while table[slot << one] != part and table[slot << one]:
            slot = (slot + one) & mask
        if table[slot << one]:
            return cost + np.float64(values[(slot << two) + two])
        context = part >> shift
        slot = slot_of(context, table_shift)
        while table[slot << one] != context and table[slot << one]:
            slot = (slot + one) & mask
        if table[slot << one]:
            cost += values[(slot << two) + np.uint64(3)]
        last = part
    return cost
