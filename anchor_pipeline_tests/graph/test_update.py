"""The graph and its store: what is new is added, once; kills, damage and other versions cost time and no answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from anchor_pipeline.corpus.snapshot import RawFile, SourceSnapshot, Unit, write_snapshot
from anchor_pipeline.corpus.store import Shard, Store
from anchor_pipeline.errors import DamagedData, Unavailable
from anchor_pipeline.graph import Graph, open_graph, update
from anchor_pipeline.graph.database import file_of
from anchor_pipeline_tests.graph.worlds import document, write_release, write_shard

_EVERYTHING = {
    "documents": "SELECT shards.digest, shard_row, doc_id, documents.digest, generator FROM documents JOIN shards "
    "USING (shard)",
    "parents": "SELECT child_id, parent FROM parents",
    "shards": "SELECT digest, source, documents, tokens FROM shards",
    "snapshots": "FROM snapshots",
    "snapshot_shards": "FROM snapshot_shards",
    "releases": "SELECT * EXCLUDE release FROM releases",
    "members": "SELECT folder, key, passes, tokens FROM members JOIN releases USING (release)",
}


def everything(graph: Graph) -> dict[str, list[Any]]:
    """What the tables say, whatever order it came in."""
    return {name: graph.connection.execute(f"{sql} ORDER BY ALL").fetchall() for name, sql in _EVERYTHING.items()}


def _grow(store: Store) -> list[Callable[[], object]]:
    """A store that grows, step by step."""
    first = [document("a/1"), document("a/2", parents=["1"]), document("b/1", generator="gpt@1", parents=["a/1", "9"])]
    second = [document("a/1", "changed"), document("b/2", generator="gpt@2", parents=["b/1"])]
    return [
        lambda: write_shard(store, first),
        lambda: write_release(store, first[:2]),
        lambda: _snapshot(store, write_shard(store, second)),
        lambda: write_release(store, [*second, second[0]], revision=2),
        lambda: _snapshot(store, write_shard(store, first)),
    ]


def _snapshot(store: Store, shard: str) -> None:
    file = RawFile(path="a.jsonl", size=1, version="1", sha256="0" * 64, unit="u", read=1, filtered=0, quarantined={})
    unit = Unit(id="u", files=("a.jsonl",), shards=(Shard(shard, 1, 1, 1),))
    write_snapshot(store, SourceSnapshot(source="a", settings=shard, files=(file,), units=(unit,)))


def test_step_by_step_it_becomes_what_it_is_when_built_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "steps")
    for step in _grow(store):
        step()
        with open_graph(store) as graph:
            assert graph.updated.troubles == []
            grown = everything(graph)
    with open_graph(store) as graph:
        assert graph.updated == update.Updated()
    file_of(store).unlink()
    with open_graph(store) as graph:
        assert graph.updated.rebuilt
        # Of the states of a source only the last one lies in the store; the graph remembers those it saw.
        built = everything(graph)
    assert len(grown["snapshots"]) == 2
    assert {name: rows for name, rows in built.items() if "snapshot" not in name} == {
        name: rows for name, rows in grown.items() if "snapshot" not in name
    }
    assert [row[-1] for row in built["releases"]] == [True, False]
    assert [row[2:] for row in grown["members"] if row[0].endswith("0002")].count((2, 24)) == 1


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    old = write_shard(store, [document("a/1")])
    open_graph(store).close()
    new = write_shard(store, [document("a/2")])
    asked: list[str] = []
    monkeypatch.setattr(Store, "local_shard", lambda self, digest: asked.append(digest) or self.shard_path(digest))
    with open_graph(store) as graph:
        assert graph.updated.shards == 1
    assert asked == [new] != [old]


def test_what_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = write_shard(store, [document("a/1")])
    broken = write_shard(store, [document("a/2")])
    folder = write_release(store, [document("a/1")])
    good = write_release(store, [document("a/1")], cycle="2021")
    data, part = store.shard_path(broken).read_bytes(), store.path(f"{folder}/data/train-00000-of-00001.parquet")
    store.shard_path(broken).write_bytes(data[:100])
    rows = part.read_bytes()
    part.unlink()
    store.write("sources/a/snapshot.json", b'{"source": 1}')
    store.write("mix/main/2022/0001/MANIFEST.json", b"{}")
    for _ in range(2):
        with open_graph(store) as graph:
            told = sorted(trouble.split(":")[0] for trouble in graph.updated.troubles)
            expected = [folder, "mix/main/2022/0001/MANIFEST.json", f"shard {broken}", "sources/a/snapshot.json"]
            assert told == sorted(expected)
            assert [one.folder for one in graph.releases_of(graph.documents_where("true"))] == [good]
            assert graph.connection.execute("SELECT digest FROM shards").fetchall() == [(whole,)]
    store.shard_path(broken).write_bytes(data)
    part.write_bytes(rows)
    with open_graph(store) as graph:
        assert (graph.updated.shards, graph.updated.releases, len(graph.updated.troubles)) == (1, 1, 2)


def test_a_release_that_is_another_one_now_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_shard(store, [document("a/1"), document("a/2")])
    folder = write_release(store, [document("a/1")])
    with open_graph(store) as graph:
        before = graph.releases_of(graph.documents_where("doc_id = 'a/1'"))
    # Put back from a backup that was older, the store went on from there.
    store.path(f"{folder}/MANIFEST.json").unlink()
    write_release(store, [document("a/2"), document("a/2")])
    with open_graph(store) as graph:
        assert graph.releases_of(graph.documents_where("doc_id = 'a/1'")) == []
        (after,) = graph.releases_of(graph.documents_where("doc_id = 'a/2'"))
    assert (after.folder, after.documents, after.tokens) == (folder, 1, 24)
    assert before[0].release != after.release


@pytest.mark.parametrize("damage", ["text", "cut", "other", "empty"])
def test_a_file_that_cannot_be_used_is_built_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    write_shard(store, [document("a/1")])
    open_graph(store).close()
    file = file_of(store)
    if damage == "text":
        file.write_bytes(b"no database" * 1000)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:9000])
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        with duckdb.connect(str(file)) as connection:
            connection.execute("UPDATE made_by SET duckdb = 'v0.0.1'")
    with open_graph(store) as graph:
        assert graph.updated.rebuilt
        assert len(graph.documents_where("true")) == 1


def test_it_can_be_read_as_it_was_but_not_before_it_was_built(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(DamagedData, match="build the lineage graph first"):
        open_graph(store, update=False)
    open_graph(store).close()
    write_shard(store, [document("a/1")])
    with open_graph(store, update=False) as graph:
        assert len(graph.documents_where("true")) == 0
        assert graph.update().shards == 1
        assert len(graph.documents_where("true")) == 1


def test_a_reader_that_stays_keeps_a_writer_out_and_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with open_graph(store):
        # Others may read beside it, as long as nothing is new.
        open_graph(store).close()
        write_shard(store, [document("a/1")])
        with pytest.raises(Unavailable, match="another process has been using the lineage graph"):
            open_graph(store, wait=0.2)
    with open_graph(store, wait=0.2) as graph:
        assert len(graph.documents_where("true")) == 1


def test_many_at_once_each_see_everything(tmp_path: Path) -> None:
    store = Store(tmp_path)
    counts: list[int] = []

    def work(number: int) -> None:
        write_shard(store, [document(f"a/{number}")])
        with open_graph(store) as graph:
            found = graph.documents_where("doc_id = ?", [f"a/{number}"])
            counts.append(len(found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 6


_KILLED = """
import os, sys
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph import open_graph, update
update._SHARDS = 1
left, note = int(sys.argv[2]), update._note
def killed(*arguments):
    global left
    note(*arguments)
    left -= 1
    if left == 0:
        os._exit(9)
update._note = killed
open_graph(Store(sys.argv[1]))
"""


@pytest.mark.parametrize("after", [1, 2, 5])
def test_killed_while_it_is_updated_it_goes_on_from_there(tmp_path: Path, after: int) -> None:
    store = Store(tmp_path)
    for number in range(4):
        write_shard(store, [document(f"a/{number}")])
    write_release(store, [document("a/1")])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), str(after)], env=environ, check=False)
    assert ended.returncode == 9
    with open_graph(store) as graph:
        # The transaction that was killed is gone, those before it are there.
        assert graph.updated.shards == max(0, 5 - after)
        assert not graph.updated.rebuilt
        assert len(everything(graph)["documents"]) == 4
        assert len(everything(graph)["members"]) == 1
