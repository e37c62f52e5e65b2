"""Texts that break tools: every fact of them is sensible, and takes time in proportion to their length."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.text import TEXT, TEXT_SCHEMA, measure_text
from anchor_pipeline_tests.documents import document
from anchor_pipeline_tests.ingest.support import ingest


def facts_of(texts: list[str]) -> pa.Table:
    arrays = measure_text(Batch(pa.table({"text": pa.array(texts, pa.large_string())})))
    return pa.Table.from_arrays(arrays, schema=TEXT_SCHEMA)


def warm() -> None:
    """Compile, or fetch what is compiled."""
    facts_of(["a b c d e f", "", "é"])


LINES: dict[str, Callable[[int], str]] = {
    "one word": lambda size: "x" * size,
    "words": lambda size: "lorem ipsum dolor sit amet " * (size // 27),
    "one word again and again": lambda size: "no " * (size // 3),
    "different words": lambda size: " ".join(map(str, range(size // 8))),
    "emoji": lambda size: "😀" * (size // 4),
    "CJK": lambda size: "漢字" * (size // 6),
    "marks": lambda size: "." * size,
    "NUL": lambda size: "\0" * size,
    "spaces": lambda size: " " * size,
    "invisible": lambda size: "\u200b" * (size // 3),
    "apostrophes": lambda size: "a'" * (size // 2),
}


@pytest.mark.parametrize("kind", LINES)
def test_ten_times_the_length_takes_about_ten_times_as_long(kind: str) -> None:
    warm()
    short, long = LINES[kind](400_000), LINES[kind](4_000_000)
    least = min(seconds(short) for _ in range(3))
    assert min(seconds(long) for _ in range(2)) < 40 * max(least, 0.004)


def seconds(text: str) -> float:
    begun = time.process_time()
    facts_of([text])
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one word", "different words", "emoji"])
def test_a_line_of_100_mb_is_measured(kind: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    text = LINES[kind](100_000_000)
    rows = pa.Table.from_pylist([document("s", "long", text), document("s", "short", "and on")], schema=DOCUMENT_SCHEMA)
    shard = store.write_shard(rows).digest
    begun = time.process_time()
    measure_shards(store, [shard], [TEXT])
    assert time.process_time() - begun < 60
    found = read_facts(store, shard, "text-1", ["tokens", "words", "distinct_1", "distinct_3", "entropy_1"]).to_pylist()
    count = {"one word": 1, "different words": 12_500_000, "emoji": 25_000_000}[kind]
    words = 0 if kind == "emoji" else count
    assert found[0] == {
        "tokens": count,
        "words": words,
        "distinct_1": words,
        "distinct_3": max(0, words - 2),
        "entropy_1": pytest.approx(np.log2(words) if words else 0, abs=1e-4),
    }
    assert found[1]["words"] == 2


def test_equal_documents_take_no_longer_than_others() -> None:
    warm()
    same = ["the same words in every one of them"] * 200_000
    other = [f"{n} words that differ from {n}" for n in range(200_000)]
    begun = time.process_time()
    facts = facts_of(same)
    took = time.process_time() - begun
    begun = time.process_time()
    facts_of(other)
    assert took < 3 * (time.process_time() - begun) + 0.5
    for name in ("normalised", "minhash", "words", "sketch", "entropy_1"):
        column = facts.column(name)
        assert column.slice(0, 1).to_pylist() * 3 == column.slice(199_997).to_pylist()


@pytest.mark.slow
def test_a_million_equal_documents_make_a_small_facts_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    row = pa.Table.from_pylist([document("s", "a", "the same words in every one")], schema=DOCUMENT_SCHEMA)
    shard = store.write_shard(row.take(pa.array(np.zeros(1_000_000, np.int64)))).digest
    begun = time.process_time()
    measure_shards(store, [shard], [TEXT])
    assert time.process_time() - begun < 60
    assert len(store.read(f"facts/text-1/{shard[:2]}/{shard}.parquet")) < 60_000_000  # of 580 MB


def test_direction_marks_and_zero_width_characters_hide_nothing() -> None:
    hiding = "\u202eשלום\u202c wor\u200bld \u2066سلام\u2069 one\ufeff two"
    plain, hidden = facts_of(["שלום world سلام one two", hiding]).to_pylist()
    assert plain == hidden


def test_emoji_are_marks_and_such_a_text_has_no_words() -> None:
    (row,) = facts_of(["😀 👍🏽 🎉!"]).to_pylist()
    assert (row["tokens"], row["words"], row["shingles"], row["sketch"], row["entropy_1"]) == (5, 0, 0, [], 0)
    assert set(row["minhash"]) == {255}


def test_lone_surrogates_in_json_are_quarantined_and_pairs_are_emoji(tmp_path: Path) -> None:
    """No text with half a character gets into a shard; what is measured is always valid UTF-8."""
    lines = [
        r'{"text": "half \ud83d of one"}',
        r'{"text": "a pair \ud83d\ude00 of them"}',
        r'{"text": "nul \u0000 it"}',
    ]
    (tmp_path / "raw.jsonl").write_text("\n".join(lines))
    snapshot, documents, quarantined = ingest(tmp_path, uri="raw.jsonl")
    assert [(row["raw_row"], row["reason"]) for row in quarantined] == [(1, "unparsable_row")]
    store = Store(tmp_path / "store")
    (shard,) = snapshot.shards
    measure_shards(store, [shard], [TEXT])
    assert [row["text"] for row in documents] == ["a pair 😀 of them", "nul \0 it"]
    facts = read_facts(store, shard, "text-1", ["tokens", "words"]).to_pylist()
    assert facts == [{"tokens": 5, "words": 4}, {"tokens": 3, "words": 2}]
