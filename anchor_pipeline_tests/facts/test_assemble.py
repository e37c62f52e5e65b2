"""Every row read has one status; duplicates keep the copy of best provenance; the layout of files is irrelevant."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.corpus import corpus_table
from anchor_pipeline.corpus.set_aside import SET_ASIDE_SCHEMA, SetAside, keep_set_aside
from anchor_pipeline.corpus.snapshot import RawFile, SourceSnapshot, Unit
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.assemble import assemble
from anchor_pipeline.project import Project
from anchor_pipeline_tests.documents import document, project_at, snapshot_of

PROJECT = """
project: test
cycle: {cadence: yearly, start: 2000-01-01}
domains: {d: {}}
sources:
  a: {kind: anchor, domain: d, uri: a.jsonl}
  b: {kind: licensed, domain: d, uri: b.jsonl, terms: {expires: 2020-12-31}}
  c: {kind: enterprise, domain: d, uri: c.jsonl, terms: {uses: [evaluation]}}
stages: {s: {tokens: 100, domains: {d: 1}}}
"""
REASON = "expectation_stratum_be_unique"
KINDS = {"a": "anchor", "b": "licensed", "c": "enterprise"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_at(tmp_path / "project", PROJECT)


def statuses(store: Store, cycle: str) -> dict[str, tuple[str, str | None, str | None]]:
    table = pl.read_parquet(corpus_table(store, cycle))
    return {row["doc_id"]: (row["status"], row["reason"], row["duplicate_of"]) for row in table.to_dicts()}


def test_rows_dated_at_or_after_as_of_wait_for_their_cycle(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    end = datetime(2021, 1, 1, tzinfo=UTC)
    rows = [
        document("a", "before", kind="anchor", collected_at=end - timedelta(microseconds=1)),
        document("a", "at", kind="anchor", collected_at=end),
    ]
    snapshots = {"a": snapshot_of(store, "a", rows)}
    corpus, _ = assemble(project, project.calendar.at("2020"), snapshots, store)
    assert corpus.sources["a"].later == 1
    assert statuses(store, "2020")["a/at"][0] == "later"
    corpus, _ = assemble(project, project.calendar.at("2021"), snapshots, store)
    assert corpus.sources["a"].later == 0


def test_terms_bar_a_source_from_the_cycles_after_they_expire(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    snapshots = {name: snapshot_of(store, name, [document(name, "1", f"text {name}")]) for name in "bc"}
    assemble(project, project.calendar.at("2020"), snapshots, store)
    assert statuses(store, "2020")["b/1"][0] == "kept", "expires on the last day of the cycle"
    assert statuses(store, "2020")["c/1"] == ("quarantined", "use_not_permitted", None)
    corpus, _ = assemble(project, project.calendar.at("2021"), snapshots, store)
    assert statuses(store, "2021")["b/1"] == ("quarantined", "licence_expired", None)
    assert corpus.sources["b"].quarantined == {"licence_expired": 1}
    kept = pl.read_parquet(store.path("quarantine/b/cycle-2021.parquet"))
    assert kept["reason"].to_list() == ["licence_expired"]


def test_exact_duplicates_keep_the_copy_of_best_provenance(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    snapshots = {
        "b": snapshot_of(store, "b", [document("b", "x", "same words"), document("b", "y", "same words")]),
        "a": snapshot_of(store, "a", [document("a", "z", "same words", kind="anchor")]),
    }
    assemble(project, project.calendar.at("2020"), snapshots, store)
    assert statuses(store, "2020") == {
        "a/z": ("kept", None, None),
        "b/x": ("duplicate", "same_content", "a/z"),
        "b/y": ("duplicate", "same_content", "a/z"),
    }


def test_nothing_changed_is_not_done_again_and_a_missing_shard_is_named(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    snapshots = {"a": snapshot_of(store, "a", [document("a", "1")])}
    cycle = project.calendar.at("2020")
    first, reused = assemble(project, cycle, snapshots, store)
    assert not reused
    assert assemble(project, cycle, snapshots, store) == (first, True)
    digest = snapshots["a"].shards[0]
    store.shard_path(digest).unlink()
    with pytest.raises(DamagedData, match=digest):
        assemble(project, project.calendar.at("2021"), snapshots, store)


def test_no_sources_make_an_empty_corpus(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    corpus, _ = assemble(project, project.calendar.at("2020"), {"a": SourceSnapshot(source="a", settings="s")}, store)
    assert corpus.sources["a"].read == 0
    assert pl.read_parquet(corpus_table(store, "2020")).height == 0


def test_rows_of_a_file_that_has_changed_do_not_count(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    rows = [document("a", "old", raw_file="1.txt"), document("a", "same", raw_file="2.txt")]
    old = snapshot_of(store, "a", rows)
    new = snapshot_of(store, "a", [document("a", "new", raw_file="1.txt")])
    file = old.files[0].model_copy(update={"read": 1})
    units = (
        Unit(id="first", files=("1.txt", "2.txt"), shards=old.units[0].shards),
        Unit(id="second", files=("1.txt",), shards=new.units[0].shards),
    )
    files = tuple(
        RawFile.model_validate({**file.model_dump(), "path": path, "unit": unit})
        for path, unit in (("1.txt", "second"), ("2.txt", "first"))
    )
    snapshot = old.model_copy(update={"files": files, "units": units})
    corpus, _ = assemble(project, project.calendar.at("2020"), {"a": snapshot}, store)
    assert sorted(statuses(store, "2020")) == ["a/new", "a/same"]
    assert corpus.sources["a"].balance == 0


QUARANTINING = PROJECT.replace(
    "uri: a.jsonl",
    "uri: a.jsonl, expectations: [{type: expect_column_values_to_be_unique, column: stratum,"
    " unexpected_rows: quarantine}]",
)


def set_aside(store: Store, source: str, *rows: int) -> dict[str, SetAside]:
    """These rows of `<source>.jsonl` violate an expectation."""
    values = [
        {"source": source, "raw_file": f"{source}.jsonl", "raw_row": row, "doc_id": f"{source}/{row}", "reason": REASON,
         "detail": "said"}
        for row in rows
    ]  # fmt: skip
    return {source: keep_set_aside(store, source, pa.Table.from_pylist(values, schema=SET_ASIDE_SCHEMA))}


def test_rows_that_an_expectation_keeps_out_are_quarantined_and_no_copy_of_theirs_stands_for_others(
    tmp_path: Path,
) -> None:
    project, store = project_at(tmp_path / "project", QUARANTINING), Store(tmp_path / "store")
    later = datetime(2030, 1, 1, tzinfo=UTC)
    rows = [
        document("a", "bad", "same words", kind="anchor", raw_row=1),
        document("a", "good", "other words", kind="anchor", raw_row=2),
        document("a", "future", "more words", kind="anchor", raw_row=3, collected_at=later),
        document("a", "id", "first words", kind="anchor", raw_row=4),
        document("a", "id", "second words", kind="anchor", raw_row=5, collected_at=datetime(2020, 7, 1, tzinfo=UTC)),
    ]
    # Without the expectation the anchor's copy would be kept, and so would the earlier content of the repeated id.
    snapshots = {
        "a": snapshot_of(store, "a", rows),
        "b": snapshot_of(store, "b", [document("b", "copy", "same words")]),
    }
    corpus, _ = assemble(project, project.calendar.at("2020"), snapshots, store, set_aside(store, "a", 1, 3, 4))
    table = pl.read_parquet(corpus_table(store, "2020")).sort("source", "raw_row")
    assert [tuple(row) for row in table.select("raw_row", "status", "reason").iter_rows()] == [
        (1, "quarantined", REASON),
        (2, "kept", None),
        (3, "later", None),
        (4, "quarantined", REASON),
        (5, "kept", None),
        (1, "kept", None),
    ]
    assert corpus.sources["a"].quarantined == {REASON: 2}
    assert [counts.balance for counts in corpus.sources.values()] == [0, 0]
    kept = pl.read_parquet(store.path("quarantine/a/cycle-2020.parquet"))
    assert kept.select("doc_id", "raw_file", "raw_row", "reason").rows() == [
        ("a/bad", "a.jsonl", 1, REASON),
        ("a/id", "a.jsonl", 4, REASON),
    ]


def test_other_rows_kept_out_make_another_corpus_and_the_same_rows_the_same(tmp_path: Path) -> None:
    project, store = project_at(tmp_path / "project", QUARANTINING), Store(tmp_path / "store")
    cycle = project.calendar.at("2020")
    snapshots = {"a": snapshot_of(store, "a", [document("a", str(i), kind="anchor", raw_row=i) for i in range(4)])}
    first, _ = assemble(project, cycle, snapshots, store, set_aside(store, "a", 1))
    assert assemble(project, cycle, snapshots, store, set_aside(store, "a", 1)) == (first, True)
    second, reused = assemble(project, cycle, snapshots, store, set_aside(store, "a", 2))
    assert not reused
    assert first.documents != second.documents
    none, _ = assemble(project, cycle, snapshots, store, {"a": SetAside()})
    assert none.sources["a"].kept == 4
    assert pl.read_parquet(store.path("quarantine/a/cycle-2020.parquet")).height == 0, "it tells of this build alone"


@pytest.mark.parametrize("known", [{}, {"a": SetAside(not_evaluated=("expect_something",))}])
def test_of_a_source_whose_rows_could_not_be_judged_nothing_is_taken(
    tmp_path: Path, known: dict[str, SetAside]
) -> None:
    project, store = project_at(tmp_path / "project", QUARANTINING), Store(tmp_path / "store")
    snapshots = {name: snapshot_of(store, name, [document(name, "1", f"text {name}")]) for name in "ab"}
    corpus, _ = assemble(project, project.calendar.at("2020"), snapshots, store, known)
    assert corpus.sources["a"].quarantined == {"expectation_not_evaluated": 1}
    assert corpus.sources["b"].kept == 1


ROW = st.fixed_dictionaries(
    {
        "source": st.sampled_from("abc"),
        "id": st.sampled_from("pqrs"),
        "text": st.sampled_from(["one", "two words", "three whole words"]),
        "authorship": st.sampled_from(["human", "unknown", "synthetic"]),
        "year": st.integers(2018, 2022),
    }
)


def expected(rows: list[dict[str, Any]], barred: dict[str, str]) -> dict[str, int]:
    """The same classification by brute force; counts by status."""
    counts = {"kept": 0, "duplicate": 0, "quarantined": 0, "later": 0}
    live = []
    for row in rows:
        if row["year"] >= 2021:
            counts["later"] += 1
        elif row["source"] in barred:
            counts["quarantined"] += 1
        else:
            live.append(row)
    survivors = []
    for row in live:
        same_id = [other for other in live if (other["source"], other["id"]) == (row["source"], row["id"])]
        first = min(same_id, key=lambda other: (other["year"], document("a", "1", other["text"])["digest"]))
        if first["text"] == row["text"]:
            survivors.append(row)
        else:
            counts["quarantined"] += 1
    counts["kept"] = len({row["text"] for row in survivors})
    counts["duplicate"] = len(survivors) - counts["kept"]
    return counts


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=25), seed=st.integers(0, 100), shard_rows=st.integers(1, 7))
def test_classification_agrees_with_brute_force_whatever_the_layout(
    project: Project, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], seed: int, shard_rows: int
) -> None:
    digests = []
    for layout in range(2):
        store = Store(tmp_path_factory.mktemp("store"))
        order = list(rows)
        random.Random(seed * layout).shuffle(order)
        snapshots = {}
        for name, kind in KINDS.items():
            documents = [
                document(
                    name, row["id"], row["text"], kind=kind, authorship=row["authorship"],
                    collected_at=datetime(row["year"], 1, 2, tzinfo=UTC), raw_row=index,
                )
                for index, row in enumerate(order) if row["source"] == name
            ]  # fmt: skip
            snapshots[name] = snapshot_of(store, name, documents, shard_rows + layout)
        corpus, _ = assemble(project, project.calendar.at("2020"), snapshots, store)
        assert all(counts.balance == 0 for counts in corpus.sources.values())
        digests.append(corpus.documents)
        found = pl.read_parquet(corpus_table(store, "2020"))["status"].value_counts()
        counted = {"kept": 0, "duplicate": 0, "quarantined": 0, "later": 0, **dict(found.iter_rows())}
        assert counted == expected(rows, {"c": "use_not_permitted"})
    assert digests[0] == digests[1]
