"""Distributions as evidence: small, plain, and with every finite value in a bin."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.facts.histograms import MOST_BINS, histogram

values = st.lists(st.floats(allow_nan=True, width=32), max_size=30)


@given(values, values)
def test_every_finite_value_is_counted_once_in_its_series(one: list[float], other: list[float]) -> None:
    drawn = histogram({"one": np.array(one), "other": np.array(other)}, "bits", {"low": 1.5})
    finite = [value for value in (*one, *other) if np.isfinite(value)]
    if not finite:
        assert drawn == {}
        return
    assert json.loads(json.dumps(drawn)) == drawn
    assert sum(drawn["counts"]["one"]) == sum(map(np.isfinite, one))
    assert sum(drawn["counts"]["other"]) == sum(map(np.isfinite, other))
    assert len(drawn["edges"]) == MOST_BINS + 1
    assert all(low <= high for low, high in zip(drawn["edges"], drawn["edges"][1:], strict=False))


def test_one_stray_value_does_not_flatten_the_rest() -> None:
    drawn = histogram({"anchor": np.array([*np.linspace(8, 10, 999), 1e6])}, "bits per word")
    assert sum(count > 0 for count in drawn["counts"]["anchor"]) == MOST_BINS
