"""The change of a loss: exact, with an interval that holds, and of the same documents under both models."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.facts.drift import LEVEL, Scores, change_of, score, until
from anchor_pipeline.facts.probes.word_probe import train_word_probe


def test_the_change_is_that_of_all_words_together() -> None:
    change = change_of(Scores(np.array([10.0, 40.0]), np.array([12.0, 30.0]), np.array([2, 8])), 0)
    assert (change.before, change.after) == (5.0, 4.2)
    assert change.change == pytest.approx(-0.8)
    assert change.low == pytest.approx(-10 / 8)
    assert change.high == pytest.approx(1.0)
    assert (change.documents, change.units) == (2, 10)


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for seed in range(200):
        units = rng.integers(20, 200, 150)
        old = units * 9.0
        moved = rng.normal(0.05, 0.4, 150) * units
        change = change_of(Scores(old, old + moved, units), seed)
        missed += not change.low <= 0.05 <= change.high
    assert missed / 200 < 3 * (1 - LEVEL)


def test_nothing_to_score_is_told() -> None:
    with pytest.raises(ValueError, match="no document"):
        change_of(Scores(np.zeros(0), np.zeros(0), np.zeros(0, np.int64)), 0)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 2**64 - 1)), max_size=40), st.integers(0, 500))
def test_documents_are_taken_by_key_while_they_fit(documents: list[tuple[int, int]], most: int) -> None:
    tokens = np.array([one for one, _ in documents], np.int64)
    keys = np.array([key for _, key in documents], np.uint64)
    taken = until(tokens, keys, most)
    assert tokens[taken].sum() <= most
    assert (np.diff(keys[taken].astype(object)) >= 0).all() if len(taken) > 1 else True
    if len(taken) < len(documents):
        left = np.setdiff1d(np.arange(len(documents)), taken)
        assert tokens[taken].sum() + tokens[left[np.argsort(keys[left], kind="stable")[0]]] > most


def test_a_model_knows_what_it_was_trained_on_better() -> None:
    rng = np.random.default_rng(3)
    kinds = [[f"{kind}{rng.zipf(1.5) % 300}" for _ in range(4000)] for kind in "ab"]
    texts = [pa.array([" ".join(words[n : n + 40]) for n in range(0, 4000, 40)], pa.large_string()) for words in kinds]
    models = [train_word_probe([half[:70]], 3, (2, 1, 1)) for half in texts]
    changes = [change_of(score(models[0], models[1], half[70:]), 0) for half in texts]
    assert changes[0].rises(0.1)
    assert changes[1].falls(0.1)
