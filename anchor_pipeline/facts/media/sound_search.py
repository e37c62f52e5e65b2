"""The nearest sound of a collection, by bit error rate of fingerprints.

Few are compared all with all, at every offset. Many are looked up as Haitsma and Kalker do (ISMIR 2002, section 4.3):
some word of a copy is likely to be free of errors, or to have one wrong bit, so every word of a query is looked up
with each bit flipped in a table of every second word of the collection, and what stands around a hit is compared in
full. That can miss: docs/media.md says how often it did. Where a word occurs very often in the collection it tells
nothing, and is passed over; so time grows with the number of queries, not of pairs.

Memory of the table: 12 bytes for every second word (23 ms of sound), 4 for every word, and 8 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.media.sound_distance import (
    differing,
    errors_along,
    fewest_errors,
    limit,
    stretch,
)
from anchor_pipeline.facts.media.sound_print import Print

Numbers = NDArray[np.int64]
Rates = NDArray[np.float64]

EXACT_COMPARISONS = 2_000_000_000
"""Up to so many pairs of words all are compared: about ten seconds."""

_STEP = 2
_COMMON = 64
"""A word that the table holds more often is passed over."""
_BUCKET_BITS = 20
_AROUND = 8
_UNLIKE = 0.42
"""A hit whose 16 neighbouring words differ in more of their bits is an accident."""


@dataclass(frozen=True)
class Prints:
    """Fingerprints end to end: that of sound i is words[starts[i]:starts[i + 1]]; empty where there is none."""

    words: Print
    starts: Numbers

    def __len__(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True)
class Nearest:
    """By query: the sound that exceeds the limit for its length by least, or comes below it by most."""

    found: Numbers
    """Its number; -1 if none was compared."""
    rates: Rates
    """Bit error rate; 1.0 where none was compared."""
    limits: Rates
    """The rate up to which the two match, by the number of words compared; 0.0 where none was."""
    exact: bool
    """Whether all pairs were compared."""


def nearest_sounds(
    queries: Prints, sounds: Prints, declared: float, *, itself: bool = False, comparisons: int = EXACT_COMPARISONS
) -> Nearest:
    """The nearest of `sounds` for each query; with `itself` the queries are those sounds, and none finds itself.

    `declared` is the bit error rate up to which whole blocks match.
    """
    exact = len(queries.words) * len(sounds.words) <= comparisons
    found, rates = np.full(len(queries), -1, np.int64), np.ones(len(queries))
    limits = np.zeros(len(queries))
    if exact:
        _compare_all(queries.words, queries.starts, sounds.words, sounds.starts, declared, itself, found, rates, limits)
    elif len(sounds.words):
        values, places, buckets = _table(sounds.words)
        owners = np.repeat(np.arange(len(sounds)), np.diff(sounds.starts)).astype(np.int32)
        _look_up(
            queries.words, queries.starts, sounds.words, sounds.starts, owners, values, places, buckets, declared,
            itself, found, rates, limits,
        )  # fmt: skip
    return Nearest(found, rates, limits, exact)


def _table(words: Print) -> tuple[Print, Numbers, Numbers]:
    """(values, sorted; where each stands in `words`; where each bucket of leading bits begins)."""
    places = np.arange(0, len(words), _STEP)
    places = places[words[places] != 0]
    places = places[np.argsort(words[places], kind="stable")]
    values = words[places]
    edges = np.arange(2**_BUCKET_BITS + 1, dtype=np.uint64) << np.uint64(32 - _BUCKET_BITS)
    return values, places, np.searchsorted(values.astype(np.uint64), edges).astype(np.int64)


@kernel
def _compare_all(
    words: Print, starts: Numbers, others: Print, edges: Numbers, declared: float, itself: bool,
    found: Numbers, rates: Rates, limits: Rates,
) -> None:  # fmt: skip
    for query in range(len(starts) - 1):
        one = words[starts[query] : starts[query + 1]]
        for number in range(len(edges) - 1):
            other = others[edges[number] : edges[number + 1]]
            if len(one) == 0 or len(other) == 0 or (itself and number == query):
                continue
            length = stretch(min(len(one), len(other)))
            rate, bound = fewest_errors(one, other, length) / (32 * length), limit(length, declared)
            if found[query] < 0 or rate - bound < rates[query] - limits[query]:
                found[query], rates[query], limits[query] = number, rate, bound


@kernel
def _look_up(
    words: Print, starts: Numbers, others: Print, edges: Numbers, owners: NDArray[np.int32], values: Print,
    places: Numbers, buckets: Numbers, declared: float, itself: bool, found: Numbers, rates: Rates, limits: Rates,
) -> None:  # fmt: skip
    for query in range(len(starts) - 1):
        one = words[starts[query] : starts[query + 1]]
        seen = {np.int64(-1)}
        for at in range(len(one)):
            if one[at] == 0:
                continue
            for flip in range(33):
                word = one[at] if flip == 32 else np.uint32(one[at] ^ (np.uint32(1) << np.uint32(flip)))
                low, high = _run(values, buckets, word)
                if high - low > _COMMON:
                    continue
                for hit in range(low, high):
                    number = np.int64(owners[places[hit]])
                    diagonal = places[hit] - at + len(one)  # one value for all hits at one offset
                    if (itself and number == query) or diagonal in seen:
                        continue
                    other = others[edges[number] : edges[number + 1]]
                    lag = places[hit] - edges[number] - at
                    if not _alike_around(one, other, at, lag):
                        continue
                    seen.add(diagonal)
                    length = stretch(min(len(one), len(other)))
                    if min(len(one), len(other) - lag) - max(0, -lag) < length:
                        continue
                    rate = errors_along(one, other, lag, length, 32 * length) / (32 * length)
                    bound = limit(length, declared)
                    gain = (rate - bound) - (rates[query] - limits[query])
                    if found[query] < 0 or gain < 0 or (gain == 0 and number < found[query]):
                        found[query], rates[query], limits[query] = number, rate, bound


@kernel
def _run(values: Print, buckets: Numbers, word: np.uint32) -> tuple[int, int]:
    """Where `word` stands among the sorted values: [low, high)."""
    bucket = np.int64(word >> np.uint32(32 - _BUCKET_BITS))
    low = buckets[bucket]
    while low < buckets[bucket + 1] and values[low] < word:
        low += 1
    high = low
    while high < buckets[bucket + 1] and values[high] == word and high - low <= _COMMON:
        high += 1
    return low, high


@kernel
def _alike_around(one: Print, other: Print, at: int, lag: int) -> bool:
    first = max(0, -lag, at - _AROUND)
    last = min(len(one), len(other) - lag, at + _AROUND)
    wrong = 0
    for place in range(first, last):
        wrong += differing(one[place], other[place + lag])
    return wrong <= _UNLIKE * 32 * (last - first)
