"""Interpolated modified Kneser-Ney smoothing, estimated as KenLM's `lmplz` does.

For an n-gram of context c and unit w, with a(cw) its adjusted count:

    p(w | c) = (a(cw) − D(a(cw))) / Σ_x a(cx)  +  γ(c) · p(w | c without its first unit)
    γ(c)     = Σ_x D(a(cx)) / Σ_x a(cx)

and below the unigrams 1 / V, V counting the unknown class and the end of text, not the begin. Counts of the highest
order, and of n-grams that start with the begin of text, are how often they occur; all others are how many different
units occur before them (Kneser and Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995).
The discounts D(1), D(2), D(3 and more) are equation 26 of Chen and Goodman, "An empirical study of smoothing
techniques for language modeling", Computer Speech and Language 13, 1999:

    Y = n1 / (n1 + 2 n2),   D(i) = i − (i + 1) · Y · n(i+1) / n(i)

with n(i) the n-grams of that order with adjusted count i. Where they cannot be had (little or artificial text) they
are 0.5, 1 and 1.5, as with `lmplz --discount_fallback`. N-grams that occur less often than asked are left out and
their mass goes to γ, as with `lmplz --prune` (Heafield et al., "Scalable modified Kneser-Ney language model
estimation", ACL 2013). test_kneser_ney.py holds this against fractions in plain Python, and sums to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.facts.probes.ngrams import BEGIN, FIRST, UNKNOWN, Counts, Keys, id_bits

Floats = NDArray[np.float64]

FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Level:
    """The n-grams of one order, by ascending key."""

    keys: Keys
    bits: Floats
    """−log2 p of the last unit in the context of the others; of the begin of text 0, for it is never predicted."""
    backoff: Floats
    """−log2 γ of the whole as a context; 0 where it is none."""
    seen: Counts
    """How often each occurs; nothing but the layout of tables hangs on it."""
    discounts: tuple[float, float, float]
    fallback: bool
    """The discounts are FALLBACK."""

    @staticmethod
    def empty() -> Level:
        """An order without n-grams."""
        return Level(np.zeros(0, np.uint64), np.zeros(0), np.zeros(0), np.zeros(0, np.int64), FALLBACK, True)


@dataclass(frozen=True)
class _Order:
    """Distinct n-grams of one order that occur, before any is left out."""

    keys: Keys
    seen: Counts
    adjusted: Counts


def estimate(
    keys: Keys, counts: Counts, *, order: int, units: int, min_counts: Sequence[int], unknown_types: int = 1
) -> list[Level]:
    """The levels 1 … order of a model.

    `keys`, `counts` are those of NgramCounter; `units` is the size of the vocabulary; n-grams of order k seen less
    often than min_counts[k - 1] are left out, which must not fall with k (the unigrams' is not looked at: units below
    it are in the unknown class already). An unknown unit is one of `unknown_types`, each as likely as the others.
    """
    bits = id_bits(order)
    orders = _orders(keys, counts, order, bits)
    levels: list[Level] = []
    probability = np.array([1.0 / (units + 2)])
    lower_keys = np.zeros(1, np.uint64)
    context_backoff: list[tuple[Keys, Floats]] = []
    for k, found in enumerate(orders, 1):
        if k == 1:
            found = _all_units(found, units)
        discounts, fallback = _discounts(found.adjusted)
        kept = found.seen >= min_counts[k - 1] if k > 1 else np.ones(len(found.keys), bool)
        contexts, gamma, own = _context_sums(found, kept, discounts, bits)
        suffix = found.keys[kept] & _mask((k - 1) * bits)
        lower = probability[np.searchsorted(lower_keys, suffix)]
        probability = own[0] + gamma[own[1]] * lower
        lower_keys = found.keys[kept]
        context_backoff.append((contexts, gamma))
        cost, seen = -np.log2(probability), found.seen[kept]
        levels.append(Level(lower_keys, cost, np.zeros(len(lower_keys)), seen, discounts, fallback))
    return _finished(levels, context_backoff, bits, unknown_types)


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _orders(keys: Keys, counts: Counts, order: int, bits: int) -> list[_Order]:
    """The n-grams of every order: the suffixes of those of the highest, and their counts."""
    found: list[_Order] = []
    extensions = counts
    for k in range(order, 0, -1):
        first = keys >> np.uint64((k - 1) * bits)
        # Shorter ones at the begin of a text are no n-grams of this order, but their suffixes are some of a lower.
        whole = first != 0
        if k == order:
            adjusted = counts.copy()
        else:
            begins = first == BEGIN
            adjusted = np.where(begins, counts, extensions)
        found.append(_Order(keys[whole], counts[whole], adjusted[whole]))
        if k > 1:
            keys, counts, extensions = _suffixes(keys, counts, whole, (k - 1) * bits)
    return found[::-1]


def _suffixes(keys: Keys, counts: Counts, whole: NDArray[np.bool_], bits: int) -> tuple[Keys, Counts, Counts]:
    """Distinct suffixes of `bits` bits: how often each occurs, and how many of the whole n-grams it ends."""
    suffix = keys & _mask(bits)
    order = np.argsort(suffix, kind="stable")
    suffix = suffix[order]
    runs = np.flatnonzero(np.concatenate([[True], suffix[1:] != suffix[:-1]]))
    return suffix[runs], np.add.reduceat(counts[order], runs), np.add.reduceat(whole[order].astype(np.int64), runs)


def _all_units(found: _Order, units: int) -> _Order:
    """Unigrams of the whole vocabulary: also what was never seen, which the unknown class may be."""
    keys = np.concatenate([[UNKNOWN, 3], np.arange(FIRST, FIRST + units)]).astype(np.uint64)
    seen, adjusted = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    places = np.searchsorted(keys, found.keys)
    seen[places], adjusted[places] = found.seen, found.adjusted
    return _Order(keys, seen, adjusted)


def _discounts(adjusted: Counts) -> tuple[tuple[float, float, float], bool]:
    n = np.bincount(np.minimum(adjusted, 5), minlength=6)
    if n[1] and n[2] and n[3]:
        y = n[1] / (n[1] + 2.0 * n[2])
        found = tuple(float(i - (i + 1) * y * n[i + 1] / n[i]) for i in (1, 2, 3))
        if all(0.0 < discount <= i for i, discount in enumerate(found, 1)):
            return (found[0], found[1], found[2]), False
    return FALLBACK, True


def _context_sums(
    found: _Order, kept: NDArray[np.bool_], discounts: tuple[float, float, float], bits: int
) -> tuple[Keys, Floats, tuple[Floats, NDArray[np.intp]]]:
    """Contexts, their γ, and of every n-gram kept: its own share of the probability, and which context it has."""
    context = found.keys >> np.uint64(bits)
    begins = np.concatenate([[True], context[1:] != context[:-1]])
    runs = np.flatnonzero(begins)
    which = np.cumsum(begins) - 1
    total = np.add.reduceat(found.adjusted, runs).astype(np.float64)
    discount = np.array([0.0, *discounts])[np.minimum(found.adjusted, 3)]
    # What is left out gives all of its mass, as if its discount were the whole count.
    given = np.where(kept, discount, found.adjusted)
    gamma = np.add.reduceat(given, runs) / total
    share = (found.adjusted - given) / total[which]
    return context[runs], gamma, (share[kept], which[kept])


def _finished(levels: list[Level], contexts: list[tuple[Keys, Floats]], bits: int, unknown_types: int) -> list[Level]:
    """With the backoff of each n-gram as a context, the begin of text, and what an unknown unit costs."""
    first = levels[0]
    at = np.searchsorted(first.keys, np.uint64(BEGIN))
    levels[0] = Level(
        np.insert(first.keys, at, np.uint64(BEGIN)),
        np.insert(first.bits, at, 0.0),
        np.zeros(len(first.keys) + 1),
        np.insert(first.seen, at, 0),
        first.discounts,
        first.fallback,
    )
    done = []
    for k, level in enumerate(levels, 1):
        backoff = np.zeros(len(level.keys))
        if k < len(levels) and len(level.keys):
            keys, gamma = contexts[k]
            places = np.searchsorted(level.keys, keys)
            places[places == len(level.keys)] = 0
            # A context that was left out has γ = 1: all that follows it was left out too.
            there = level.keys[places] == keys
            backoff[places[there]] = -np.log2(gamma[there])
        unknown = (level.keys & _mask(bits)) == UNKNOWN
        cost = level.bits + np.where(unknown, np.log2(unknown_types), 0.0)
        done.append(Level(level.keys, cost, backoff, level.seen, level.discounts, level.fallback))
    return done
