"""The features are what the module says, for any text; fitting and scoring see the same ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.strings import buffers_of
from anchor_pipeline.facts.origin import features as f
from anchor_pipeline.facts.origin.features import count_features
from anchor_pipeline.facts.origin.fit import features_of, frequent_words
from anchor_pipeline.facts.origin.score import linear_scores
from anchor_pipeline.facts.words import words_of

BITS = 19
WORD = 2**64 - 1


def slot(value: int, factor: np.uint64) -> int:
    return ((value * int(factor)) & WORD) >> (64 - BITS)


def reference(text: str, frequent: set[int]) -> Counter[int]:
    """The features in plain Python."""
    codes = [(ord(c) ^ (ord(c) >> 12)) & 0xFFF for c in text]
    found: Counter[int] = Counter()
    for size, factor in ((2, f.C2), (3, f.C3), (4, f.C4), (5, f.C5)):
        for at in range(len(codes) - size + 1):
            value = 0
            for code in codes[at : at + size]:
                value = value << 12 | code
            found[slot(value, factor)] += 1
    words = [int(word) for word in words_of(pa.array([text]))[0]]
    kept = [word if word & 1 or word >> 48 in frequent else int(f.BLANK) for word in words]
    chains = ((words, 1, f.W1, f.W2), (words, 2, f.W2, f.W2), (kept, 2, f.B2, f.B2), (kept, 3, f.B3, f.B2),
              (kept, 4, f.B4, f.B2))  # fmt: skip
    for items, size, factor, link in chains:
        for at in range(len(items) - size + 1):
            value = items[at]
            for item in items[at + 1 : at + size]:
                value = (value * int(link) & WORD) ^ item
            found[slot(value, factor)] += 1
    return found


def table_of(frequent: set[int]) -> np.ndarray:
    bits = np.zeros(1 << f.FREQUENT_BITS, np.uint8)
    bits[list(frequent)] = 1
    return np.packbits(bits, bitorder="little")


TEXTS = ["", "a", "It's a DOG, isn't it?", "the cat  sat\n\ton the mat.", "漢字 и слова 😀😀 é", "x" * 40]


@pytest.mark.parametrize("text", TEXTS)
def test_features_are_those_of_the_definition(text: str) -> None:
    frequent = {int(word) >> 48 for word in words_of(pa.array(["the a it's on"]))[0]}
    data, offsets = buffers_of(pa.array([text]))
    slots, counts, rows = count_features(data, offsets, *words_of(pa.array([text])), table_of(frequent), BITS)
    assert dict(zip(slots.tolist(), counts.tolist(), strict=True)) == reference(text, frequent)
    assert rows.tolist() == [0, len(slots)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_a_text_scores_the_weights_of_its_features_over_the_root_of_their_number(texts: list[str]) -> None:
    array = pa.array(["", *texts, "the end"], pa.string())
    data, offsets = buffers_of(array)
    words, starts = words_of(array)
    frequent = frequent_words(words, starts)
    weights = np.random.default_rng(0).integers(-127, 128, 1 << BITS).astype(np.int8)
    scores = linear_scores(data, offsets, words, starts, frequent, weights)
    expected = features_of(data, offsets, words, starts, frequent) @ weights
    assert scores == pytest.approx(expected, rel=1e-4, abs=0.02)
    assert scores[0] == 0


def test_a_score_does_not_hang_on_the_texts_around() -> None:
    texts = [text * 3 for text in TEXTS]
    weights = np.random.default_rng(0).integers(-127, 128, 1 << 12).astype(np.int8)

    def scores(chosen: list[str]) -> list[float]:
        array = pa.array(chosen, pa.string())
        found = linear_scores(*buffers_of(array), *words_of(array), table_of({1}), weights)
        return [float(one) for one in found]

    assert scores(texts) == [scores([text])[0] for text in texts]


def test_the_words_in_most_texts_are_kept_and_marks_are_no_words() -> None:
    texts = pa.array([f"the, of, rare{number}!" for number in range(600)])
    table = np.unpackbits(frequent_words(*words_of(texts)), bitorder="little")
    for word in ("the", "of"):
        assert table[int(words_of(pa.array([word]))[0][0]) >> 48]
    assert not table[int(words_of(pa.array([","]))[0][0]) >> 48]
    assert table.sum() <= 500
