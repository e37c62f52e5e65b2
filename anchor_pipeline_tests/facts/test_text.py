"""The base facts of a text, against plain Python that goes through the text character by character."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.text import TEXT, TEXT_SCHEMA, measure_text, signatures_of
from anchor_pipeline_tests.facts.references import (
    reference_entropy,
    reference_minhash,
    reference_ngrams,
    reference_sketch,
)
from anchor_pipeline_tests.facts.test_normalised import reference_normalised
from anchor_pipeline_tests.facts.test_words import anything, reference_hash, reference_words


def reference_facts(text: str) -> dict[str, Any]:
    """The row of text-1 of a text."""
    tokens = reference_words(text)
    words = [reference_hash(word, False) for word, mark in tokens if not mark]
    shingles = reference_ngrams(words, 5, whole=True)
    return {
        "tokens": len(tokens),
        "words": len(words),
        "normalised": hashlib.sha256(reference_normalised(text)).digest(),
        "minhash": np.array(reference_minhash(shingles), "<u4").tobytes(),
        "shingles": len(set(shingles)),
        "sketch": reference_sketch(shingles),
        "distinct_1": len(set(words)),
        "distinct_2": len(set(reference_ngrams(words, 2))),
        "distinct_3": len(set(reference_ngrams(words, 3))),
        "entropy_1": pytest.approx(reference_entropy(words) if words else 0, abs=1e-5),
    }


def measured(texts: Any) -> list[dict[str, Any]]:
    table = pa.table({"text": texts})
    rows: list[dict[str, Any]] = pa.RecordBatch.from_arrays(measure_text(Batch(table)), schema=TEXT_SCHEMA).to_pylist()
    return rows


sentences = st.lists(
    st.sampled_from(["the", "of", "a", "Cat", "cat,", "猫", "naïve", "d'accord", "7", "—", "x_y"]), max_size=30
).map(" ".join)


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.none() | anything | sentences, max_size=6))
def test_the_facts_are_those_of_plain_python(texts: list[str | None]) -> None:
    assert measured(pa.array(texts, pa.string())) == [reference_facts(text or "") for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word",
        "\0",
        "a\0b\0" * 20,
        "😀" * 30,
        "😀 👩‍👩‍👧 🏳️‍🌈 ok",
        "שלום world سلام 123 " * 5,
        "\u202eevil\u202c text \u2066mixed\u2069",
        "\ufffd\ufffd lone \ufffd",
        "漢字かな交じり文" * 10,
        "\U0010ffff\ue000\ufdd0",
        " \t\r\n\x0b\x1c\u2028\u3000",
        "x" * 10_000,
        "a " * 10_000,
    ],
    ids=range(14),
)
def test_odd_texts_have_the_facts_of_plain_python(text: str) -> None:
    assert measured(pa.array([text])) == [reference_facts(text)]


def test_slices_large_strings_and_chunks_have_the_facts_of_their_own_rows() -> None:
    texts = ["one two three four five six", None, "seven", "eight nine ten"]
    whole = measured(pa.array(texts))
    assert measured(pa.array(texts).slice(1, 2)) == whole[1:3]
    assert measured(pa.array(texts, pa.large_string()).slice(2)) == whole[2:]
    assert measured(pa.chunked_array([texts[:1], texts[1:3], texts[3:]], pa.string())) == whole
    assert measured(pa.array([], pa.string())) == []


def test_signatures_come_back_as_numbers() -> None:
    texts = pa.array([f"{n} one two three four {n * n}" for n in range(5)])
    column = measure_text(Batch(pa.table({"text": texts})))[3]
    expected = [np.frombuffer(value, "<u4").tolist() for value in column.to_pylist()]
    assert signatures_of(column).tolist() == expected
    assert signatures_of(column.slice(2, 2)).tolist() == expected[2:4]
    assert signatures_of(pa.chunked_array([column.slice(0, 2), column.slice(2)])).tolist() == expected
    assert signatures_of(column.slice(0, 0)).shape == (0, 128)
    with pytest.raises(ValueError, match="without a signature"):
        signatures_of(pa.nulls(2, column.type))


def test_the_columns_are_those_of_the_documentation() -> None:
    assert TEXT.key == "text-1"
    assert TEXT_SCHEMA.field("minhash").type.byte_width == 512
    assert TEXT_SCHEMA.field("sketch").type == pa.list_(pa.uint64())
