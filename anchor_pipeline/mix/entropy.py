"""Cutting planes for the floor on the effective number of generators (rule 6).

The rule asks for exp(H) >= N, with H the Shannon entropy (1948) of the synthetic tokens x_g over generators: a
convex condition, but not a linear one. It is approached by cutting planes (Kelley, "The cutting-plane method
for solving convex programs", 1960): for any distribution q, cross-entropy is at least entropy (Gibbs), so

    sum_g x_g (log q_g + log N) <= 0

holds for every lawful x. When a solution with shares p has H(p) < log N, q is taken on the segment from p to the
uniform distribution where H(q) = log N (supporting hyperplanes, Veinott 1967), which cuts p off.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def entropy(p: Floats) -> float:
    """Shannon entropy of a distribution, in nats."""
    positive = p[p > 0]
    return float(-(positive * np.log(positive)).sum())


def towards_uniform(p: Floats, floor: float) -> Floats:
    """The mixture of p and the uniform distribution with entropy `floor`; the uniform one if none reaches it."""
    uniform = np.full(len(p), 1.0 / len(p))
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if entropy((1 - middle) * p + middle * uniform) < floor:
            low = middle
        else:
            high = middle
    return (1 - high) * p + high * uniform


def cut(q: Floats, floor: float) -> Floats:
    """Coefficients of the lawful half-space sum_g x_g (log q_g + floor) <= 0; q must be positive everywhere."""
    coefficients: Floats = np.log(q) + floor
    return coefficients
