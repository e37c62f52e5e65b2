"""The graph of a store at a URL lies in the cache on this machine, and is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph import open_graph
from anchor_pipeline.graph.database import file_of
from anchor_pipeline_tests.graph.test_update import everything
from anchor_pipeline_tests.graph.worlds import document, write_release, write_shard
from anchor_pipeline_tests.object_store import Bucket


def test_a_store_at_a_url(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHOR_CACHE", str(tmp_path / "cache"))
    here, there = Store(tmp_path / "store"), Store.at(bucket.url + "/store")
    rows = [document("a/1"), document("a/2", parents=["a/1"])]
    write_shard(here, rows)
    folder = write_release(here, [*rows, rows[0]])
    for name in (here.path("shards")).rglob("*.parquet"):
        there.write(str(name.relative_to(here.root)), name.read_bytes())
    for name in ("data/train-00000-of-00001.parquet", "MANIFEST.json"):
        there.write(f"{folder}/{name}", here.read(f"{folder}/{name}"))
    told = []
    for store in (here, there):
        with open_graph(store) as graph:
            assert graph.updated.troubles == []
            told.append(everything(graph))
        with open_graph(store) as graph:
            assert not graph.updated.shards
    assert told[0] == told[1]
    assert file_of(there).is_relative_to(tmp_path / "cache")
    assert not there.exists("lineage/graph.duckdb")
