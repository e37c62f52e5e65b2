"""What the graph answers, against brute force over the rows themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.graph import Graph, ancestors, descendants, open_graph
from anchor_pipeline.graph.tables import create
from anchor_pipeline.graph.update import apply, news_of
from anchor_pipeline.rules.ancestry import Ancestry, walk
from anchor_pipeline_tests.graph.worlds import World, document, origins_of, parents_of, reached, worlds

EXAMPLES = settings(max_examples=25, deadline=None)


@contextmanager
def _opened(world: World) -> Iterator[Graph]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        world.write(store)
        # In memory: a file of its own for every example would take most of the time.
        with duckdb.connect(config={"threads": 1}) as connection:
            create(connection)
            updated = apply(store, connection, news_of(store, connection))
            assert updated.troubles == []
            yield Graph(store, connection, updated, 0)


def _documents(graph: Graph, keys: Any) -> set[tuple[str, str]]:
    rows = graph.connection.execute("SELECT key, doc_id, digest FROM documents").fetchall()
    wanted = set(keys.tolist())
    return {(doc_id, digest) for key, doc_id, digest in rows if key in wanted}


def _edges(world: World, *, possible: bool) -> dict[str, set[str]]:
    """By document: what it may descend from, or surely does."""
    named = parents_of(world.rows)
    return {
        child: {id for ids in own.values() if possible or len(ids) == 1 for id in ids} for child, own in named.items()
    }


@EXAMPLES
@given(world=worlds(), data=st.data(), levels=st.sampled_from([0, 1, 6]))
def test_descendants_are_those_that_brute_force_finds(world: World, data: st.DataObject, levels: int) -> None:
    start = data.draw(st.sampled_from(world.rows))
    possible = data.draw(st.booleans())
    above = _edges(world, possible=possible)
    expected = set()
    for row in world.rows:
        # A row descends by its own parents; those above it may be of any content.
        named = parents_of([*world.rows])[row["doc_id"]]
        own = {id for parent in row["parents"] if possible or len(named[parent]) == 1 for id in named[parent]}
        if any(id == start["doc_id"] or start["doc_id"] in reached(above, id) for id in own):
            expected.add((row["doc_id"], row["digest"]))
    with _opened(world) as graph, patch.object(descendants, "LEVELS", levels):
        keys = graph.documents_where("doc_id = ? AND digest = ?", [start["doc_id"], start["digest"]])
        assert len(keys) == 1
        assert _documents(graph, graph.descendants(keys, possible=possible)) == expected


@EXAMPLES
@given(world=worlds(), data=st.data(), levels=st.sampled_from([0, 1, 6]))
def test_ancestry_is_what_brute_force_finds(world: World, data: st.DataObject, levels: int) -> None:
    doc_id = data.draw(st.sampled_from(world.rows))["doc_id"]
    possible, certain = _edges(world, possible=True), _edges(world, possible=False)
    above = reached(possible, doc_id)
    with _opened(world) as graph, patch.object(ancestors, "LEVELS", levels):
        found = graph.ancestry(doc_id)
    assert {one.doc_id for one in found.ancestors} == above - {doc_id}
    assert found.circular == (doc_id in above)
    assert {one.doc_id for one in found.ancestors if one.certain} == reached(certain, doc_id) - {doc_id}
    assert {one.doc_id for one in found.ancestors if one.circular} == {
        id for id in above - {doc_id} if id in reached(possible, id)
    }
    steps = {(child, id) for child in {doc_id, *above} for id in possible.get(child, ())}
    assert {(step.child, step.parent) for step in found.steps} == steps
    named = parents_of(world.rows)
    lost = {(child, parent) for child in {doc_id, *above} for parent, ids in named[child].items() if not ids}
    assert set(found.dangling) == lost


@EXAMPLES
@given(world=worlds(), data=st.data())
def test_releases_are_those_that_hold_the_documents(world: World, data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.sampled_from(world.rows), unique_by=lambda row: (row["doc_id"], row["digest"])))
    wanted = {(row["doc_id"], row["digest"]) for row in asked}
    expected = []
    for cycle, rows in sorted(world.releases.items()):
        held = [row for row in rows if (row["doc_id"], row["digest"]) in wanted]
        if held:
            documents = len({(row["doc_id"], row["digest"]) for row in held})
            expected.append((cycle, documents, sum(row["tokens"] for row in held)))
    with _opened(world) as graph, patch("anchor_pipeline.graph.questions._FEW", data.draw(st.sampled_from([0, 64]))):
        parts = [graph.documents_where("doc_id = ? AND digest = ?", list(one)) for one in sorted(wanted)]
        keys = sorted({int(key) for part in parts for key in part})
        found = graph.releases_of(graph.documents_where("list_contains(?::UBIGINT[], key)", [keys]))
    assert [(one.cycle, one.documents, one.tokens) for one in found] == expected


@EXAMPLES
@given(world=worlds())
def test_origins_are_what_following_every_path_gives(world: World) -> None:
    with _opened(world) as graph:
        numbers = graph.connection.execute("SELECT cycle, release FROM releases ORDER BY ALL").fetchall()
        found = {cycle: graph.origins(number) for cycle, number in numbers}
    assert set(found) == set(world.releases)
    for cycle, origins in found.items():
        expected = origins_of(world, cycle)
        given_tokens = {(one.modality, one.kind, one.name): one.tokens for one in origins if one.tokens}
        assert given_tokens == {key: pytest.approx(float(amount), abs=1e-5) for key, amount in expected.items()}
        whole = sum(expected.values(), Fraction())
        if whole:
            assert sum(one.share for one in origins) == pytest.approx(1)


@EXAMPLES
@given(world=worlds())
def test_generations_and_self_feeding_agree_with_the_rule(world: World) -> None:
    ids = sorted({row["doc_id"] for row in world.rows})
    line = {id: min((_line(row) for row in world.rows if row["doc_id"] == id and _line(row)), default="") for id in ids}
    bits = {name: 1 << number for number, name in enumerate(sorted({*line.values()} - {""}))}
    graph = Ancestry(
        number={id: number for number, id in enumerate(ids)},
        line=[bits.get(line[id], 0) for id in ids],
        generated=[bool(line[id]) for id in ids],
    )
    edges = _edges(world, possible=True)
    parents = [tuple(graph.number[other] for other in sorted(edges.get(id, ()))) for id in ids]
    limit = 1000
    deep = walk(graph, parents, limit).depth
    with _opened(world) as opened:
        found = opened.generators()
    keys = {(row["doc_id"], row["digest"]): row for row in world.rows if _line(row)}
    for one in found:
        mine = [row for row in keys.values() if _line(row) == one.name]
        assert (one.documents, one.tokens) == (len(mine), sum(row["tokens"] for row in mine))
        circular = [row for row in mine if deep[graph.number[row["doc_id"]]] == limit]
        assert one.circular_documents == len(circular)
        assert one.generation == (None if circular else max(deep[graph.number[row["doc_id"]]] for row in mine))
        fed = [
            row for row in mine
            if line[row["doc_id"]] in {line[other] for other in reached(edges, row["doc_id"])}
        ]  # fmt: skip
        assert (one.self_fed_documents, one.self_fed_tokens) == (len(fed), sum(row["tokens"] for row in fed))
    assert {one.name for one in found} == {_line(row) for row in keys.values()}


def _line(row: dict[str, Any]) -> str:
    return (row["generator"] or "").split("@")[0]


def test_a_long_line_of_descent_and_a_long_circle_end(tmp_path: Path) -> None:
    chain = [
        document(f"a/{n}", parents=[f"a/{n + 1}"] if n < 2999 else [], generator=f"g{n % 100}@1") for n in range(3000)
    ]
    circle = [document(f"c/{n}", parents=[f"c/{(n + 1) % 500}"], generator="me@1") for n in range(500)]
    world = World([chain, circle], {"2020": [chain[0], circle[0]]})
    with _opened(world) as graph:
        assert len(graph.ancestry("a/0").ancestors) == 2999
        assert len(graph.descendants(graph.documents_where("doc_id = 'a/2999'"))) == 2999
        above = graph.ancestry("c/7")
        assert above.circular
        assert len(above.ancestors) == 499
        lines = {one.name: one for one in graph.generators()}
        assert (lines["me"].generation, lines["me"].circular_documents, lines["me"].self_feeding) == (None, 500, 1.0)
        # Each of the first 2,900 has one of its own line 100 documents above it.
        assert sum(one.self_fed_documents for name, one in lines.items() if name != "me") == 2900
        assert max(one.generation or 0 for one in lines.values()) == 3000
        told = {(one.kind, one.name): one.tokens for one in graph.origins(0)}
        assert told == {("generator", "g99"): 12, ("unknown", "made from itself"): 12}


def test_there_is_no_such_release(tmp_path: Path) -> None:
    with open_graph(Store(tmp_path)) as graph:
        assert graph.releases_of(graph.documents_where("true")) == []
        assert graph.generators() == []
        with pytest.raises(UsageError, match="no release of number 7"):
            graph.origins(7)
