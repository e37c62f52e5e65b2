"""Distinct n-grams and entropy: exact, in short rows and in rows too long for a table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.facts import distinct as module
from anchor_pipeline.facts.distinct import distinct, distinct_and_entropy
from anchor_pipeline_tests.facts.references import (
    MASK,
    Rows,
    as_rows,
    reference_entropy,
    reference_ngrams,
    rows_of_words,
)


@settings(deadline=None)  # the first call may compile
@given(rows_of_words, st.integers(1, 6))
def test_different_n_grams_are_counted(rows: Rows, size: int) -> None:
    assert distinct(*as_rows(rows), size).tolist() == [len(set(reference_ngrams(row, size))) for row in rows]


@settings(deadline=None)
@given(rows_of_words)
def test_words_are_counted_and_their_entropy_is_shannons(rows: Rows) -> None:
    counts, bits = distinct_and_entropy(*as_rows(rows))
    assert counts.tolist() == [len(set(row)) for row in rows]
    assert bits.tolist() == pytest.approx([reference_entropy(row) if row else 0 for row in rows], abs=1e-5)


def test_known_entropies() -> None:
    rows = [[2] * 9, [2, 4] * 50, list(range(0, 2 * 1024, 2)), [2] * 6000 + [4] * 2000]
    _, bits = distinct_and_entropy(*as_rows(rows))
    assert bits.tolist() == pytest.approx([0, 1, 10, 0.8112781], abs=1e-6)


def test_rows_too_long_for_a_table_are_counted_as_well() -> None:
    rng = np.random.default_rng(4)
    size = module._TABLE_ROWS
    rows = [rng.integers(0, 5000, length) * 2 for length in (3, size - 1, size, size + 1, 3 * size, 4)]
    values = [[int(value) for value in row] for row in rows]
    counts, bits = distinct_and_entropy(*as_rows(values))
    assert counts.tolist() == [len(set(row)) for row in values] == distinct(*as_rows(values), 1).tolist()
    assert bits.tolist() == pytest.approx([reference_entropy(row) for row in values], abs=1e-5)
    assert distinct(*as_rows(values), 3).tolist() == [len(set(zip(r, r[1:], r[2:], strict=False))) for r in values]


def test_hashes_that_begin_alike_are_told_apart() -> None:
    """They all meet in one corner of the table, and go round its end."""
    row = [(MASK ^ 1) - (number << 1) for number in range(500)]
    assert distinct(*as_rows([row, row[:3]]), 1).tolist() == [500, 3]


def test_no_rows() -> None:
    assert len(distinct(np.zeros(0, np.uint64), np.zeros(1, np.int64), 2)) == 0
