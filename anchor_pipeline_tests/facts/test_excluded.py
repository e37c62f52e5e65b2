"""Which rows recalls bar from a corpus: against plain Python, and that everything else stays as it was."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.corpus import corpus_table
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.recall_files import RecallFiles, tombstones_of
from anchor_pipeline.corpus.recalls import BY_DIGEST, RecallRecord, Target
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.assemble import assemble
from anchor_pipeline.facts.excluded import Barring, excluded_rows
from anchor_pipeline.project import Project
from anchor_pipeline_tests.documents import document, project_at, snapshot_of
from anchor_pipeline_tests.recall.worlds import Row, meant, record, rows, targets

PROJECT = """
project: test
cycle: {cadence: yearly, start: 2000-01-01}
domains: {d: {}}
sources:
  a: {kind: licensed, domain: d, uri: a.jsonl}
  b: {kind: licensed, domain: d, uri: b.jsonl}
stages: {s: {tokens: 100, domains: {d: 1}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_at(tmp_path / "project", PROJECT)


def barred(listed: Sequence[Row], standing: Sequence[Barring], seed: int = 0) -> dict[tuple[str, str], str]:
    with duckdb.connect() as database:
        table = pa.Table.from_pylist(list(listed), schema=DOCUMENT_SCHEMA).drop_columns(["text", "payload"])
        number = range(table.num_rows)
        table = table.append_column("shard", pa.array(["s"] * table.num_rows, pa.string()))
        database.register("rows", table.append_column("shard_row", pa.array(number, pa.int64())))
        found = excluded_rows(database, "rows", standing, seed)
    names = [(row["doc_id"], row["digest"]) for row in listed]
    return {names[row["shard_row"]]: row["reason"] for row in found.to_pylist()}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(1, 25), data=st.data())
def test_the_barred_rows_are_those_that_are_meant(seed: int, number: int, data: st.DataObject) -> None:
    listed = rows(seed, number)
    target = data.draw(st.sampled_from(targets(listed)))
    expected = meant(target, listed)
    digests = sorted({digest for _, digest in expected}) if target.by in BY_DIGEST else []
    found = barred(listed, [Barring(record(target), digests)])
    assert set(found) == expected
    assert set(found.values()) <= {"recalled"}


def test_a_generator_takes_with_it_what_came_later() -> None:
    listed = [
        document("a", "1", "made", generator="scribe@1"),
        document("b", "2", "rewritten", parents=["1"]),
        document("b", "3", "rewritten again", parents=["b/2"]),
        document("b", "4", "rewritten again"),
        document("b", "5", "free", parents=["a/9"]),
    ]
    target = Target(by="generator", value="scribe")
    found = barred(listed, [Barring(record(target), [])])
    assert sorted(name for name, _ in found) == ["a/1", "b/2", "b/3", "b/4"]


def test_the_strictest_recall_gives_the_reason() -> None:
    listed = [document("a", "1")]
    target = Target(by="source", value="a")
    standing = [Barring(record(target, "quarantine"), []), Barring(record(target), [])]
    assert set(barred(listed, standing).values()) == {"recalled"}
    assert set(barred(listed, standing[:1]).values()) == {"quarantined_lineage"}


def test_a_weight_leaves_its_share_in_and_always_the_same_documents() -> None:
    listed = [document("a", str(number)) for number in range(2000)]
    target = Target(by="source", value="a")
    out = {
        weight: set(barred(listed, [Barring(record(target, "weight", weight), [])]))
        for weight in ("0.25", "0.5", "0.999999")
    }
    assert 1400 < len(out["0.25"]) < 1600
    assert 900 < len(out["0.5"]) < 1100
    assert not out["0.999999"]
    assert out["0.5"] < out["0.25"]
    assert out["0.5"] != set(barred(listed, [Barring(record(target, "weight", "0.5"), [])], seed=1))


def keep(project: Project, store: Store, what: Target, digests: Sequence[str]) -> RecallRecord:
    packed, tombstones = tombstones_of(digests)
    made = record(what, tombstones=tombstones)
    RecallFiles(store, project.root).add(made, packed)
    return made


def test_what_is_barred_is_quarantined_and_nothing_vanishes(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    copy = document("b", "x", "same words")
    snapshots = {
        "a": snapshot_of(store, "a", [document("a", "1"), document("a", "2", "same words")]),
        "b": snapshot_of(store, "b", [copy, document("b", "y")]),
    }
    cycle = project.calendar.at("2020")
    keep(project, store, Target(by="document", value="b/x"), [copy["digest"]])
    corpus, _ = assemble(project, cycle, snapshots, store)
    assert corpus.sources["a"].quarantined == {"recalled": 1}
    assert corpus.sources["b"].quarantined == {"recalled": 1}
    assert [counts.balance for counts in corpus.sources.values()] == [0, 0]
    table = pl.read_parquet(corpus_table(store, "2020"))
    assert table.filter(status="quarantined")["doc_id"].to_list() == ["a/2", "b/x"]
    assert pl.read_parquet(store.path("quarantine/b/cycle-2020.parquet"))["reason"].to_list() == ["recalled"]


def test_a_recalled_source_gives_its_place_to_a_copy(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    snapshots = {name: snapshot_of(store, name, [document(name, "1", "same words")]) for name in "ab"}
    cycle = project.calendar.at("2020")
    assert assemble(project, cycle, snapshots, store)[0].sources["a"].kept == 1
    keep(project, store, Target(by="source", value="a"), [])
    corpus, _ = assemble(project, cycle, snapshots, store)
    assert (corpus.sources["a"].kept, corpus.sources["b"].kept) == (0, 1)


def test_a_recall_that_touches_no_row_of_a_cycle_leaves_it_as_it_is(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    late = document("a", "late", collected_at=datetime(2021, 6, 1, tzinfo=UTC))
    snapshots = {"a": snapshot_of(store, "a", [document("a", "1"), late])}
    before = {key: assemble(project, project.calendar.at(key), snapshots, store)[0] for key in ("2020", "2021")}
    keep(project, store, Target(by="document", value="a/late"), [late["digest"]])
    keep(project, store, Target(by="generator", value="nobody"), [])
    assert assemble(project, project.calendar.at("2020"), snapshots, store) == (before["2020"], True)
    after, reused = assemble(project, project.calendar.at("2021"), snapshots, store)
    assert not reused
    assert after.digest != before["2021"].digest


def test_without_its_list_of_digests_nothing_is_built(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    row = document("a", "1")
    snapshots = {"a": snapshot_of(store, "a", [row])}
    made = keep(project, store, Target(by="document", value="a/1"), [row["digest"]])
    store.path(f"recalls/{made.id}.tombstones.gz").unlink()
    cycle = project.calendar.at("2020")
    assert assemble(project, cycle, snapshots, store)[0].sources["a"].kept == 0, "the other copy serves"
    assert store.exists(f"recalls/{made.id}.tombstones.gz"), "and was put back"
    shutil.rmtree(store.path("recalls"))
    assert assemble(project, cycle, snapshots, store)[1], "a store without its recalls gets them back"
    for folder in (store.root, project.root):
        (folder / f"recalls/{made.id}.tombstones.gz").write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(DamagedData, match="not the list of digests"):
        assemble(project, cycle, snapshots, store)
