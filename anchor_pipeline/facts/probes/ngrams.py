"""N-grams packed into 60 bits, and how often each occurs.

A unit (word or character) is an id of `id_bits(order)` bits; an n-gram is its ids side by side, the last one lowest.
So the last k units of an n-gram are its low bits, and its context is what is left when the last id is shifted out.
Id 0 is no unit: an n-gram that is shorter than the order, at the beginning of a text, has it at the front.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.words import mix64

Ids = NDArray[np.int64]
Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]

NOTHING, UNKNOWN, BEGIN, END, FIRST = 0, 1, 2, 3, 4
"""Ids with a meaning of their own: padding, the class of unknown units, begin and end of text; then the vocabulary."""

_FULL = 0.5
"""A table is enlarged when more of it is in use: linear probing stays short."""


@kernel
def id_bits(order: int) -> Any:
    """Bits of one id, so that `order` of them fit into 60 (lines.py); at most 20."""
    return min(60 // order, 20)


def most_units(order: int) -> int:
    """The largest vocabulary of a model of that order."""
    return int((1 << id_bits(order)) - FIRST)


class NgramCounter:
    """Counts n-grams of the highest order over any number of batches. Memory goes by the distinct ones."""

    def __init__(self, order: int) -> None:
        self.order = order
        self._keys: Any = np.zeros(1 << 16, np.uint64)
        self._counts: Any = np.zeros(1 << 16, np.int64)
        self._used = 0

    def add(self, ids: Ids, starts: Offsets) -> None:
        """Count the texts whose units are ids[starts[i]:starts[i + 1]], each with its begin and end."""
        row, at, key = 0, -1, np.uint64(0)
        while row < len(starts) - 1:
            # The kernel stops where the table is too full, and goes on from there in a larger one.
            row, at, key, self._used = _count(
                ids, starts, row, at, np.uint64(key), id_bits(self.order), self.order,
                self._keys, self._counts, self._used,
            )  # fmt: skip
            if row < len(starts) - 1:
                keys = np.zeros(2 * len(self._keys), np.uint64)
                counts = np.zeros(2 * len(self._keys), np.int64)
                _move(self._keys, self._counts, keys, counts)
                self._keys, self._counts = keys, counts

    def result(self) -> tuple[Keys, Counts]:
        """Distinct n-grams, ascending, and how often each was seen: the same in whatever order they came."""
        taken = self._counts > 0
        keys, counts = self._keys[taken], self._counts[taken]
        order = np.argsort(keys)
        return keys[order], counts[order]


@kernel
def _count(
    ids: Ids,
    starts: Offsets,
    row: int,
    at: int,
    key: np.uint64,
    bits: int,
    order: int,
    keys: Keys,
    counts: Counts,
    used: int,
) -> tuple[int, int, np.uint64, int]:
    """Goes on at unit `at` of `row` (-1: the row is still to be begun) with the units before it in `key`."""
    mask = np.uint64(len(keys) - 1)
    most = len(keys) * _FULL
    shift = np.uint64(bits)
    whole = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - bits * order)
    while row < len(starts) - 1:
        end = starts[row + 1]
        if at < 0:
            at, key = starts[row], np.uint64(2)
        while at <= end:
            if used >= most:
                return row, at, key, used
            unit = np.uint64(ids[at]) if at < end else np.uint64(3)
            key = ((key << shift) | unit) & whole
            slot = mix64(key) & mask
            while counts[slot] and keys[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            if not counts[slot]:
                keys[slot] = key
                used += 1
            counts[slot] += 1
            at += 1
        row, at = row + 1, -1
    return row, -1, key, used


@kernel
def _move(old_keys: Keys, old_counts: Counts, keys: Keys, counts: Counts) -> None:
    mask = np.uint64(len(keys) - 1)
    for old in range(len(old_keys)):
        if old_counts[old]:
            slot = mix64(old_keys[old]) & mask
            while counts[slot]:
                slot = (slot + np.uint64(1)) & mask
            keys[slot], counts[slot] = old_keys[old], old_counts[old]
