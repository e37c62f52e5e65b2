"""Measuring shards: once, row by row, whatever happens in between."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_files import facts_name
from anchor_pipeline.facts.fact_sets import FactSet, fact_sets
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.text import TEXT, measure_text
from anchor_pipeline_tests.documents import document
from anchor_pipeline_tests.faults.faulty import FaultyFiles
from anchor_pipeline_tests.object_store import Bucket

LENGTHS = pa.schema([pa.field("length", pa.int64()), pa.field("id", pa.string())])


@dataclass(frozen=True)
class Lengths:
    """A fact set to be counted: every call leaves a line in `log`."""

    log: Path

    def __call__(self, batch: Batch) -> list[Any]:
        with self.log.open("a") as log:
            log.write(f"{batch.rows}\n")
        return [pa.array(np.diff(batch.offsets)), batch.column("doc_id")]


def lengths(tmp_path: Path, modality: str = "text", key: str = "lengths-1") -> FactSet:
    reads = ("doc_id", "text") if modality == "text" else ("doc_id", "payload")
    return FactSet(key, modality, LENGTHS, Lengths(tmp_path / f"{key}.log"), reads)


def shard_of(store: Store, rows: list[dict[str, Any]]) -> str:
    return store.write_shard(pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)).digest


def texts(store: Store, *values: str) -> str:
    return shard_of(store, [document("s", f"{n}", value) for n, value in enumerate(values)])


def test_facts_lie_beside_the_rows_they_are_of(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first, second = texts(store, "one two", "three"), texts(store, "four five six")
    assert measure_shards(store, [first, second], [TEXT, lengths(tmp_path)]) == [first, second]
    assert read_facts(store, first, "lengths-1").to_pydict() == {"length": [7, 5], "id": ["s/0", "s/1"]}
    assert read_facts(store, second, "text-1", ["words", "tokens"]).to_pydict() == {"words": [3], "tokens": [3]}
    assert store.exists(f"facts/text-1/{first[:2]}/{first}.parquet")
    assert store.list("tmp") == []


def test_only_what_is_missing_is_measured(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    one = texts(store, "one")
    measure_shards(store, [one], [lengths(tmp_path)])
    two = texts(store, "two", "three")
    old = store.read(facts_name(one, "lengths-1"))
    both = [lengths(tmp_path), lengths(tmp_path, key="other-1")]
    assert measure_shards(store, [one, two, one], both) == [one, two]
    assert (tmp_path / "lengths-1.log").read_text() == "1\n2\n"
    assert (tmp_path / "other-1.log").read_text() == "1\n2\n"
    assert store.read(facts_name(one, "lengths-1")) == old
    assert measure_shards(store, [one, two], both) == []


def test_rows_of_other_modalities_get_nulls(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    rows = [
        document("s", "a", "text"),
        document("s", "b", payload=b"\x89PNG", modality="image"),
        document("s", "c", "more text"),
        document("s", "d", payload=b"RIFF.", modality="audio"),
    ]
    shard = shard_of(store, rows)
    sets = [lengths(tmp_path), lengths(tmp_path, "audio", "audio-1"), lengths(tmp_path, "table", "table-1"), TEXT]
    measure_shards(store, [shard], sets)
    assert read_facts(store, shard, "lengths-1")["length"].to_pylist() == [4, None, 9, None]
    assert read_facts(store, shard, "audio-1")["length"].to_pylist() == [None, None, None, 5]
    assert read_facts(store, shard, "table-1")["id"].to_pylist() == [None] * 4
    minhash = read_facts(store, shard, "text-1")["minhash"]
    assert [value is None for value in minhash.to_pylist()] == [False, True, False, True]


def many(store: Store, shards: int = 3) -> list[str]:
    rng = np.random.default_rng(5)
    words = np.array(
        ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "then", "some", "more"]
    )
    return [
        texts(store, *(" ".join(rng.choice(words, rng.integers(0, 60))) + f" {n}" for _ in range(50)))
        for n in range(shards)
    ]


def test_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    alone, together = Store(tmp_path / "alone"), Store(tmp_path / "together")
    shards = many(alone)
    assert many(together) == shards
    measure_shards(alone, shards, [TEXT], workers=1)
    measure_shards(together, shards, [TEXT], workers=2)
    for shard in shards:
        name = facts_name(shard, "text-1")
        assert alone.read(name) == together.read(name)


def test_the_facts_of_row_groups_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    monkeypatch.setattr("anchor_pipeline.corpus.store.MOST_GROUP_ROWS", 7)
    shard = texts(store, *(f"{'x ' * n}end" for n in range(40)))
    assert pq.read_metadata(store.shard_path(shard)).num_row_groups == 6
    measure_shards(store, [shard], [TEXT, lengths(tmp_path)])
    assert read_facts(store, shard, "text-1")["words"].to_pylist() == list(range(1, 41))
    assert read_facts(store, shard, "lengths-1")["id"].to_pylist() == [f"s/{n}" for n in range(40)]


def test_a_shard_without_rows_has_facts_without_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    shard = shard_of(store, [])
    measure_shards(store, [shard], [TEXT])
    assert read_facts(store, shard, "text-1").num_rows == 0


def test_missing_damaged_and_misplaced_facts_are_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    one, two = texts(store, "one"), texts(store, "two", "three")
    with pytest.raises(DamagedData, match="these facts are missing; build again"):
        read_facts(store, one, "text-1")
    measure_shards(store, [one, two], [TEXT, lengths(tmp_path)])
    name = facts_name(one, "text-1")
    good = store.read(name)

    store.write(name, store.read(facts_name(two, "text-1")))
    with pytest.raises(DamagedData, match="other facts than its name says; delete it and build again"):
        read_facts(store, one, "text-1")
    store.write(name, store.read(facts_name(one, "lengths-1")))
    with pytest.raises(DamagedData, match="other facts than its name says"):
        read_facts(store, one, "text-1")
    table = pq.read_table(pa.BufferReader(good))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables([table, table]), sink)
    store.write(name, sink.getvalue().to_pybytes())
    with pytest.raises(DamagedData, match="has 2 rows, and its shard 1; delete it"):
        read_facts(store, one, "text-1")
    with pytest.raises(DamagedData, match="has 2 rows, and its shard 5"):
        read_facts(store, one, "text-1", rows=5)

    for damaged in (good[: len(good) // 2], b"", bytes(4096), good[:40] + bytes([good[40] ^ 1]) + good[41:]):
        store.write(name, damaged)
        with pytest.raises(DamagedData, match=r"cannot be read .*; delete it and build again"):
            read_facts(store, one, "text-1")
    store.path(name).unlink()
    measure_shards(store, [one, two], [TEXT])
    assert store.read(name) == good


def test_no_bit_of_the_facts_changes_unnoticed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (shard,) = many(store, 1)
    measure_shards(store, [shard], [TEXT])
    expected, name = read_facts(store, shard, "text-1"), facts_name(shard, "text-1")
    good = store.read(name)
    footer = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    noticed = 0
    for place in range(4, footer, 97):
        store.path(name).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            # What no reader looks at (the minor parts of a page's header) may differ.
            assert read_facts(store, shard, "text-1") == expected
        except DamagedData:
            noticed += 1
    assert noticed > footer / 97 * 0.9


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    shard = texts(store, "one")
    measure_shards(store, [shard], [TEXT])
    with pytest.raises(KeyError, match="no column 'perplexity'"):
        read_facts(store, shard, "text-1", ["perplexity"])


def test_a_missing_or_damaged_shard_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    shard = texts(store, "one")
    store.shard_path(shard).write_bytes(b"PAR1 no")
    with pytest.raises(DamagedData, match=rf"{shard}.parquet: the shard is missing or damaged .* ingest its source"):
        measure_shards(store, [shard], [TEXT])
    missing = hashlib.sha256(b"").hexdigest()
    with pytest.raises(DamagedData, match="the shard is missing or damaged"):
        measure_shards(store, [missing], [TEXT])
    assert store.list("facts") == []
    assert store.list("tmp") == []


@pytest.mark.parametrize("once", [True, False], ids=["once", "from then on"])
def test_after_a_failed_operation_every_file_is_whole_or_not_there(once: bool, tmp_path: Path) -> None:
    shards = many(Store(tmp_path / "good"), 2)
    good = Store(tmp_path / "good")
    measure_shards(good, shards, [TEXT])
    counting = FaultyFiles()
    store = Store(tmp_path / "counted", counting)
    many(store, 2)
    before = counting.count
    measure_shards(store, shards, [TEXT])
    assert counting.count > before
    for n in range(1, counting.count - before + 1):
        folder = tmp_path / f"{n}"
        many(Store(folder), 2)
        with pytest.raises(OSError, match="made up"):
            measure_shards(Store(folder, FaultyFiles(n, on=not once)), shards, [TEXT])
        store = Store(folder)
        for shard in shards:
            name = facts_name(shard, "text-1")
            assert store.find(name) in (None, good.read(name))
        measure_shards(store, shards, [TEXT])
        assert [store.read(facts_name(shard, "text-1")) for shard in shards] == [
            good.read(facts_name(shard, "text-1")) for shard in shards
        ]


def measure_slowly(batch: Batch) -> list[Any]:
    time.sleep(0.2)
    return [pa.array(np.diff(batch.offsets)), batch.column("doc_id")]


SLOW = FactSet("slow-1", "text", LENGTHS, measure_slowly, ("doc_id", "text"))
KILLED = """
import sys
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.facts.text import TEXT
from anchor_pipeline_tests.facts.test_measure import SLOW
measure_shards(Store(sys.argv[1]), sys.argv[3:], [TEXT, SLOW], workers=int(sys.argv[2]))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_leaves_whole_files_and_the_next_one_adds_the_rest(workers: int, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    shards = many(store, 6)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(store.root), str(workers), *shards])
    until = time.monotonic() + 60
    while not list(store.path("facts/slow-1").rglob("*.parquet")) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    time.sleep(1)  # processes that were at a shard finish it
    there = {path.stem for path in store.path("facts/slow-1").rglob("*.parquet")}
    assert 0 < len(there) < len(shards)
    for shard in there:
        assert read_facts(store, shard, "slow-1").num_rows == 50
    assert set(measure_shards(store, shards, [TEXT, SLOW], workers=1)) == set(shards) - there
    assert read_facts(store, shards[-1], "text-1").num_rows == 50


def test_an_error_of_a_fact_set_leaves_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    shard = texts(store, "one", "two")
    short = FactSet("short-1", "text", LENGTHS, lambda batch: [pa.array([1]), pa.array(["x"])])
    with pytest.raises(TypeError, match="short-1: expected 2 rows"):
        measure_shards(store, [shard], [lengths(tmp_path), short])
    assert store.list("facts") == []
    assert store.list("tmp") == []


def test_a_store_in_a_bucket_is_measured_as_well(bucket: Bucket, tmp_path: Path) -> None:
    store = Store.at(f"{bucket.url}/store")
    shards = many(store, 2)
    assert measure_shards(store, shards, [TEXT], workers=2) == shards
    assert measure_shards(store, shards, [TEXT]) == []
    local = Store(tmp_path / "local")
    many(local, 2)
    measure_shards(local, shards, [TEXT])
    for shard in shards:
        name = facts_name(shard, "text-1")
        assert bucket.get(f"store/{name}") == local.read(name)
        assert read_facts(store, shard, "text-1") == read_facts(local, shard, "text-1")


def test_sets_are_listed_by_kind_and_keys_are_unique(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert TEXT in fact_sets(store, "2025")
    assert fact_sets(store, "2025", ["text"]) == [TEXT]
    with pytest.raises(UsageError, match=r"no kind of facts 'tekst'; there are .*text"):
        fact_sets(store, "2025", ["tekst"])
    with pytest.raises(UsageError, match="the same key"):
        measure_shards(store, [], [TEXT, TEXT])
    with pytest.raises(ValueError, match="cannot be the key"):
        FactSet("../x", "text", LENGTHS, measure_text)
