"""An n-gram model as it is trained, kept and read again: a vocabulary and the levels of its orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.probes.card import OrderCard
from anchor_pipeline.facts.probes.kneser_ney import Level, estimate
from anchor_pipeline.facts.probes.lines import MOST_COST
from anchor_pipeline.facts.probes.model_file import MODEL, pack, unpack
from anchor_pipeline.facts.probes.ngrams import BEGIN, END, FIRST, UNKNOWN, Counts, Keys, id_bits, most_units

_PARTS = ("keys", "bits", "backoff", "seen")


@dataclass(frozen=True)
class NgramModel:
    """Unit vocabulary[i] (a hash or a code point, ascending) has the id FIRST + i."""

    order: int
    vocabulary: Keys
    levels: tuple[Level, ...]

    @property
    def id_bits(self) -> int:
        """Bits of one id in the keys of the levels."""
        return int(id_bits(self.order))

    def to_bytes(self) -> bytes:
        """model.bin: costs as 32-bit floats."""
        arrays: dict[str, NDArray[Any]] = {"vocabulary": self.vocabulary.astype("<u8")}
        for k, level in enumerate(self.levels, 1):
            arrays[f"keys_{k}"] = level.keys.astype("<u8")
            arrays[f"bits_{k}"] = level.bits.astype("<f4")
            arrays[f"backoff_{k}"] = level.backoff.astype("<f4")
            arrays[f"seen_{k}"] = np.minimum(level.seen, 0xFFFFFFFF).astype("<u4")
        return pack(arrays)

    @property
    def cards(self) -> tuple[OrderCard, ...]:
        """What the card says of each order."""
        return tuple(
            OrderCard(ngrams=len(level.keys), discounts=level.discounts, fallback=level.fallback)
            for level in self.levels
        )


def checked_min_counts(min_counts: Sequence[int], order: int) -> tuple[int, ...]:
    """One for each order; the last one given holds for those above. UsageError if they cannot be."""
    given = tuple(min_counts) or (1,)
    full = (*given, *[given[-1]] * (order - len(given)))
    if len(full) != order or full[0] < 1 or any(low > high for low, high in pairwise(full[1:])):
        raise UsageError(
            f"counts {', '.join(map(str, given))} do not fit an order of {order}: at most one for each order, each at "
            "least 1, and from the 2-grams on none smaller than the one before"
        )
    return full


def choose_vocabulary(values: Keys, counts: Counts, order: int, min_count: int) -> tuple[Keys, int]:
    """The units that a model knows, ascending, and how many others there are.

    Known is what was seen at least `min_count` times, and of that no more than an id of that order has room for: the
    most frequent, of equals the smaller values.
    """
    known = counts >= min_count
    kept, seen = values[known], counts[known]
    room = most_units(order)
    if len(kept) > room:
        kept = kept[np.lexsort((kept, -seen))[:room]]
    return np.sort(kept), len(values) - len(kept)


def estimate_model(
    vocabulary: Keys, keys: Keys, counts: Counts, *, order: int, min_counts: Sequence[int], unknown_types: int
) -> NgramModel:
    """The model of counted n-grams; see kneser_ney.estimate."""
    levels = estimate(
        keys, counts, order=order, units=len(vocabulary), min_counts=min_counts, unknown_types=max(1, unknown_types)
    )
    return NgramModel(order, vocabulary, tuple(levels))


def read_ngram_model(data: bytes, order: int) -> NgramModel:
    """The model of a file. DamagedData unless a kernel can run over it safely."""
    arrays = unpack(data)
    names = ["vocabulary", *(f"{what}_{k}" for k in range(1, order + 1) for what in _PARTS)]
    if list(arrays) != names or not 1 <= order <= 8:
        raise DamagedData(f"{MODEL}: is not of order {order}, as its card says; put the probe back from a copy")
    vocabulary = arrays["vocabulary"]
    levels = []
    for k in range(1, order + 1):
        keys, cost, backoff, seen = (arrays[f"{what}_{k}"] for what in _PARTS)
        # A backoff may be below 0 by the rounding of a γ of 1. Not a number is in no range.
        whole = len(keys) == len(cost) == len(backoff) == len(seen) and _in_range(cost) and _in_range(backoff)
        if not whole or not _ascending(keys) or (k > 1 and len(keys) and int(keys[0]) == 0):
            raise DamagedData(f"{MODEL}: its {k}-grams are not what a model has; put the probe back from a copy")
        levels.append(Level(keys, cost, backoff, seen, (0.0, 0.0, 0.0), False))
    units = np.array([UNKNOWN, BEGIN, END, *range(FIRST, FIRST + len(vocabulary))], np.uint64)
    if not _ascending(vocabulary) or not np.array_equal(levels[0].keys, units) or len(vocabulary) > most_units(order):
        raise DamagedData(f"{MODEL}: its vocabulary is not what its 1-grams are; put the probe back from a copy")
    for k, level in enumerate(levels, 1):
        if len(level.keys) and int(level.keys[-1]) >> (k * id_bits(order)):
            raise DamagedData(f"{MODEL}: its {k}-grams are too long; put the probe back from a copy")
    return NgramModel(order, vocabulary, tuple(levels))


def _in_range(costs: NDArray[np.float32]) -> bool:
    return not len(costs) or bool(np.min(costs) > -1e-6 and np.max(costs) <= MOST_COST)


def _ascending(values: Keys) -> bool:
    return bool((values[1:] > values[:-1]).all())
