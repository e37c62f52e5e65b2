from __future__ import annotations

import csv

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anchor_pipeline.facts.media.windows import WINDOW, apart, window_words
from anchor_pipeline_tests.data import shared_data


def words(values: object, *runs: int) -> NDArray[np.uint64]:
    array = np.asarray(values, np.float64)
    found: NDArray[np.uint64] = window_words(array, np.array([*(runs or (0,)), len(array)]))
    return found


def noise(seed: int, length: int) -> NDArray[np.float64]:
    return np.random.Generator(np.random.PCG64(seed)).normal(size=length)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 1000), level=st.floats(-1000, 1000), at=st.integers(0, 60))
def test_a_copy_in_another_unit_on_another_level_has_the_same_words(
    seed: int, scale: float, level: float, at: int
) -> None:
    series = noise(seed, 60)
    copy = np.concatenate([noise(seed + 1, at), series * scale + level])
    same = words(series)[: 60 - WINDOW + 1] == words(copy)[at : at + 60 - WINDOW + 1]
    assert same.mean() > 0.9  # a mean that lies on a breakpoint falls to either side
    assert apart(series[None, :WINDOW], copy[None, at : at + WINDOW])[0] < 1e-6


def test_windows_that_say_nothing_have_no_word() -> None:
    steady = np.linspace(0, 5, 40)
    spike = np.linspace(0, 0.01, 40) + (np.arange(40) == 20)
    few = np.arange(40) % 7 * 1.0
    broken = noise(1, 40)
    broken[20] = np.nan
    huge = noise(2, 40) * 1e300
    for values in (np.zeros(40), steady, few, broken, huge):
        assert not words(values).any()
    assert not words(spike)[:9].any()
    assert words(noise(3, 40))[:9].all()


def test_a_window_does_not_reach_from_one_run_into_the_next() -> None:
    found = words(noise(4, 100), 0, 50)
    expected = np.zeros(100, bool)
    expected[: 50 - WINDOW + 1] = expected[50 : 100 - WINDOW + 1] = True
    assert (found != 0).tolist() == expected.tolist()


def test_the_distance_is_one_minus_pearson_correlation() -> None:
    one, other = noise(5, WINDOW), noise(6, WINDOW)
    assert np.isclose(apart(one[None], other[None])[0], 1 - np.corrcoef(one, other)[0, 1])
    assert apart(one[None], np.ones((1, WINDOW)))[0] == 1.0


def test_real_series_of_different_things_share_no_window_but_their_copies_are_found() -> None:
    series = {}
    for path in sorted((shared_data() / "nab").glob("*/*.csv")):
        with path.open() as file:
            series[path.name] = np.array([float(row["value"]) for row in csv.DictReader(file)])
    meeting: dict[int, list[tuple[str, int]]] = {}
    for name, values in series.items():
        found = words(values)
        for at in np.flatnonzero(found):
            meeting.setdefault(int(found[at]), []).append((name, int(at)))
    pairs = [
        (one, other) for places in meeting.values() for one in places[:20] for other in places[:20] if one[0] < other[0]
    ]
    assert len(pairs) > 10_000
    sides = [np.stack([series[pair[side][0]][pair[side][1] :][:WINDOW] for pair in pairs]) for side in (0, 1)]
    assert apart(*sides).min() > 0.002  # the default threshold is 0.001

    for values in series.values():
        rounded = np.array([float(f"{1.8 * value + 32:.5g}") for value in values])
        original, copied = words(values), words(rounded)
        if (original != 0).mean() > 0.2:
            assert (original == copied)[original != 0].mean() > 0.6
