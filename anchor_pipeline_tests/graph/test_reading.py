"""The picture read from the graph of a store, against brute force over the rows themselves, and the command."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph import Graph
from anchor_pipeline.graph.asked import Asked
from anchor_pipeline.graph.folding import view
from anchor_pipeline.graph.picture import Picture
from anchor_pipeline.graph.reading import read_picture
from anchor_pipeline.graph.tables import create
from anchor_pipeline.graph.update import apply, news_of
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.graph.test_picture import must_be_whole
from anchor_pipeline_tests.graph.worlds import World, parents_of, reached, worlds
from anchor_pipeline_tests.projects import small_project

EXAMPLES = settings(max_examples=25, deadline=None)


def _picture(world: World, asked: Asked | None) -> Picture:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as connection:
        store = Store(Path(folder))
        world.write(store)
        create(connection)
        updated = apply(store, connection, news_of(store, connection))
        return read_picture(Graph(store, connection, updated, 0), asked)


def _documents(rows: list[dict[str, object]]) -> dict[str, set[tuple[object, object]]]:
    """Documents by source."""
    found: dict[str, set[tuple[object, object]]] = defaultdict(set)
    for row in rows:
        found[str(row["source"])].add((row["doc_id"], row["digest"]))
    return found


@EXAMPLES
@given(world=worlds())
def test_a_source_stands_for_every_document_once(world: World) -> None:
    picture = _picture(world, None)
    must_be_whole(picture, view(picture))
    expected = {source: len(documents) for source, documents in _documents(world.rows).items()}
    assert {node.name: node.count.documents for node in picture.column("source")} == expected
    assert all(node.picked is None for node in picture.nodes)


@EXAMPLES
@given(world=worlds(), data=st.data())
def test_what_belongs_to_a_source_is_what_brute_force_finds(world: World, data: st.DataObject) -> None:
    asked = data.draw(st.sampled_from(sorted({str(row["source"]) for row in world.rows})))
    picture = _picture(world, Asked("source", asked))
    must_be_whole(picture, view(picture))
    parents = {child: {one for ids in own.values() for one in ids} for child, own in parents_of(world.rows).items()}
    children: dict[str, set[str]] = defaultdict(set)
    for child, own in parents.items():
        for parent in own:
            children[parent].add(child)
    start = {str(row["doc_id"]) for row in world.rows if row["source"] == asked}
    up, down = (start | {found for one in start for found in reached(ways, one)} for ways in (parents, children))
    expected = {
        source: n
        for source, documents in _documents(world.rows).items()
        if (n := sum(doc_id in up | down for doc_id, _ in documents))
    }
    assert {n.name: n.picked.documents for n in picture.column("source") if n.picked is not None} == expected
    held = {node.name: node.picked.documents for node in picture.column("mix") if node.picked is not None}
    for cycle, rows in world.releases.items():
        documents = {(row["doc_id"], row["digest"]) for row in rows}
        assert held.get(f"main/{cycle}/1", 0) == sum(doc_id in down for doc_id, _ in documents)


@pytest.mark.parametrize(
    ("option", "value", "title"),
    [(None, "", "the whole project"), ("--release", "lawful/2020", "release lawful/2020"),
     ("--source", "drafts", "source drafts"), ("--generator", "scribe", "generator scribe"),
     ("--document", "logbooks/log1", "document logbooks/log1")],
)  # fmt: skip
def test_the_command_writes_the_page(
    built: Path, tmp_path: Path, anchor: Run, option: str | None, value: str, title: str
) -> None:
    file = tmp_path / "lineage.html"
    code, out, err = anchor("lineage", "graph", built, *((option, value) if option else ()), "-o", file)
    assert (code, err) == (0, "")
    assert title in out
    page = file.read_text()
    assert f"Lineage of {title}, small" in page
    assert "drafts.jsonl" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--release", "lawful/1999"), "are `lawful/2020`"), (("--source", "nobody"), "`drafts`, `gazette`, `logbooks`"),
     (("--generator", "nobody"), "there are `scribe@1`"), (("--document", "nobody"), "SOURCE/ID"),
     (("--document", "a", "--source", "b"), "exclude each other")],
)  # fmt: skip
def test_the_command_says_what_there_is(
    built: Path, tmp_path: Path, anchor: Run, options: tuple[str, ...], said: str
) -> None:
    code, _, err = anchor("lineage", "graph", built, *options, "-o", tmp_path / "lineage.html")
    assert code == 2
    assert said in err
    assert not (tmp_path / "lineage.html").exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with a release of 2020."""
    from anchor_pipeline import steps
    from anchor_pipeline.project import load_project

    project = load_project(small_project(tmp_path_factory.mktemp("small")))
    place = steps.Workplace(project)
    cycle = project.calendar.at("2020")
    for name in steps.ingest_order(project):
        steps.ingest(place, name, cycle)
    steps.assemble_corpus(place, cycle)
    for stage in ("lawful", "greedy"):
        steps.select_stage(place, stage, cycle)
    steps.release(place, "lawful", cycle)
    return project.path
