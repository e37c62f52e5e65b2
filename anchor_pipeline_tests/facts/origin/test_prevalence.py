"""The estimate of a share is right on average, its interval holds the truth, and clean batches raise few alarms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anchor_pipeline.facts.origin.prevalence import MOST_ODDS, contamination, evidence_of, ratios, scale_of

GAP = 2.0
"""Scores of human texts are normal around 0, of the model's around GAP: the log-odds are GAP x - GAP^2 / 2."""


def odds(generator: np.random.Generator, human: int, ours: int) -> NDArray[np.float64]:
    scores = np.concatenate([generator.normal(0, 1, human), generator.normal(GAP, 1, ours)])
    return GAP * scores - GAP**2 / 2


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.3, 1.0])
def test_the_interval_holds_the_true_share_as_often_as_it_says(share: float) -> None:
    generator = np.random.default_rng(1)
    held, estimates = 0, []
    for _ in range(400):
        human = odds(generator, 1000, 0)
        scale = scale_of(human)
        count = round(200 * share)
        found = contamination(ratios(odds(generator, 200 - count, count), scale), len(human))
        held += found.low <= share <= found.high
        estimates.append(found.estimate)
        assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert held / 400 >= 0.93
    assert np.mean(estimates) == pytest.approx(share, abs=0.03)


def test_the_estimate_is_where_the_iteration_of_saerens_ends() -> None:
    generator = np.random.default_rng(2)
    found = ratios(odds(generator, 150, 50))
    share = 0.5
    for _ in range(5000):
        share = float((share * found / (share * found + 1 - share)).mean())
    assert contamination(found, 10**9).estimate == pytest.approx(share, abs=1e-6)


def test_few_held_out_texts_make_the_interval_wider() -> None:
    found = ratios(odds(np.random.default_rng(3), 180, 20))
    much, little = contamination(found, 100_000), contamination(found, 100)
    assert little.low < much.low
    assert little.high > much.high
    assert little.estimate == much.estimate


def test_with_the_scale_human_batches_look_clean_though_the_detector_leans_to_the_model() -> None:
    generator = np.random.default_rng(4)
    leaning = odds(generator, 100_000, 0) + 1.5
    assert contamination(ratios(leaning), 10_000).estimate > 0.1
    assert contamination(ratios(leaning, scale_of(leaning)), 10_000).estimate < 0.01


def test_no_single_text_decides() -> None:
    calm = np.full(199, -1.0)
    found = contamination(ratios(np.append(calm, 1e9)), 1000)
    assert found.estimate < 0.02
    assert ratios(np.array([1e9]))[0] == pytest.approx(np.exp(MOST_ODDS))


def test_more_of_the_model_is_more_evidence() -> None:
    generator = np.random.default_rng(5)
    some = [evidence_of(ratios(odds(generator, 200 - count, count)), 0.1) for count in (0, 20, 60)]
    assert some == sorted(some)


def test_an_empty_batch_has_no_estimate() -> None:
    with pytest.raises(ValueError, match="needs texts"):
        contamination(np.zeros(0), 100)
