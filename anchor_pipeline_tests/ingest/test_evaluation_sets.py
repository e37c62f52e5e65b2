"""Evaluation sets are read in any format of a source, each text with its place, and nothing is passed over silently."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, DamagedData
from anchor_pipeline.ingest.evaluation_sets import EvaluationSets, texts_of

LONG = "Which of the four rivers named below flows into the sea"


def texts(root: Path, *uris: str) -> list[tuple[str, str, int, str]]:
    with EvaluationSets(uris, root, Store(root / "store")) as sets:
        return [(one.uri, one.file, one.line, one.text) for one in sets.texts()]


def test_every_format_of_a_source_can_be_an_evaluation_set(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "one"}) + "\n\n" + json.dumps({"text": "two", "id": LONG}))
    pq.write_table(pa.table({"question": [LONG, "short"], "n": [1, 2]}), tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text(f'question,answer\n"{LONG}",Rhine\n')
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.txt").write_text("first")
    (tmp_path / "d" / "2.txt").write_text("second")
    with gzip.open(tmp_path / "e.jsonl.gz", "wt") as file:
        file.write(json.dumps({"turns": [{"say": LONG}, {"say": "no"}]}) + "\n")
    assert texts(tmp_path, "a.jsonl") == [("a.jsonl", "a.jsonl", 1, "one"), ("a.jsonl", "a.jsonl", 3, "two")]
    assert texts(tmp_path, "b.parquet") == [("b.parquet", "b.parquet", 1, LONG)]
    assert texts(tmp_path, "c.csv") == [("c.csv", "c.csv", 2, LONG)]
    assert texts(tmp_path, "d") == [("d", "1.txt", 1, "first"), ("d", "2.txt", 1, "second")]
    assert texts(tmp_path, "e.jsonl.gz") == [("e.jsonl.gz", "e.jsonl.gz", 1, LONG)]


def test_a_set_that_is_missing_empty_or_broken_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match=r"gone\.jsonl.*no such file"):
        texts(tmp_path, "gone.jsonl")
    (tmp_path / "labels.jsonl").write_text(json.dumps({"label": "yes"}) + "\n")
    with pytest.raises(DamagedData, match=r"labels\.jsonl holds no text"):
        texts(tmp_path, "labels.jsonl")
    (tmp_path / "broken.jsonl").write_text(json.dumps({"text": "one"}) + "\n{\n")
    with pytest.raises(DamagedData, match=r"broken\.jsonl.*2"):
        texts(tmp_path, "broken.jsonl")


def test_the_digest_of_a_file_tells_that_it_has_changed(tmp_path: Path) -> None:
    seen = set()
    for text in ("one", "two", "one"):
        (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}))
        with EvaluationSets(["a.jsonl"], tmp_path, Store(tmp_path / "store")) as sets:
            seen.add(sets.files[0].sha256)
    assert len(seen) == 2


def test_without_a_column_text_all_long_strings_count_and_labels_do_not() -> None:
    row = {"id": "q-1", "question": LONG, "choices": ["Rhine", {"text": LONG + "?"}], "n": 3, "none": None}
    assert texts_of(row) == [LONG, LONG + "?"]
    assert texts_of({"text": "yes", "question": LONG}) == ["yes"]
    assert texts_of({"q": "哪条河流入大海中"}) == ["哪条河流入大海中"]
