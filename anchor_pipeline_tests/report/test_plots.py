"""Distributions are drawn as they are, and nothing that is not a number gets into the picture."""

from __future__ import annotations

import re

import numpy as np
import pytest

from anchor_pipeline.facts.histograms import histogram
from anchor_pipeline.report.plots import HEIGHT, WIDTH, plots


def test_every_series_and_mark_is_drawn_to_scale() -> None:
    drawn = plots(
        histogram({"anchor": np.array([1.0, 1.0, 2.0]), "synthetic": np.array([3.0])}, "bits", {"low": 2.0}, bins=2)
    )
    assert drawn is not None
    assert [(one.name, one.values) for one in drawn.series] == [("anchor", 3), ("synthetic", 1)]
    heights = [float(height) for height in re.findall(r'class="bar"[^>]* height="([\d.]+)"', drawn.series[0].picture)]
    assert heights == [HEIGHT, HEIGHT / 2]
    ends = float(drawn.low), float(drawn.high)
    place = (2.0 - ends[0]) / (ends[1] - ends[0]) * WIDTH
    assert f'd="M{place:.1f} 0V{HEIGHT}"' in drawn.series[1].picture
    assert drawn.marks == [("low", "2")]


@pytest.mark.parametrize(
    "broken", [{}, {"edges": [1, 1], "counts": {}}, {"edges": "x", "counts": {"a": [1]}}, {"edges": [0, 1]}]
)
def test_what_is_no_distribution_is_not_drawn(broken: dict[str, object]) -> None:
    assert plots(broken) is None


def test_names_stay_out_of_the_picture() -> None:
    hostile = "<script>alert(1)</script>"
    drawn = plots({"unit": hostile, "edges": [0, 1], "counts": {hostile: [1]}, "marks": {hostile: 0.5}})
    assert drawn is not None
    assert hostile not in drawn.series[0].picture
