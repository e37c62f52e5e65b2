"""The corpus leaves out near-duplicates, keeps the copy of best provenance, and accounts for every row."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.corpus import Corpus, corpus_table
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.assemble import assemble
from anchor_pipeline.project import Project
from anchor_pipeline_tests.documents import document, project_at, snapshot_of

PROJECT = """
project: test
cycle: {cadence: yearly, start: 2000-01-01}
domains: {d: {}}
sources:
  a: {kind: anchor, domain: d, uri: a.jsonl}
  b: {kind: licensed, domain: d, uri: b.jsonl}
  s: {kind: synthetic, domain: d, uri: s.jsonl, generator: {name: g}}
stages: {s: {tokens: 100, domains: {d: 1}}}
"""
KINDS = {"a": "anchor", "b": "licensed", "s": "synthetic"}
TEXT = "The ferry left the harbour at nine and came back before the tide had turned, wet and late and full of people."


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_at(tmp_path / "project", PROJECT)


def built(
    project: Project, store: Store, rows: list[dict[str, Any]], earlier: tuple[Released, ...] = (), **layout: int
) -> tuple[Corpus, dict[str, tuple[str, str | None, str | None]]]:
    """The corpus of 2020 from these rows, and what became of each document."""
    sources = sorted({row["source"] for row in rows})
    snapshots = {
        name: snapshot_of(store, name, [row for row in rows if row["source"] == name], **layout) for name in sources
    }
    corpus, _ = assemble(project, project.calendar.at("2020"), snapshots, store, earlier=earlier)
    table = pl.read_parquet(corpus_table(store, "2020"))
    return corpus, {row["doc_id"]: (row["status"], row["reason"], row["duplicate_of"]) for row in table.to_dicts()}


def row(source: str, id: str, text: str, **fields: Any) -> dict[str, Any]:
    return document(source, id, text, kind=KINDS[source], **fields)


def test_the_copy_of_best_provenance_stays_within_and_across_sources(project: Project, tmp_path: Path) -> None:
    rows = [
        row("b", "1", TEXT.upper()),
        row("b", "2", TEXT + " Again."),
        row("b", "3", "Something else entirely, about ledgers and the price of rope in a small town."),
        row("a", "4", TEXT, collected_at=datetime(2020, 9, 1, tzinfo=UTC)),
        row("s", "5", TEXT.replace(",", ";"), authorship="synthetic"),
    ]
    corpus, found = built(project, Store(tmp_path / "store"), rows)
    near = ("duplicate", "near_duplicate", "a/4")
    assert found == {"a/4": ("kept", None, None), "b/1": near, "b/2": near, "b/3": ("kept", None, None), "s/5": near}
    assert corpus.sources["b"].duplicate == 2
    assert all(counts.balance == 0 for counts in corpus.sources.values())


def test_exact_copies_of_a_near_duplicate_point_to_the_copy_that_stays(project: Project, tmp_path: Path) -> None:
    rows = [row("b", "1", TEXT + " Again."), row("b", "2", TEXT + " Again."), row("a", "3", TEXT)]
    _, found = built(project, Store(tmp_path / "store"), rows)
    assert found["b/1"] == ("duplicate", "near_duplicate", "a/3")
    assert found["b/2"] == ("duplicate", "same_content", "a/3")


def test_other_modalities_keep_what_only_nearly_repeats(project: Project, tmp_path: Path) -> None:
    rows = [row("b", "1", TEXT, modality="table"), row("b", "2", TEXT + " Again.", modality="table")]
    rows += [row("b", "3", TEXT + " And again.")]
    _, found = built(project, Store(tmp_path / "store"), rows)
    assert {status for status, *_ in found.values()} == {"kept"}


def test_off_for_the_project_leaves_exact_copies_out_only(tmp_path: Path) -> None:
    rows = [row("b", "1", TEXT), row("b", "2", TEXT), row("b", "3", TEXT + " Again.")]
    digests = set()
    for name, setting in (("off", "off"), ("on", "{}"), ("strict", "{similarity: 0.99}")):
        project = project_at(tmp_path / name, PROJECT + f"rules: {{near_duplicates: {setting}}}\n")
        corpus, found = built(project, Store(tmp_path / "store"), rows)
        digests.add(corpus.inputs)
        assert found["b/2"] == ("duplicate", "same_content", "b/1")
        assert found["b/3"][0] == ("duplicate" if name == "on" else "kept")
    assert len(digests) == 3, "a corpus made with another setting is another corpus"


def test_a_document_of_an_earlier_release_stays_the_kept_copy(project: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    old = row("b", "old", TEXT)
    back_dated = row("b", "new", TEXT + " Again.", collected_at=datetime(2019, 1, 1, tzinfo=UTC))
    part = store.path("mix/s/2019/0001/data/train-00000-of-00001.parquet")
    part.parent.mkdir(parents=True)
    pq.write_table(pa.table({"doc_id": ["b/old"], "digest": [old["digest"]]}), part)
    release = Released("s", "2019", "f" * 64, ("mix/s/2019/0001/data/train-00000-of-00001.parquet",))
    _, found = built(project, store, [old, back_dated])
    assert found["b/old"] == ("duplicate", "near_duplicate", "b/new"), "without a release the earliest stays"
    _, found = built(project, store, [old, back_dated], earlier=(release,))
    assert found["b/new"] == ("duplicate", "near_duplicate", "b/old")
    _, found = built(project, store, [old, row("a", "anchor", TEXT + " Again.")], earlier=(release,))
    assert found["b/old"] == ("duplicate", "near_duplicate", "a/anchor"), "better provenance goes before"


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_every_row_has_one_status_whatever_the_layout_and_no_kept_text_nearly_repeats_another(
    project: Project, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    bases = [[f"w{chance.randrange(400)}" for _ in range(30)] for _ in range(6)]
    rows = []
    for at in range(40):
        text = list(chance.choice(bases))
        for _ in range(chance.choice([0, 0, 1, 1, 8])):
            text[chance.randrange(30)] = f"x{chance.randrange(50)}"
        when = datetime(2020, chance.randrange(1, 13), 1, tzinfo=UTC)
        rows.append(row(chance.choice("abs"), str(at), " ".join(text), collected_at=when))
    results = []
    for shard_rows in (1000, 7, 1):
        chance.shuffle(rows)
        results.append(built(project, Store(mkdtemp(dir=tmp_path)), rows, shard_rows=shard_rows))
    (corpus, found), *others = results
    assert all(other == found for _, other in others)
    assert all(other.documents == corpus.documents for other, _ in others)
    assert all(counts.balance == 0 for counts in corpus.sources.values())
    assert sum(counts.read for counts in corpus.sources.values()) == 40
    texts = {one["doc_id"]: one["text"] for one in rows}
    kept = [texts[name] for name, (status, *_) in found.items() if status == "kept"]
    grams = [{tuple(text.split()[at : at + 5]) for at in range(26)} for text in kept]
    for at, one in enumerate(grams):
        assert all(len(one & other) / len(one | other) < 0.8 for other in grams[:at])
    assert all(found[copy][0] == "kept" for *_, copy in found.values() if copy is not None)
