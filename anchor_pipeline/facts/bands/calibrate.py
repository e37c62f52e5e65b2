"""Calibration: from documents of one domain to the limits within which a future bucket of human text will lie.

For each size n, B buckets of m = min(n, M/2) tokens are drawn from the M tokens at hand, without replacement and
whole groups of documents at a time ("half-samples"). Their covariance S, divided by the finite-population factor
1 - m/M (Cochran, Sampling Techniques, 3rd ed. 1977, ch. 2), is that of one bucket of m tokens of the population,
and falls as 1/size. A future bucket of n tokens deviates from the centre found on M tokens by

    C(n) = S / (1 - m/M) * m * (1/n + 1/M)

the prediction variance of a mean (Hahn & Meeker, Statistical Intervals, 1991, ch. 4): 1/n is its own
sampling error, 1/M that of the calibration. Two alarms share the false-alarm rate a, half each:

- a band for each statistic, centre +- c * spread, where c is the 1 - a/2 quantile, over the half-samples, of the
  largest |deviation| of all statistics in standard deviations: exact for them together whatever their correlation
  (Westfall & Young, Resampling-Based Multiple Testing, 1993, ch. 2), carried from the normal to Student's t with
  v degrees of freedom because the spread is itself an estimate;
- a limit on the Mahalanobis distance of all statistics together, the quantile of Hotelling's T2
  p v / (v - p + 1) F(p, v - p + 1) (Anderson, Multivariate Statistical Analysis, 3rd ed. 2003, section 5.2), or
  that of the half-samples, whichever is larger.

A few long or odd documents make the spread less certain than the number of documents says: v is that of a variance
with the same relative error, 2 / (sum r^4 / (sum r^2)^2 - 1 / groups) with r the deviation that each group
contributes (Satterthwaite, Biometrics Bulletin 2, 1946; for normal r it is the number of groups), the smallest over
the statistics that are sums.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from anchor_pipeline.facts.bands.documents import Documents
from anchor_pipeline.facts.bands.kernels import Floats, Ints
from anchor_pipeline.facts.bands.model import Limits
from anchor_pipeline.facts.bands.statistics import SHARES, possible

FALSE_ALARMS = 0.01
HALF_SAMPLES = 1000
SIZES = (
    *(1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000, 70_000),
    *(100_000, 150_000, 200_000),
)
"""Tokens in a bucket for which a band is looked for."""
LEAST_GROUPS = 20
"""With fewer independent documents no domain is calibrated: the spread itself would be a guess."""
LEAST_PER_BUCKET = 12
"""A bucket holds at least so many documents, so that its statistics are near normal (and their mean is one)."""
MOST_OF_ALL = 0.75
"""A bucket is at most so much of the calibration's tokens: beyond, the buckets are nearly one and the same, and for
rare events such as a repeated triple the spread comes out too small (measured at 0.93: 5 % false alarms, not 1)."""
SHRINKAGE = 0.05
"""Correlations are shrunk by so much towards none, which keeps the distance from resting on near-identities."""


def calibrate(
    documents: Documents,
    seed: int,
    *,
    sizes: Sequence[int] = SIZES,
    half_samples: int = HALF_SAMPLES,
    false_alarms: float = FALSE_ALARMS,
) -> tuple[Limits, ...]:
    """The limits at every size that the documents allow; none if there are fewer than LEAST_GROUPS groups."""
    groups = len(np.unique(documents.groups))
    if groups < LEAST_GROUPS:
        return ()
    per_group = documents.tokens / groups
    sizes = [size for size in sizes if LEAST_PER_BUCKET * per_group <= size <= MOST_OF_ALL * documents.tokens]
    freedom = degrees_of_freedom(documents)
    return tuple(_limits(documents, size, freedom, seed, half_samples, false_alarms) for size in sizes)


def why_not(documents: Documents) -> str:
    """Why `calibrate` gives no limits."""
    groups = len(np.unique(documents.groups))
    if groups < LEAST_GROUPS:
        return (
            f"{groups} human documents (anchors, and references where any are named) are left to calibrate with, at"
            f" least {LEAST_GROUPS} are needed"
        )
    return (
        f"{documents.tokens:,} tokens of human documents are left to calibrate with; a bucket of {LEAST_PER_BUCKET}"
        f" documents needs about {math.ceil(LEAST_PER_BUCKET * documents.tokens / groups):,}, and at least {SIZES[0]:,}"
    )


def _limits(
    documents: Documents, size: int, freedom: float, seed: int, half_samples: int, false_alarms: float
) -> Limits:
    total = documents.tokens
    drawn = min(size, total // 2)
    samples, held = _half_samples(documents, drawn, half_samples, seed)
    spread_at_drawn = samples.std(axis=0, ddof=1)
    scale = math.sqrt(drawn * (1 / size + 1 / total) / (1 - drawn / total))
    spread = np.maximum(spread_at_drawn * scale, _least_spread(documents, samples.mean(axis=0), size))
    standard = (samples - samples.mean(axis=0)) / np.where(spread_at_drawn > 0, spread_at_drawn, 1)
    correlation = shrunk(np.atleast_2d(standard.T @ standard / (len(samples) - 1)))
    centre = samples.mean(axis=0)
    if size > drawn:
        # What depends on the size is looked at in buckets of that very size; fewer do, for they overlap.
        centre = _half_samples(documents, size, max(1, half_samples // 20), seed)[0].mean(axis=0)
    width = factor(standard, freedom, false_alarms / 2) * spread
    reach = [
        possible(*one) for one in zip(documents.statistics, _plain(centre - width), _plain(centre + width), strict=True)
    ]
    return Limits(
        tokens=size,
        documents=round(held * size / drawn),
        freedom=round(freedom, 4),
        centre=_plain(centre),
        spread=_plain(spread),
        low=tuple(low for low, _ in reach),
        high=tuple(high for _, high in reach),
        correlation=tuple(_plain(row) for row in correlation),
        profile=round(profile_limit(standard, correlation, freedom, false_alarms / 2), 4),
    )


def _least_spread(documents: Documents, centre: Floats, size: int) -> Floats:
    """One token more or less, for statistics that are a share of tokens; for the others what rounding may do.

    Small buckets may hold no repeated triple, or no mark, at all: the first one to do so is no alarm.
    """
    shares = [name in SHARES for name in documents.statistics]
    return np.where(shares, 1 / size, 1e-9 * np.abs(centre))


def _half_samples(documents: Documents, tokens: int, number: int, seed: int) -> tuple[Floats, float]:
    """(statistics of `number` buckets, documents held on average)."""
    key = hashlib.sha256(f"anchor_pipeline/facts/bands/v1/{seed}/{tokens}".encode()).digest()[:16]
    random = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))
    _, numbers = np.unique(documents.groups, return_inverse=True)
    found, held = [], 0
    for _ in range(number):
        order: Ints = np.argsort(random.permutation(int(numbers.max()) + 1)[numbers], kind="stable")
        held += len(documents.draw(order, tokens))
        found.append(documents.measure(order, tokens))
    return np.stack(found), held / number


def degrees_of_freedom(documents: Documents) -> float:
    """Those of the spread: at most groups - 1, fewer where a few groups contribute most of it."""
    _, numbers = np.unique(documents.groups, return_inverse=True)
    groups = int(numbers.max()) + 1
    found = groups - 1.0
    for above, below in documents.parts.values():
        ratio = above.sum() / below.sum() if below.sum() else 0.0
        squares = np.bincount(numbers, above - ratio * below, groups) ** 2
        if squares.sum() > 0:
            found = min(found, 2 / max(1e-9, (squares**2).sum() / squares.sum() ** 2 - 1 / groups))
    return max(2.0, found)


def shrunk(correlation: Floats) -> Floats:
    """Correlations moved by SHRINKAGE towards none."""
    out: Floats = (1 - SHRINKAGE) * correlation
    np.fill_diagonal(out, 1.0)
    return out


def factor(standard: Floats, freedom: float, rate: float) -> float:
    """How many spreads a band reaches to either side; `standard` are half-samples in standard deviations."""
    from scipy.stats import norm, t

    largest = np.sort(np.abs(standard).max(axis=1))
    # The order statistic that a further bucket exceeds with probability `rate` at most.
    at = min(len(largest) - 1, math.ceil((1 - rate) * (len(largest) + 1)) - 1)
    normal = float(largest[at])
    return float(t.isf(norm.sf(normal), freedom))


def profile_limit(standard: Floats, correlation: Floats, freedom: float, rate: float) -> float:
    """The largest Mahalanobis distance that counts as human."""
    distances = np.sqrt(np.einsum("ij,ij->i", standard, np.linalg.solve(correlation, standard.T).T))
    return max(float(np.quantile(distances, 1 - rate)), hotelling(standard.shape[1], freedom, rate))


def hotelling(statistics: int, freedom: float, rate: float) -> float:
    """The distance that a further normal bucket exceeds at that rate."""
    from scipy.stats import f

    # With hardly more degrees of freedom than statistics nothing could be told apart; the single bands remain.
    freedom = max(freedom, statistics + 2.0)
    rest = freedom - statistics + 1
    return math.sqrt(statistics * freedom / rest * float(f.isf(rate, statistics, rest)))


def _plain(values: Floats) -> tuple[float, ...]:
    """Rounded to nine digits, so that the digest does not hang on the last bit of a sum."""
    return tuple(float(f"{value:.9g}") for value in values)
