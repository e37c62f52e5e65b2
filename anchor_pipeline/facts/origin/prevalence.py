"""How much of a batch a model wrote: prevalence estimated with a detector that errs, and knows how often.

The detector's own confusion is measured on held-out documents: `Confusion`. Of n documents, those that score above
the threshold are counted; what share of the batch must be a model's for that count follows from the rates at which
human and model text score above it (Rogan, Gladen 1978, Estimating prevalence from the results of a screening test).
The interval takes into account that the rates too are estimates (Lang, Reiczigel 2014, Confidence limits for
prevalence of disease adjusted for estimated sensitivity and specificity, Prev. Vet. Med. 113). test_prevalence.py
measures how often it holds the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True)
class Confusion:
    """What a detector made of held-out documents of known origin, at one threshold."""

    threshold: float
    """Log-odds; a document above it is flagged."""
    human: int
    human_flagged: int
    ours: int
    ours_flagged: int

    @property
    def sensitivity(self) -> float:
        """Share of the model's documents that are flagged."""
        return self.ours_flagged / self.ours

    @property
    def false_alarms(self) -> float:
        """Share of human documents that are flagged."""
        return self.human_flagged / self.human


@dataclass(frozen=True)
class Contamination:
    """Estimated share of a batch that a model wrote, between 0 and 1, with its interval."""

    documents: int
    flagged: int
    estimate: float
    low: float
    high: float
    raw: float
    """The estimate before it is brought into [0, 1]: below 0 where fewer were flagged than false alarms explain."""


def contamination(flagged: int, documents: int, confusion: Confusion, confidence: float = 0.95) -> Contamination:
    """The estimate for a batch of `documents`, of which `flagged` scored above the threshold.

    The two sides of the interval together leave out 1 - confidence.

    ValueError for an empty batch, and for a detector that flags human text as often as the model's.
    """
    if documents < 1 or not 0 <= flagged <= documents:
        raise ValueError(f"{flagged} of {documents} documents flagged is no count of a batch")
    if confusion.sensitivity <= confusion.false_alarms:
        raise ValueError("the detector flags human text as often as the model's; it cannot estimate a share")
    raw = (flagged / documents - confusion.false_alarms) / (confusion.sensitivity - confusion.false_alarms)
    low, high = _interval(flagged, documents, confusion, NormalDist().inv_cdf((1 + confidence) / 2))
    estimate = min(max(raw, 0.0), 1.0)
    return Contamination(documents, flagged, estimate, min(low, estimate), max(high, estimate), raw)


def _interval(flagged: int, documents: int, confusion: Confusion, z: float) -> tuple[float, float]:
    """Lang and Reiczigel 2014, equations 2 to 4: counts with pseudo-observations, and a shift of the centre."""
    n, n_se, n_sp = documents + z**2, confusion.ours + 2, confusion.human + 2
    apparent = (flagged + z**2 / 2) / n
    se = (confusion.ours_flagged + 1) / n_se
    sp = (confusion.human - confusion.human_flagged + 1) / n_sp
    youden = se + sp - 1
    if youden <= 0:
        return 0.0, 1.0
    share = (apparent + sp - 1) / youden
    shift = 2 * z**2 * (share * se * (1 - se) / n_se - (1 - share) * sp * (1 - sp) / n_sp)
    spread = apparent * (1 - apparent) / n + share**2 * se * (1 - se) / n_se + (1 - share) ** 2 * sp * (1 - sp) / n_sp
    half = z * sqrt(spread) / youden
    low, high = (min(max(share + shift + side * half, 0.0), 1.0) for side in (-1, 1))
    return low, high
