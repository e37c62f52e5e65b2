from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.twins.base import Origin, TooLittleText, Training
from anchor_pipeline.twins.markov import COPY_WORDS, Markov
from anchor_pipeline_tests.twins.texts import training

DIGEST = "dd546f0a44ad90dc3aac42bb72d8012f436f22893a5eec8618760ada6abe310d"
ORIGIN = Origin("notes/1", datetime(2024, 1, 1, tzinfo=UTC), "MIT")


def runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def test_every_word_follows_its_context_in_some_fitted_text() -> None:
    texts = training()
    known = {run for text in texts for run in runs(text.text.split(), 3)}
    for written in Markov().fit(texts, order=2).write(20, 60, "7"):
        for paragraph in written.text.split("\n\n"):
            assert runs(paragraph.split(), 3) <= known


@pytest.mark.parametrize("order", [1, 2, 5])
def test_no_run_of_thirteen_words_is_copied(order: int) -> None:
    texts = training()
    fitted = {run for text in texts for run in runs(text.text.split(), COPY_WORDS)}
    for written in Markov().fit(texts, order).write(20, 60, "7"):
        assert not runs(written.text.split(), COPY_WORDS) & fitted


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=30).map(" ".join), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(2, 20),
)
def test_no_document_or_paragraph_stands_in_a_fitted_text(texts: list[str], order: int, tokens: int) -> None:
    model = Markov().fit([Training(ORIGIN, text) for text in texts], order)
    try:
        written = [part.split() for one in model.write(3, tokens, "0") for part in (one.text, *one.text.split("\n\n"))]
    except TooLittleText:
        return  # it says so rather than copying
    for words in written:
        for text in texts:
            assert f" {' '.join(words)} " not in f" {' '.join(text.split())} "


def test_same_documents_whatever_the_order_of_the_texts() -> None:
    texts = training()
    forward = Markov().fit(texts, 2)
    backward = Markov().fit(reversed(texts), 2)
    assert forward.digest == backward.digest
    assert list(forward.write(5, 40, "7")) == list(backward.write(5, 40, "7"))


def test_a_document_does_not_depend_on_how_many_are_written() -> None:
    model = Markov().fit(training(), 2)
    assert list(model.write(9, 40, "7"))[:4] == list(model.write(4, 40, "7"))


def test_another_seed_writes_other_documents() -> None:
    model = Markov().fit(training(), 2)
    assert {one.text for one in model.write(5, 40, "7")}.isdisjoint(one.text for one in model.write(5, 40, "8"))


def test_the_bytes_are_those_of_every_python_and_platform() -> None:
    """The digest was taken once; CI compares it on each version."""
    texts = "\0".join(one.text for one in Markov().fit(training(), 2).write(10, 50, "7"))
    assert hashlib.sha256(texts.encode()).hexdigest() == DIGEST


def test_the_hash_seed_does_not_matter() -> None:
    program = (
        "from anchor_pipeline.twins.markov import Markov\n"
        "from anchor_pipeline_tests.twins.texts import training\n"
        "print(list(Markov().fit(training(), 2).write(3, 40, '7')))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_origins_are_the_texts_whose_words_were_taken() -> None:
    texts = training()
    by_id = {text.origin.id: set(text.text.split()) for text in texts}
    for written in Markov().fit(texts, 2).write(10, 40, "7"):
        assert written.origins == tuple(sorted(written.origins))
        taken = set().union(*(by_id[origin.id] for origin in written.origins))
        assert set(written.text.split()) <= taken


def test_length_is_near_what_was_asked() -> None:
    for written in Markov().fit(training(), 2).write(20, 100, "7"):
        assert 50 <= len(written.text.split()) <= 110


def test_one_short_text_is_too_little() -> None:
    model = Markov().fit([Training(ORIGIN, "one two three four five six")], 2)
    with pytest.raises(TooLittleText, match=r"1 texts of 6 words.*lower the order"):
        list(model.write(1, 6, "7"))


def test_nothing_to_fit_on() -> None:
    with pytest.raises(TooLittleText, match="no text to fit on"):
        Markov().fit([Training(ORIGIN, " \n")], 2)


def test_an_order_beyond_the_copy_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="look back 1 to 12 words"):
        Markov().fit(training(), COPY_WORDS)
