"""Texts come back in the order in which they are asked for, from whatever shards and row groups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus import store as stores
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.corpus.texts import texts_of
from anchor_pipeline.errors import DamagedData

ROWS = 23


def shard(store: Store, name: str) -> str:
    fixed = {
        "payload": None, "source": "s", "kind": "anchor", "authorship": "human", "domain": "d", "modality": "text",
        "tokens": 2, "bytes": 9, "digest": "0" * 64, "collected_at": datetime(2021, 1, 1, tzinfo=UTC),
        "licence": "CC0-1.0", "generator": None, "family": None, "parents": [], "stratum": None, "raw_file": "f",
    }  # fmt: skip
    rows = [{**fixed, "doc_id": f"{name}/{n}", "text": f"{name} {n} é", "raw_row": n + 1} for n in range(ROWS)]
    return store.write_shard(pa.Table.from_pylist(rows, DOCUMENT_SCHEMA)).digest


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, str]]:
    store = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "MOST_GROUP_ROWS", 5)
        return store, {name: shard(store, name) for name in ("one", "two", "three")}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.integers(0, ROWS - 1)), max_size=40))
def test_texts_come_in_the_order_asked_for(shards: tuple[Store, dict[str, str]], wanted: list[tuple[str, int]]) -> None:
    store, digests = shards
    found = texts_of(store, [digests[name] for name, _ in wanted], [row for _, row in wanted])
    assert found.to_pylist() == [f"{name} {row} é" for name, row in wanted]


@pytest.mark.parametrize("row", [ROWS, -1])
def test_a_row_that_is_not_there_is_told(shards: tuple[Store, dict[str, str]], row: int) -> None:
    store, digests = shards
    with pytest.raises(DamagedData, match="has no row"):
        texts_of(store, [digests["one"]], [row])


def test_a_missing_or_damaged_shard_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = shard(store, "one")
    store.shard_path(digest).write_bytes(store.shard_path(digest).read_bytes()[:-7])
    for name in (digest, "0" * 64):
        with pytest.raises(DamagedData, match="missing or damaged"):
            texts_of(store, [name], [0])
