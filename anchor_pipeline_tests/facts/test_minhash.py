"""MinHash: the kernel gives the numbers of plain Python, and they estimate the Jaccard similarity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.facts.minhash import BINS, EMPTY, minhash
from anchor_pipeline_tests.facts.references import MASK, Rows, as_rows, reference_minhash

shingles = st.lists(st.lists(st.integers(0, MASK), max_size=60), max_size=5)


@settings(deadline=None)  # the first call may compile
@given(shingles)
def test_the_kernel_gives_the_numbers_of_plain_python(rows: Rows) -> None:
    assert minhash(*as_rows(rows)).tolist() == [reference_minhash(row) for row in rows]


def test_a_long_document_fills_every_bin_itself_and_agrees_too() -> None:
    row = np.random.default_rng(1).integers(0, MASK, 3000, np.uint64).tolist()
    assert minhash(*as_rows([row])).tolist() == [reference_minhash(row)]


def test_order_and_repetition_of_shingles_do_not_matter() -> None:
    row = np.random.default_rng(2).integers(0, MASK, 50, np.uint64).tolist()
    once, again = minhash(*as_rows([row, row[::-1] * 3]))
    assert (once == again).all()


def test_a_row_without_shingles_has_the_same_number_everywhere() -> None:
    assert (minhash(*as_rows([[], []])) == EMPTY).all()
    assert minhash(np.zeros(0, np.uint64), np.zeros(1, np.int64)).shape == (0, BINS)


@pytest.mark.parametrize("size", [3, 12, 40, 400])
@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8])
def test_agreement_is_the_jaccard_similarity_without_bias_in_short_documents_too(size: int, similarity: float) -> None:
    rng = np.random.default_rng([size, int(similarity * 10)])
    common = round(2 * size * similarity / (1 + similarity))
    pairs = 2000
    values = rng.integers(0, MASK, (pairs, 2 * size - common), np.uint64)
    signatures = minhash(*as_rows([half for row in values.tolist() for half in (row[:size], row[size - common :])]))
    agreement = (signatures[0::2] == signatures[1::2]).mean(axis=1)
    expected = common / (2 * size - common)
    # The mean of 2000 pairs; their own spread says how near it must be. Five standard errors.
    assert abs(agreement.mean() - expected) < 5 * agreement.std() / np.sqrt(pairs) + 1e-9
    # The variance is that of 128 independent numbers and of the few shingles behind them, not more.
    assert agreement.var() <= expected * (1 - expected) * (1 / BINS + 1.3 / size)
