"""Positions that stand in an evaluation set are those that looking for every run of words finds."""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.evaluation import (
    SHORTEST,
    evaluation_digest,
    evaluation_entries,
    evaluation_set,
    keep_evaluation,
)


@dataclass(frozen=True)
class Text:
    text: str
    line: int = 1
    uri: str = "eval.jsonl"
    file: str = "eval.jsonl"


def overlap(folder: Path, texts: list[str], documents: list[str], ngram: int = 13) -> list[tuple[int, int | None]]:
    """(hits, entry) of each document."""
    store = Store(mkdtemp(dir=folder))
    digest = evaluation_digest([("eval.jsonl", "eval.jsonl", repr(texts))], ngram)
    keep_evaluation(store, digest, [Text(text, at) for at, text in enumerate(texts, 1)], ngram)
    facts = evaluation_set(store, digest, ngram)
    measure = pickle.loads(pickle.dumps(facts)).measure
    hits, entry = measure(Batch(pa.table({"text": pa.array(documents, pa.string())})))
    assert evaluation_entries(store, digest).column("line").to_pylist() == list(range(1, len(texts) + 1))
    return list(zip(hits.to_pylist(), entry.to_pylist(), strict=True))


def by_looking(texts: list[str], document: str, ngram: int) -> int:
    """Hits of a document of plain words, from the definition."""
    words = document.split()
    runs: set[tuple[str, ...]] = set()
    for text in texts:
        has = tuple(text.split())
        runs |= {has[at : at + ngram] for at in range(len(has) - ngram + 1)} if len(has) >= ngram else {has}
    runs.discard(())
    hits = 0
    for size in {len(run) for run in runs}:
        if size < SHORTEST:
            hits += tuple(words) in runs and len(words) == size
        else:
            hits += sum(tuple(words[at : at + size]) in runs for at in range(len(words) - size + 1))
    return hits


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), ngram=st.sampled_from([8, 9, 13]))
def test_agrees_with_looking_for_every_run_of_words(tmp_path: Path, seed: int, ngram: int) -> None:
    chance = random.Random(seed)
    vocabulary = ["tide", "keel", "rope", "mast"][: chance.randrange(1, 5)]

    def text(most: int) -> str:
        return " ".join(chance.choices(vocabulary, k=chance.randrange(most)))

    texts = [text(18) for _ in range(6)]
    documents = [text(20) for _ in range(20)] + [f"{text(9)} {chance.choice(texts)} {text(9)}" for _ in range(10)]
    found = overlap(tmp_path, texts, documents, ngram)
    assert [hits for hits, _ in found] == [by_looking(texts, document, ngram) for document in documents]


def test_thirteen_words_in_a_row_count_whatever_their_case_and_commas_and_twelve_do_not(tmp_path: Path) -> None:
    words = [f"word{at}" for at in range(30)]
    text = " ".join(words)
    thirteen = "Before, " + ", ".join(words[5:18]).upper() + "; after."
    twelve = "before " + " ".join(words[5:17]) + " after"
    assert overlap(tmp_path, ["nothing of it", text], [thirteen, twelve, text]) == [(1, 1), (0, None), (18, 1)]


def test_a_short_text_is_found_whole_within_others_from_eight_words_on(tmp_path: Path) -> None:
    eight, four = "which river flows through the town of Ulm", "what is my balance"
    documents = [f"Tell me: {eight}? The Danube.", f"So {four} then", four.upper() + "?", "which river flows"]
    assert overlap(tmp_path, [eight, four], documents) == [(1, 0), (0, None), (1, 1), (0, None)]


def test_no_text_at_all_matches_nothing(tmp_path: Path) -> None:
    assert overlap(tmp_path, ["", "…"], ["", "🎉", "word", "!" * 30]) == [(0, None)] * 4


def test_other_files_or_another_length_are_another_set_of_facts(tmp_path: Path) -> None:
    files = [("a", "a", "1" * 64)]
    digests = {
        evaluation_digest(files, 13),
        evaluation_digest(files, 12),
        evaluation_digest([("a", "a", "2" * 64)], 13),
    }
    assert len(digests) == 3
    keys = {evaluation_set(Store(tmp_path), digest, 13).key for digest in digests}
    assert len(keys) == 3


@pytest.mark.parametrize("number", [1, 1000])
def test_many_texts_and_none_are_kept_alike(tmp_path: Path, number: int) -> None:
    texts = [" ".join(f"a{line}b{at}" for at in range(20)) for line in range(number)]
    found = overlap(tmp_path, texts, [texts[-1], texts[0]])
    assert found == [(8, number - 1), (8, 0)]
