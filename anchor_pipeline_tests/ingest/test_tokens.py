from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.settings import tokenizer_identity
from anchor_pipeline.ingest.tokens import WordCounter, reference_words, token_counter
from anchor_pipeline_tests.ingest.support import ingest

SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
EDGES = "\u3004\u3005\u3007\u3008\u3020\u3021\u303f\u3040\u30ff\u3100\u33ff\u3400\u4dbf\u4dc0\u4e00\u9fff\ua000\uabff"
characters = st.one_of(
    st.sampled_from(SPACES), st.sampled_from(EDGES + "\ufeff\u200b\u0130a1.é"), st.characters(exclude_categories=["Cs"])
)


def count(*texts: str | None) -> list[int]:
    return [int(number) for number in WordCounter().count(pa.array(texts, pa.string()))]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(characters, max_size=30), max_size=6), st.integers(0, 3), st.booleans())
def test_words_against_plain_python(texts: list[str], start: int, wide: bool) -> None:
    column = pa.array(texts, pa.large_string() if wide else pa.string()).slice(start)
    assert WordCounter().count(column).tolist() == [reference_words(text) for text in texts[start:]]


def test_every_character_of_unicode() -> None:
    """Each one between two letters and after a space: 1.1 million of them in one text."""
    text = "".join(f"a{chr(code)}b {chr(code)}" for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
    assert count(text) == [reference_words(text)]


@given(st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs"])))
def test_without_cjk_it_is_split(text: str) -> None:
    assert count(text) == [len(text.split())]


def test_examples() -> None:
    assert count("a b", "", " \n", None, "東京 タワーabc한국") == [2, 0, 0, 0, 8]


def _tokenizer(path: Path) -> None:
    vocabulary = {"[UNK]": 0, "a": 1, "##b": 2, "c": 3}
    path.write_text(
        json.dumps(
            {
                "version": "1.0",
                "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
                "padding": None,
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": {"type": "Whitespace"},
                "post_processor": None,
                "decoder": None,
                "model": {
                    "type": "WordPiece",
                    "unk_token": "[UNK]",
                    "continuing_subword_prefix": "##",
                    "max_input_chars_per_word": 100,
                    "vocab": vocabulary,
                },
            }
        )
    )


def test_hugging_face_tokenizer(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    _tokenizer(tmp_path / "tokenizer.json")
    counter = token_counter("tokenizer.json", tmp_path)
    assert counter.count(pa.array(["abb c", "", None, "c c c c"])).tolist() == [4, 0, 0, 4]  # not truncated to 2
    (tmp_path / "a.jsonl").write_text('{"text": "abb c"}\n{"text": "  "}\n')
    snapshot, kept, rejected = ingest(tmp_path, uri="a.jsonl", tokens="tokenizer.json")
    assert [row["tokens"] for row in kept] == [4]
    assert [row["reason"] for row in rejected] == ["empty_text"]
    (tmp_path / "tokenizer.json").write_text((tmp_path / "tokenizer.json").read_text() + "\n")
    assert ingest(tmp_path, uri="a.jsonl", tokens="tokenizer.json")[0].settings != snapshot.settings


def test_a_tokenizer_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read.*write `words`"):
        tokenizer_identity("missing.json", tmp_path)
    pytest.importorskip("tokenizers")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UsageError, match=r"not a Hugging Face tokenizer\.json"):
        token_counter("bad.json", tmp_path)
