"""How far a bucket lies from human ones: one domain against its band, or all domains of a stage together.

Of a stage, each domain is compared with its own band, and the deviations are added up, weighted by tokens: so the
composition of the stage has no say, and many small domains together are judged as sharply as one large one. With
weights w (summing to 1), deviations d and covariances C of independent domains, the stage deviates by sum w d, with
covariance sum w^2 C; its limits are Student's t with a Bonferroni correction for the number of statistics, and
Hotelling's T2, with the degrees of freedom of such a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anchor_pipeline.facts.bands.calibrate import hotelling
from anchor_pipeline.facts.bands.kernels import Floats
from anchor_pipeline.facts.bands.model import Limits
from anchor_pipeline.facts.bands.statistics import PROFILE, possible

FAR = 1e6
"""Distance of a bucket that differs in what never varied in human text."""


@dataclass(frozen=True)
class Measured:
    """A bucket of one domain, and the limits it is compared with."""

    values: Floats
    limits: Limits


@dataclass(frozen=True)
class Judged:
    """One statistic of a bucket and its band."""

    statistic: str
    observed: float
    low: float
    high: float

    @property
    def side(self) -> int:
        """-1 below the band, 1 above it, 0 within."""
        return -1 if self.observed < self.low else 1 if self.observed > self.high else 0


def judge(statistics: Sequence[str], bucket: Measured) -> list[Judged]:
    """Every statistic of a bucket against the band of its domain, and the profile of them all."""
    limits = bucket.limits
    found = [
        Judged(name, float(value), *possible(name, low, high))
        for name, value, low, high in zip(statistics, bucket.values, limits.low, limits.high, strict=True)
    ]
    distance = _distance(bucket.values - np.array(limits.centre), _covariance(limits))
    return [*found, Judged(PROFILE, distance, 0.0, limits.profile)]


def judge_together(statistics: Sequence[str], buckets: Sequence[Measured], false_alarms: float) -> list[Judged]:
    """The same of several domains at once. `observed` is on the scale of their centres, weighted by tokens."""
    from scipy.stats import t

    tokens = np.array([bucket.limits.tokens for bucket in buckets], np.float64)
    weights = tokens / tokens.sum()
    centre = np.einsum("i,ij->j", weights, np.array([bucket.limits.centre for bucket in buckets]))
    observed = np.einsum("i,ij->j", weights, np.array([bucket.values for bucket in buckets]))
    shares = np.array([weight**2 * _covariance(bucket.limits) for weight, bucket in zip(weights, buckets, strict=True)])
    covariance = shares.sum(axis=0)
    freedom = _freedom(np.diagonal(shares, axis1=1, axis2=2), [bucket.limits.freedom for bucket in buckets])
    width = float(t.isf(false_alarms / 4 / len(statistics), freedom)) * np.sqrt(np.diag(covariance))
    found = [
        Judged(name, float(value), *possible(name, float(middle - half), float(middle + half)))
        for name, value, middle, half in zip(statistics, observed, centre, width, strict=True)
    ]
    limit = hotelling(len(statistics), freedom, false_alarms / 2)
    return [*found, Judged(PROFILE, _distance(observed - centre, covariance), 0.0, limit)]


def _freedom(variances: Floats, freedoms: Sequence[float]) -> float:
    """Degrees of freedom of a sum of estimated variances (Satterthwaite 1946), the least over the statistics."""
    moved = variances[:, variances.sum(axis=0) > 0]
    if not moved.size:
        return min(freedoms)
    return float((moved.sum(axis=0) ** 2 / (moved**2 / np.array(freedoms)[:, None]).sum(axis=0)).min())


def _covariance(limits: Limits) -> Floats:
    spread = np.array(limits.spread)
    return np.array(limits.correlation) * np.outer(spread, spread)


def _distance(deviation: Floats, covariance: Floats) -> float:
    """Mahalanobis distance; a statistic that never varied counts if it now deviates."""
    scale = np.sqrt(np.diag(covariance))
    still = scale == 0
    if np.any(deviation[still] != 0):
        return FAR
    moved = ~still
    if not moved.any():
        return 0.0
    inside = covariance[np.ix_(moved, moved)] / np.outer(scale[moved], scale[moved])
    standard = deviation[moved] / scale[moved]
    return float(np.sqrt(max(0.0, standard @ np.linalg.solve(inside, standard))))
