"""Histograms that a finding carries as evidence: a few numbers, from which reports and the Dagster UI draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BINS = 24


def histogram(
    series: Mapping[str, NDArray[Any]],
    unit: str,
    marks: Mapping[str, float] | None = None,
    *,
    bins: int = MOST_BINS,
) -> dict[str, Any]:
    """The distributions of several series over common bins, as plain JSON data.

    `series`: values by name, of any length; what is not finite is left out. The outermost bins also take the 0.5 %
    at each end, so that one stray value does not flatten the rest. `marks`: values to mark on the axis, by name.
    Gives {} if there is nothing to draw.
    """
    finite = {name: np.asarray(values, np.float64) for name, values in series.items()}
    finite = {name: values[np.isfinite(values)] for name, values in finite.items()}
    everything = np.concatenate([*finite.values(), np.zeros(0)])
    if not len(everything):
        return {}
    low, high = (float(edge) for edge in np.quantile(everything, (0.005, 0.995)))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    return {
        "unit": unit,
        "edges": [float(f"{edge:.6g}") for edge in edges],
        "counts": {
            name: np.histogram(np.clip(values, low, high), edges)[0].tolist() for name, values in finite.items()
        },
        "marks": {name: float(f"{value:.6g}") for name, value in (marks or {}).items()},
    }
