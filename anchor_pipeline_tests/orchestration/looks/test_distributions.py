"""Distributions as text: as high as the counts are, bounded, and absent where there is none."""

from __future__ import annotations

import numpy as np

from anchor_pipeline.facts.histograms import histogram
from anchor_pipeline.orchestration.looks.distributions import MOST, bars, distributions
from anchor_pipeline.rules.finding import Finding


def finding(domain: str, **evidence: object) -> Finding:
    return Finding(
        rule="entropy_band", stage="main", domain=domain, modality="text", status="fail", severity="warn",
        observed=1.0, required=2.0, comparator="between", shortfall=None, message="m", evidence=evidence,
    )  # fmt: skip


def test_bars_are_as_high_as_the_counts() -> None:
    assert bars([0, 1, 4, 8]) == " ▁▄█"
    assert bars([0, 0]) == "  "


def test_each_series_is_a_line_with_its_number_and_the_marks_follow() -> None:
    drawn = histogram({"anchor": np.arange(10.0), "synthetic": np.arange(3.0)}, "bits per word", {"observed": 4.5})
    text = distributions([finding("essays", distribution=drawn, statistic="words", bucket="domain")])["distributions"]
    lines = text.value.splitlines()
    assert lines[0] == "**essays, words, domain** (bits per word)"
    assert lines[3].startswith("anchor     ")
    assert lines[3].endswith("  10")
    assert lines[4].endswith("  3")
    assert "observed: 4.5" in lines


def test_only_the_first_are_shown_and_nothing_where_there_is_none() -> None:
    assert distributions([finding("a")]) == {}
    drawn = histogram({"x": np.arange(5.0)}, "u")
    many = [finding(f"d{number}", distribution=drawn) for number in range(MOST + 3)]
    text = distributions(many)["distributions"].value
    assert text.count("```") == 2 * MOST
