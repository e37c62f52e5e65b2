"""Word n-grams: the kernel makes the hashes that plain Python makes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.facts.shingles import ngrams, proper_words
from anchor_pipeline.facts.words import words_of
from anchor_pipeline_tests.facts.references import Rows, as_rows, reference_ngrams, rows_of_words, to_rows

sizes = st.integers(1, 14)


@settings(deadline=None)  # the first call may compile
@given(rows_of_words, sizes, st.booleans())
def test_the_kernel_makes_the_n_grams_of_plain_python(rows: Rows, size: int, whole: bool) -> None:
    found = to_rows(*ngrams(*as_rows(rows), size, whole=whole))
    assert found == [reference_ngrams(row, size, whole) for row in rows]


@settings(deadline=None)
@given(rows_of_words)
def test_marks_are_passed_over(rows: Rows) -> None:
    marked = [[value for word in row for value in (word, word | 1)] for row in rows]
    assert to_rows(*proper_words(*as_rows(marked))) == rows
    assert to_rows(*proper_words(*as_rows([[word | 1 for word in row] for row in rows]))) == [[] for _ in rows]


def test_punctuation_does_not_hide_a_copy_and_another_order_of_words_is_no_copy() -> None:
    texts = ["Six days in May, we said.", "six days - in may we said", "six days in we may said"]
    plain, commas, swapped = to_rows(*ngrams(*proper_words(*words_of(pa.array(texts))), 5))
    assert plain == commas
    assert not set(plain) & set(swapped)


def test_an_n_gram_does_not_hang_on_what_stands_before_it() -> None:
    long, short = to_rows(*ngrams(*proper_words(*words_of(pa.array(["x " * 1000 + "a b c d e", "a b c d e"]))), 5))
    assert long[-1:] == short


def test_n_grams_have_a_word_at_least() -> None:
    with pytest.raises(ValueError, match="at least one word"):
        ngrams(np.zeros(0, np.uint64), np.zeros(1, np.int64), 0)
