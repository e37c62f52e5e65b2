"""FracMinHash sketches: what plain Python keeps, about one shingle in sixteen."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.facts.sketch import LIMIT, SCALE, sketch
from anchor_pipeline_tests.facts.references import MASK, Rows, as_rows, reference_sketch, to_rows

value = st.one_of(st.integers(0, LIMIT + 5), st.integers(LIMIT - 3, LIMIT + 3), st.integers(0, MASK), st.integers(0, 9))


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.lists(value, max_size=40), max_size=6))
def test_the_kernel_keeps_what_plain_python_keeps(rows: Rows) -> None:
    assert to_rows(*sketch(*as_rows(rows))) == [reference_sketch(row) for row in rows]


def test_one_in_sixteen_is_kept_and_containment_is_estimated() -> None:
    rng = np.random.default_rng(3)
    all_of_it = rng.integers(0, MASK, 200_000, np.uint64)
    part = all_of_it[:50_000]
    whole, half = to_rows(*sketch(*as_rows([all_of_it.tolist(), part.tolist()])))
    assert abs(len(whole) * SCALE / 200_000 - 1) < 0.05
    assert abs(len(set(whole) & set(half)) / len(whole) - 0.25) < 0.02


def test_a_million_equal_or_alternating_shingles_take_no_long_time() -> None:
    one, two = np.uint64(7), np.uint64(5)
    equal = np.full(1_000_000, one)
    alternating = np.where(np.arange(1_000_000) % 2 == 0, one, two).astype(np.uint64)
    sketch(equal[:2], np.array([0, 2]))  # compiles
    begun = time.process_time()
    for row in (equal, alternating, np.sort(np.arange(1_000_000, dtype=np.uint64))):
        values, offsets = sketch(row, np.array([0, len(row)]))
        assert values.tolist() == np.unique(row).tolist()
        assert offsets.tolist() == [0, len(values)]
    assert time.process_time() - begun < 2
