"""Statistics of a bucket, against the same in plain Python."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from anchor_pipeline.facts.bands.documents import Documents, measure_documents

TEXTS = [
    "The cat sat on the mat, and the cat slept.",
    "On the mat the dog sat: the dog slept.",
    "",
    "Naïve café! The cat, the dog and the mat.",
    "One",
]


def documents(texts: list[str] = TEXTS) -> Documents:
    bits = (np.arange(len(texts), dtype=np.float64), np.full(len(texts), 2.0))
    return measure_documents(pa.array(texts), np.arange(len(texts)), {"p": bits})


def grams(found: Documents, order: list[int], tokens: int, n: int) -> list[tuple[int, ...]]:
    all_of, left = [], tokens
    for row in order:
        words = found.words[found.starts[row] : found.starts[row + 1]].tolist()[:left]
        left -= len(words)
        all_of += [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
    return all_of


@pytest.mark.parametrize("tokens", [1, 5, 14, 20, 1000])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 1, 0, 4, 2]])
def test_entropy_and_distinct_ngrams_are_exact_within_the_token_count(tokens: int, order: list[int]) -> None:
    found = documents()
    values = dict(zip(found.statistics, found.measure(np.array(order), tokens), strict=True))
    ones = Counter(grams(found, order, tokens, 1))
    entropy = -sum(c / ones.total() * math.log2(c / ones.total()) for c in ones.values())
    assert values["entropy_1"] == pytest.approx(entropy)
    for n in (2, 3):
        every = grams(found, order, tokens, n)
        assert values[f"distinct_{n}"] == pytest.approx(len(set(every)) / len(every) if every else 0.0)


def test_measuring_twice_gives_the_same() -> None:
    found = documents()
    order = np.arange(5)
    assert (found.measure(order, 20) == found.measure(order, 20)).all()


def test_sums_take_whole_documents() -> None:
    found = documents()
    values = dict(zip(found.statistics, found.measure(np.array([3, 1]), 3), strict=True))
    assert values["bits:p"] == 3.0 / 2.0, "three tokens lie within the first document"
    assert values["marks"] == 3 / 12
    assert values["word_length"] == pytest.approx(len("NaïvecaféThecatthedogandthemat") / 9)


def test_no_text_at_all_gives_zeros() -> None:
    found = documents(["", ""])
    assert found.measure(np.arange(2), 100)[1:].tolist() == [0.0] * 5
