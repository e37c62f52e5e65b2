"""Anchor drift: what a small model learns from a mix, asked of held-out anchors and of synthetic text.

One reference model (the word probe of facts/probes, a trigram with interpolated Kneser-Ney smoothing) is trained on
the mix that is to be released and one on the release before it, on equally many tokens. Both score the same
documents, so that only the training data differ. Per document i let b_i be the bits under the model and u_i the units;
a loss is Σ b_i / Σ u_i, in bits per word, and its change from the one model to the other is

    Δ = Σ (b_i(new) − b_i(old)) / Σ u_i

with an interval from the bootstrap over documents (Efron & Tibshirani 1993, chapter 13: percentiles, paired). The
alarm of Gerstgrasser et al. (2024) is the divergence of the two series: the loss on anchors rises while the loss on
synthetic text falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
LEVEL = 0.99
"""Of the intervals, two-sided."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """The documents of one kind under both models."""

    old: Floats
    new: Floats
    """Bits of each document."""
    units: NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """How the loss on one kind of document has changed, in bits per word."""

    before: float
    after: float
    low: float
    high: float
    """Interval of after − before at LEVEL."""
    documents: int
    units: int

    @property
    def change(self) -> float:
        """After − before."""
        return self.after - self.before

    def rises(self, tolerance: float) -> bool:
        """Whether the loss rises by more than the tolerance, beyond doubt."""
        return self.low > tolerance

    def falls(self, tolerance: float) -> bool:
        """Whether the loss falls by more than the tolerance, beyond doubt."""
        return self.high < -tolerance


def score(old: dict[str, bytes], new: dict[str, bytes], texts: Any) -> Scores:
    """Score an Arrow string array under two models, given by their files."""
    from anchor_pipeline.facts.probes.probe import open_probe
    from anchor_pipeline.facts.words import words_of

    words, starts = words_of(texts)
    (before, units), (after, _) = (
        open_probe(files, "reference", "").score_hashes(words, starts)  # type: ignore[attr-defined]
        for files in (old, new)
    )
    return Scores(before, after, units.astype(np.int64))


def change_of(scores: Scores, seed: int) -> Change:
    """The change of the loss with its interval; ValueError if there is no document."""
    units = scores.units.astype(np.float64)
    if not len(units) or units.sum() == 0:
        raise ValueError("there is no document to score")
    moved = scores.new - scores.old
    drawn = np.random.default_rng(seed)
    rounds = np.empty(ROUNDS)
    for number in range(ROUNDS):
        sample = drawn.integers(0, len(units), len(units))
        rounds[number] = moved[sample].sum() / units[sample].sum()
    low, high = np.quantile(rounds, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Change(
        before=float(scores.old.sum() / units.sum()),
        after=float(scores.new.sum() / units.sum()),
        low=float(low),
        high=float(high),
        documents=len(units),
        units=int(units.sum()),
    )


def until(tokens: NDArray[np.int64], keys: NDArray[np.uint64], most: int) -> NDArray[np.int64]:
    """The documents of the smallest keys that hold at most `most` tokens together, by key."""
    order = np.argsort(keys, kind="stable")
    return order[: int(np.searchsorted(np.cumsum(tokens[order]), most, side="right"))]
