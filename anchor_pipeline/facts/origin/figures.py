"""How well scores tell two kinds of text apart: area under the ROC curve, and detections at few false alarms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def auroc(human: Floats, ours: Floats) -> float:
    """Probability that a text of ours scores above a human one; ties count half (Mann, Whitney 1947)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([ours, human]))
    above = ranks[: len(ours)].sum() - len(ours) * (len(ours) + 1) / 2
    return float(above / (len(ours) * len(human)))


def detected_at(human: Floats, ours: Floats, false_alarms: float = 0.01) -> float:
    """Share of ours above the score that at most this share of the human texts exceeds."""
    return float((ours > threshold_at(human, false_alarms)).mean())


def threshold_at(human: Floats, false_alarms: float = 0.01) -> float:
    """The lowest human score that at most this share of the human scores exceeds."""
    ordered = np.sort(human)
    return float(ordered[len(ordered) - 1 - int(false_alarms * len(ordered))])
