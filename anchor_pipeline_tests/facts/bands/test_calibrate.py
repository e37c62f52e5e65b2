"""Calibration: human text sets off an alarm as rarely as is said, and other text does."""

from __future__ import annotations

import numpy as np
import pytest

from anchor_pipeline.facts.bands.calibrate import FALSE_ALARMS, LEAST_GROUPS, calibrate, degrees_of_freedom, why_not
from anchor_pipeline.facts.bands.judge import Measured, judge, judge_together
from anchor_pipeline.facts.bands.model import Limits
from anchor_pipeline_tests.facts.bands.made_documents import BITS, bucket, made


def limits_of(seed: int, number: int, size: int, half_samples: int = 150) -> Limits:
    (limits,) = calibrate(made(seed, number), seed, sizes=[size], half_samples=half_samples)
    return limits


def alarms(limits: Limits, documents: object, size: int) -> dict[str, int]:
    measured = Measured(bucket(documents, size), limits)  # type: ignore[arg-type]
    names = made(0, 5).statistics
    return {one.statistic: one.side for one in judge(names, measured) if one.side}


def false_alarms(trials: int, number: int, size: int) -> int:
    fired = 0
    for trial in range(trials):
        # Now and then the drawn documents are too short for the size: then there is no band, and no alarm.
        for limits in calibrate(made(2 * trial, number), 2 * trial, sizes=[size], half_samples=150):
            fired += bool(alarms(limits, made(2 * trial + 1, number), size))
    return fired


@pytest.mark.parametrize(("number", "size"), [(60, 3_000), (200, 15_000)])
def test_fresh_human_text_sets_off_any_alarm_in_one_bucket_of_a_hundred_at_most(number: int, size: int) -> None:
    # Of 60 buckets with a chance of 1 % each, more than 4 fire once in 3,000 runs of this test.
    assert false_alarms(60, number, size) <= 4


@pytest.mark.slow
@pytest.mark.parametrize(("number", "size"), [(30, 2_000), (60, 3_000), (60, 4_500), (200, 5_000), (200, 15_000)])
def test_the_rate_holds_for_small_and_large_calibrations(number: int, size: int) -> None:
    # At 1 %, more than 12 of 500 happen once in 500 runs.
    assert false_alarms(500, number, size) <= 12


def test_the_spread_is_that_of_a_future_bucket_about_the_centre() -> None:
    """Against the deviations that really occur, over populations drawn anew."""
    deviations, spreads = [], []
    for trial in range(60):
        limits = limits_of(10_000 + trial, 150, 8_000, half_samples=60)
        deviations.append(bucket(made(20_000 + trial, 200), 8_000) - np.array(limits.centre))
        spreads.append(limits.spread)
    really = np.sqrt((np.stack(deviations) ** 2).mean(axis=0))
    expected = np.sqrt((np.array(spreads) ** 2).mean(axis=0))
    assert np.all(np.abs(really / expected - 1) < 0.35), really / expected


def test_what_is_too_predictable_and_what_is_too_strange_both_alarm_on_their_side() -> None:
    limits = limits_of(1, 200, 12_000)
    low, high = alarms(limits, made(2, 300, bits=8.3), 12_000), alarms(limits, made(3, 300, bits=9.7), 12_000)
    assert (low[BITS], high[BITS]) == (-1, 1)


def test_a_narrow_vocabulary_falls_below_and_a_wide_one_lies_above() -> None:
    limits = limits_of(1, 200, 12_000)
    narrow, wide = alarms(limits, made(2, 300, mean=300), 12_000), alarms(limits, made(3, 300, mean=3000), 12_000)
    for name in ("entropy_1", "distinct_2"):
        assert (narrow[name], wide[name]) == (-1, 1), name


def test_statistics_that_part_ways_are_seen_though_each_is_within_its_band() -> None:
    """Two that rise and fall together in human text: one high and one low is strange, both high is not."""
    limits = Limits(
        tokens=1000, documents=20, freedom=60, centre=(9.0, 4.0), spread=(0.1, 0.1), low=(8.65, 3.65),
        high=(9.35, 4.35), correlation=((1.0, 0.9), (0.9, 1.0)), profile=3.5,
    )  # fmt: skip
    apart, together = (judge(("a", "b"), Measured(np.array(values), limits)) for values in ((9.2, 3.8), (9.2, 4.2)))
    assert [one.statistic for one in apart if one.side] == ["profile"]
    assert not any(one.side for one in together)
    distance = np.sqrt(np.array([2, -2]) @ np.linalg.inv([[1, 0.9], [0.9, 1]]) @ np.array([2, -2]))
    assert apart[-1].observed == pytest.approx(distance)


def test_the_same_seed_gives_the_same_limits_and_another_one_others() -> None:
    documents = made(1, 100)
    first, again, other = (calibrate(made(1, 100), seed, sizes=[4000], half_samples=50) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert documents.tokens > 4000


def test_with_too_few_documents_or_tokens_there_is_no_band_and_the_reason_is_named() -> None:
    few = made(1, LEAST_GROUPS - 1)
    assert calibrate(few, 1) == ()
    assert f"{LEAST_GROUPS - 1} human documents" in why_not(few)
    short = made(1, LEAST_GROUPS, words=8)
    assert calibrate(short, 1) == ()
    assert "tokens of human documents" in why_not(short)


def test_no_band_is_for_a_bucket_larger_than_the_calibration_or_of_a_handful_of_documents() -> None:
    documents = made(1, 60, words=400)
    sizes = [limits.tokens for limits in calibrate(documents, 1, half_samples=20)]
    assert max(sizes) <= documents.tokens
    assert min(sizes) >= 12 * documents.tokens / 60


def test_documents_of_one_origin_count_as_one() -> None:
    """Four copies of each document make the calibration no surer of itself."""
    single = made(1, 120)
    order = np.repeat(np.arange(120), 4)
    words = [single.words[single.starts[at] : single.starts[at + 1]] for at in order]
    lengths = np.array([len(some) for some in words])
    copied = type(single)(
        np.concatenate(words), np.concatenate([[0], np.cumsum(lengths)]), order,
        {name: values[order] for name, values in single.sums.items()}, single.statistics,
    )  # fmt: skip
    assert degrees_of_freedom(copied) == pytest.approx(degrees_of_freedom(single))
    (one,), (many,) = (calibrate(some, 1, sizes=[8000], half_samples=200) for some in (single, copied))
    assert many.spread[0] > 1.3 * one.spread[0]


def test_a_few_huge_documents_leave_few_degrees_of_freedom() -> None:
    even = made(1, 100)
    uneven = made(1, 100)
    for name in (BITS, f"units/{BITS}"):
        uneven.sums[name][:3] *= 40
    assert degrees_of_freedom(uneven) < 10 < 40 < degrees_of_freedom(even)


def test_a_stage_is_judged_whatever_its_composition() -> None:
    """Domains far apart: twice as much of one is no alarm, a shift within both is."""
    names = made(0, 5).statistics
    kinds = ({"bits": 7.0, "mean": 400}, {"bits": 11.0, "mean": 2000})
    alarmed = {0.0: 0, 0.5: 0}
    for trial in range(20):
        for shift in alarmed:
            buckets = []
            for number, (kind, size) in enumerate(zip(kinds, (8_000, 4_000), strict=True)):
                seed = 1000 * trial + 10 * number
                (limits,) = calibrate(made(seed, 150, **kind), seed, sizes=[size], half_samples=60)  # type: ignore[arg-type]
                moved = {**kind, "bits": kind["bits"] + shift}
                fresh = made(seed + 1, 250, **moved)  # type: ignore[arg-type]
                buckets.append(Measured(bucket(fresh, size), limits))
            alarmed[shift] += any(one.side for one in judge_together(names, buckets, FALSE_ALARMS))
    assert alarmed[0.0] <= 2
    assert alarmed[0.5] >= 18


def test_many_small_domains_together_see_what_none_of_them_sees() -> None:
    names = made(0, 5).statistics
    buckets = []
    for number in range(12):
        (limits,) = calibrate(made(number, 60), number, sizes=[3000], half_samples=60)
        buckets.append(Measured(bucket(made(100 + number, 80, bits=9.25), 3000), limits))
    alone = sum(BITS in {one.statistic for one in judge(names, some) if one.side} for some in buckets)
    together = {one.statistic: one.side for one in judge_together(names, buckets, FALSE_ALARMS)}
    assert alone <= 3
    assert together[BITS] == 1
