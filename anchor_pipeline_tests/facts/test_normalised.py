"""The normalised text and its digest: what anyone can compute again from the words."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.characters import LOWER
from anchor_pipeline.corpus.strings import buffers_of
from anchor_pipeline.facts.normalised import digests_of
from anchor_pipeline.facts.words import hash_words, words_and_text
from anchor_pipeline_tests.facts.test_words import anything, reference_words


def reference_normalised(text: str) -> bytes:
    """The words proper in lower case, one space between them."""
    return " ".join(word for word, mark in reference_words(text) if not mark).encode()


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.none() | anything, max_size=8))
@example(["A B", "a\u00adb", "漢字", "x漢y字z", "ȺȾ漢Ⱥ漢", "don't", "’tis", "", None, " . "])
@example(["İ ſ ß", "é", "\U00010400a\U00020000"])
def test_the_kernel_writes_what_plain_python_writes(texts: list[str | None]) -> None:
    data, offsets = buffers_of(pa.array(texts, pa.string()))
    hashes, starts, text, edges = words_and_text(data, offsets)
    expected = [reference_normalised(value or "") for value in texts]
    assert [text[edges[i] : edges[i + 1]].tobytes() for i in range(len(texts))] == expected
    assert digests_of(text, edges).to_pylist() == [hashlib.sha256(value).digest() for value in expected]
    # The walk that writes finds the same words as the one that does not.
    assert (hashes.tolist(), starts.tolist()) == tuple(part.tolist() for part in hash_words(data, offsets))


def test_what_grows_most_does_not_outgrow_its_room() -> None:
    """The kernel does not look where its room ends: every character, between CJK characters that take a space each."""
    for code in [*range(1, len(LOWER)), 0x10FFFF, 0x1B000]:
        data, offsets = buffers_of(pa.array([f"{chr(code)}漢" * 50]))
        _, _, text, _ = words_and_text(data, offsets)
        assert text.base is not None
        assert len(text) < text.base.size == 2 * len(data) + 8


@pytest.mark.parametrize(
    "other", ["the quick  brown\tfox", "The Quick; brown (fox)!", "THE QUICK BROWN FOX", "the qu\u00adick brown fox"]
)
def test_case_space_and_punctuation_do_not_change_the_digest(other: str) -> None:
    assert digest("The quick brown fox.") == digest(other)
    assert digest("The quick brown foxes.") != digest(other)
    assert digest("The quickbrown fox.") != digest(other)


def digest(text: str) -> str:
    _, _, written, edges = words_and_text(*buffers_of(pa.array([text])))
    found: str = digests_of(written, edges)[0].as_py().hex()
    return found


def test_a_text_without_words_has_the_digest_of_nothing() -> None:
    assert digest("...") == digest("") == hashlib.sha256(b"").hexdigest()
    assert len(digests_of(np.zeros(0, np.uint8), np.zeros(1, np.int64))) == 0
