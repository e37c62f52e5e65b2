"""A recall names exactly the releases that hold what it means: the graph against plain Python."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.recalls import Target
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.recall.find import Found, find
from anchor_pipeline.recall.plan import make_plan
from anchor_pipeline_tests.mix.releases import world
from anchor_pipeline_tests.recall.worlds import Row, meant, rows, targets

Released = dict[tuple[str, int], tuple[str, list[Row]]]
"""By cycle and revision: mix digest and documents."""


def releases_of(folder: Path, listed: Sequence[Row], seed: int) -> tuple[Store, Released]:
    """A store in which some of the documents are released, in two cycles with up to two revisions each."""
    chance = random.Random(seed)
    store = Store(folder / "store")
    found: Released = {}
    for number in range(chance.randrange(1, 5)):
        unique = {row["doc_id"]: row for row in chance.sample(list(listed), len(listed))}
        some = chance.sample(list(unique.values()), chance.randrange(1, len(unique) + 1))
        made = world(folder / str(number), some, store=store, shard_rows=3, repeat=chance.choice((1, 2)))
        release = made.release(chance.choice(("2020", "2021")))
        found[release.manifest.cycle, release.revision] = release.digest, some
    # Documents that no mix holds are recorded as well.
    world(folder / "rest", list({row["doc_id"]: row for row in listed}.values()), store=store, shard_rows=2)
    return store, found


def recorded(store: Store) -> set[tuple[str, str]]:
    with open_graph(store) as graph:
        return set(graph.connection.execute("SELECT DISTINCT doc_id, digest FROM documents").fetchall())


def check(found: Found, target: Target, listed: Sequence[Row], released: Released) -> None:
    expected = meant(target, listed)
    assert set(found.digests) == {digest for _, digest in expected}
    assert found.documents == len(expected)
    holding = {}
    for (cycle, revision), (digest, some) in released.items():
        inside = [row for row in some if (row["doc_id"], row["digest"]) in expected]
        if inside:
            holding[cycle, revision] = digest, len(inside)
    assert {(one.cycle, one.revision): (one.digest, one.documents) for one in found.releases} == holding


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), number=st.integers(2, 14))
def test_exactly_the_releases_that_hold_it_are_named(seed: int, number: int) -> None:
    listed = rows(seed, number)
    folder = Path(tempfile.mkdtemp())
    try:
        store, released = releases_of(folder, listed, seed)
        known = recorded(store)
        present = [row for row in listed if (row["doc_id"], row["digest"]) in known]
        with open_graph(store) as graph:
            for target in targets(present):
                check(find(graph, store, target), target, present, released)
    finally:
        shutil.rmtree(folder)


def test_a_release_whose_shards_are_lost_is_named_all_the_same(tmp_path: Path) -> None:
    listed = [row for row in rows(5, 20) if not row["parents"]]
    store, released = releases_of(tmp_path, listed, 3)
    shutil.rmtree(store.path("shards"))
    holders = {name: some for name, (_, some) in released.items()}
    with open_graph(store) as graph:
        for target in (one for one in targets(listed) if one.by != "generator"):
            direct = {"document": "doc_id", "source": "source"}.get(target.by)
            if direct is None:
                continue
            expected = {name for name, some in holders.items() if any(row[direct] == target.value for row in some)}
            assert {(one.cycle, one.revision) for one in find(graph, store, target).releases} >= expected


def test_what_was_found_once_is_found_by_its_digests(tmp_path: Path) -> None:
    listed = rows(11, 14)
    store, _ = releases_of(tmp_path, listed, 11)
    with open_graph(store) as graph:
        target = Target(by="document", value=listed[0]["doc_id"])
        first = find(graph, store, target)
        gone = Target(by="document", value="nobody/knows")
        assert find(graph, store, gone).digests == ()
        again = find(graph, store, gone, first.digests)
        assert {one.digest for one in again.releases} >= {one.digest for one in first.releases}


def test_a_shard_is_named_by_enough_of_its_digits(tmp_path: Path) -> None:
    listed = rows(2, 10)
    store, _ = releases_of(tmp_path, listed, 2)
    with open_graph(store) as graph:
        digest, number = graph.connection.execute("SELECT digest, documents FROM shards ORDER BY digest").fetchall()[0]
        found = find(graph, store, Target(by="shard", value=digest[:8]))
        assert found.documents >= number
        with pytest.raises(UsageError, match="at least 8 digits"):
            find(graph, store, Target(by="shard", value=digest[:3]))
        for value in ("0" * 64, "../../etc/passwd", "%", "'; DROP TABLE documents; --"):
            with pytest.raises(UsageError, match="never recorded"):
                make_plan(graph, store, Target(by="shard", value=value), "why")
            with pytest.raises(UsageError, match="never recorded"):
                make_plan(graph, store, Target(by="document", value=value), "why")
        later = make_plan(graph, store, Target(by="source", value="not yet"), "why")
        assert (later.found.documents, later.rebuilds) == (0, ())
