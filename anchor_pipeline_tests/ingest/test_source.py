"""Ingest of a source over time: only what is new is read, what is gone no longer counts, a crash changes nothing."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.snapshot import SourceSnapshot, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest import source as source_module
from anchor_pipeline.ingest import units
from anchor_pipeline.ingest.readers import base, streams
from anchor_pipeline.ingest.readers.jsonl import JsonlReader
from anchor_pipeline.ingest.source import ingest_source
from anchor_pipeline_tests.ingest.support import check_conservation, declare, documents, ingest, quarantined


def write(path: Path, *texts: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


class Source:
    """A source of JSON lines in a folder, ingested again and again; `parsed` are the files read the last time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **declared: Any) -> None:
        self.folder = folder
        self.parsed: list[str] = []
        self.declare(**declared)
        self.store = Store(self.project.store_path)
        plain = JsonlReader.read

        def watched(reader: JsonlReader, file: base.RawFile, wanted: base.Wanted) -> Any:
            self.parsed.append(file.name)
            return plain(reader, file, wanted)

        monkeypatch.setattr(JsonlReader, "read", watched)

    def declare(self, **declared: Any) -> None:
        self.project = declare(self.folder, **{"uri": "in", "format": "jsonl", **declared})

    def ingest(self) -> SourceSnapshot:
        self.parsed.clear()
        snapshot = ingest_source(self.project, "s", self.store)
        assert read_snapshot(self.store, "s") == snapshot
        assert self.store.list("tmp") == []
        check_conservation(snapshot, documents(self.store, snapshot), quarantined(self.store, snapshot))
        return snapshot

    def texts(self, snapshot: SourceSnapshot) -> list[str]:
        return sorted(row["text"] for row in documents(self.store, snapshot))


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    for name in "abc":
        write(tmp_path / f"in/{name}.jsonl", f"{name} 1", None, f"{name} 2")
    return Source(tmp_path, monkeypatch)


def test_small_files_share_a_unit(three: Source) -> None:
    snapshot = three.ingest()
    assert len(snapshot.units) == 1
    assert len(snapshot.units[0].shards) == 1
    assert (snapshot.read, snapshot.quarantined) == (9, {"null_text": 3})


def test_what_is_unchanged_is_not_read(three: Source) -> None:
    first = three.ingest()
    before = {path: path.stat().st_mtime_ns for path in three.store.root.rglob("*") if path.is_file()}
    assert three.ingest() == first
    assert three.parsed == []
    assert {path: path.stat().st_mtime_ns for path in three.store.root.rglob("*") if path.is_file()} == before


def test_a_new_time_alone_is_no_change(three: Source) -> None:
    first = three.ingest()
    os.utime(three.folder / "in/b.jsonl", (1, 1))
    second = three.ingest()
    assert three.parsed == []
    assert second.digest == first.digest
    assert second.units == first.units
    assert three.ingest() == second


def test_changed_new_and_vanished_files(three: Source) -> None:
    first = three.ingest()
    write(three.folder / "in/b.jsonl", "b new")
    second = three.ingest()
    assert three.parsed == ["b.jsonl"]
    assert three.texts(second) == ["a 1", "a 2", "b new", "c 1", "c 2"]
    assert (second.read, second.quarantined) == (7, {"null_text": 2})
    assert second.masked() == [(first.units[0].shards[0].digest, "b.jsonl")]
    (three.folder / "in/a.jsonl").unlink()
    write(three.folder / "in/d.jsonl", "d 1")
    third = three.ingest()
    assert three.parsed == ["d.jsonl"]
    assert three.texts(third) == ["b new", "c 1", "c 2", "d 1"]
    (three.folder / "in/c.jsonl").unlink()
    fourth = three.ingest()
    assert three.texts(fourth) == ["b new", "d 1"]
    assert first.units[0] not in fourth.units  # nothing of it is left
    for name in "abc":
        write(three.folder / f"in/{name}.jsonl", f"{name} 1", None, f"{name} 2")
    (three.folder / "in/d.jsonl").unlink()
    assert three.ingest().digest == first.digest  # back where we were, by another way


def test_a_changed_file_of_the_same_size_and_time(three: Source) -> None:
    three.ingest()
    path = three.folder / "in/a.jsonl"
    stat = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes().replace(b"a 1", b"a 9"))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert "a 9" in three.texts(three.ingest())


def test_other_settings_read_everything_again(three: Source) -> None:
    first = three.ingest()
    three.declare(steward="somebody@example.org", expectations=[{"type": "x"}], risk="low")
    assert three.ingest() == first  # these do not change a shard
    assert three.parsed == []
    for change in (
        {"max_bytes": 100},
        {"where": "text IS NOT NULL"},
        {"kind": "anchor"},
        {"domain": "e"},
        {"fields": {"licence": "MIT"}},
        {"fields": {"collected_at": "2021-01-01"}},
        {"rules": {"licence": {"allow": ["CC0-1.0"]}}},
        {"generator": {"name": "g"}},
    ):
        three.declare(**change)
        assert three.ingest().settings != first.settings, change
        assert three.parsed == ["a.jsonl", "b.jsonl", "c.jsonl"], change


def test_shards_are_the_same_however_they_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        # Enough text that Parquet makes several pages of it, which it cuts where the batches end.
        write(tmp_path / f"in/{name}.jsonl", *(f"{name} {at} {at * 7919} " * 20 for at in range(2000)))

    def shards(folder: str) -> Any:
        project = declare(tmp_path / folder, uri=str(tmp_path / "in"), format="jsonl")
        snapshot = ingest_source(project, "s", Store(project.store_path))
        return snapshot.units

    whole = shards("one")
    monkeypatch.setattr(streams, "BLOCK", 20_000)
    monkeypatch.setattr(units, "BATCH_BYTES", 50_000)
    assert shards("two") == whole


def test_large_files_are_units_and_shards_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "GROUP_BYTES", 3000)
    monkeypatch.setattr(units, "SHARD_BYTES", 5000)
    monkeypatch.setattr(units, "BATCH_BYTES", 500)
    monkeypatch.setattr(streams, "BLOCK", 1000)
    write(tmp_path / "in/a.jsonl", "a")
    write(tmp_path / "in/b.jsonl", *(f"b {at}" for at in range(300)))
    write(tmp_path / "in/c.jsonl", "c")
    write(tmp_path / "in/d.jsonl", "d")
    snapshot, kept, _ = ingest(tmp_path, uri="in", format="jsonl")
    assert [unit.files for unit in snapshot.units] == [("a.jsonl",), ("b.jsonl",), ("c.jsonl", "d.jsonl")]
    assert len(snapshot.units[1].shards) > 2
    assert [row["text"] for row in kept] == ["a", *(f"b {at}" for at in range(300)), "c", "d"]


@pytest.mark.parametrize("batch", [200, 10**6])
def test_a_broken_file_is_taken_back_whatever_went_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Its rows may already stand in a shard, its rejects in the spool."""
    monkeypatch.setattr(units, "SHARD_BYTES", 2000)
    monkeypatch.setattr(units, "BATCH_BYTES", batch)
    monkeypatch.setattr("anchor_pipeline.ingest.quarantine._IN_MEMORY", 1000)
    monkeypatch.setattr(streams, "BLOCK", 200)
    lines = "".join(json.dumps({"text": text}) + "\n" for at in range(300) for text in (f"b {at}", None, "")).encode()
    write(tmp_path / "in/a.jsonl", *(["a", None, "", "x"] * 50))
    (tmp_path / "in/b.jsonl.gz").write_bytes(gzip.compress(lines)[:-9])
    write(tmp_path / "in/c.jsonl", *(["c", None, "", "x"] * 50))
    snapshot, kept, rejected = ingest(tmp_path, uri="in", format="jsonl")
    assert [entry.path for entry in snapshot.unreadable] == ["b.jsonl.gz"]
    assert [row["text"] for row in kept] == [*(["a", "x"] * 50), *(["c", "x"] * 50)]
    assert [row["raw_file"] for row in rejected] == ["a.jsonl"] * 100 + ["c.jsonl"] * 100
    check_conservation(snapshot, kept, rejected)
    (tmp_path / "in/b.jsonl.gz").write_bytes(gzip.compress(lines))  # fetched again
    snapshot, kept, rejected = ingest(tmp_path, uri="in", format="jsonl")
    assert snapshot.unreadable == ()
    assert (len(kept), len(rejected)) == (500, 800)
    check_conservation(snapshot, kept, rejected)


def test_a_file_that_changes_while_it_is_read(three: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = JsonlReader.read

    def meddled(reader: JsonlReader, file: base.RawFile, wanted: base.Wanted) -> Any:
        yield from watched(reader, file, wanted)
        if file.name == "b.jsonl":
            write(file.path, "something else")

    monkeypatch.setattr(JsonlReader, "read", meddled)
    snapshot = three.ingest()
    assert three.texts(snapshot) == ["a 1", "a 2", "c 1", "c 2"]
    assert "changed while it was read" in snapshot.unreadable[0].message


def test_a_disk_that_fails_on_the_way(three: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = JsonlReader.read

    def failing(reader: JsonlReader, file: base.RawFile, wanted: base.Wanted) -> Any:
        yield from watched(reader, file, wanted)
        if file.name == "b.jsonl":
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(JsonlReader, "read", failing)
    snapshot = three.ingest()
    assert three.texts(snapshot) == ["a 1", "a 2", "c 1", "c 2"]
    assert "cannot be read on: [Errno 5] Input/output error" in snapshot.unreadable[0].message


class Faulty(LocalFiles):
    """Fails at the n-th operation."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")

    def create(self, path: Path, *, append: bool = False) -> BinaryIO:
        self._count()
        return super().create(path, append=append)

    def write(self, file: BinaryIO, data: bytes) -> None:
        self._count()
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        self._count()
        super().sync(file)

    def replace(self, source: Path, target: Path) -> None:
        self._count()
        super().replace(source, target)


def test_a_crash_leaves_the_old_snapshot(three: Source) -> None:
    first = three.ingest()
    write(three.folder / "in/b.jsonl", "b new", None)
    failed = 0
    while True:
        root = three.folder / f"store {failed}"
        shutil.copytree(three.store.root, root)
        store, sound = Store(root, Faulty(failed)), Store(root)
        try:
            second = ingest_source(three.project, "s", store)
            break
        except OSError:
            assert read_snapshot(sound, "s") == first
            assert sorted(row["text"] for row in documents(sound, first)) == ["a 1", "a 2", "b 1", "b 2", "c 1", "c 2"]
            failed += 1
    assert failed == 11  # shard, snapshot: create, write, sync, replace; quarantine: the same without write
    assert read_snapshot(sound, "s") == second
    assert sorted(row["text"] for row in documents(sound, second)) == ["a 1", "a 2", "b new", "c 1", "c 2"]


def test_ten_thousand_little_files(tmp_path: Path) -> None:
    for at in range(1500):
        path = tmp_path / f"in/{at % 10}/{at}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text {at}")
    seen: list[tuple[str, int, int]] = []
    project = declare(tmp_path, uri="in", where="path NOT LIKE '9/%'")
    snapshot = ingest_source(project, "s", Store(project.store_path), progress=lambda *step: seen.append(step))
    assert (len(snapshot.files), snapshot.read, snapshot.filtered) == (1500, 1350, 150)
    assert sum(len(unit.shards) for unit in snapshot.units) == 1
    assert len(seen) == 1500
    assert seen[-1][1] == seen[-1][2]


def test_empty_files_are_no_fault(tmp_path: Path) -> None:
    write(tmp_path / "in/a.jsonl")
    snapshot, kept, _ = ingest(tmp_path, uri="in", format="jsonl")
    assert (snapshot.unreadable, kept, snapshot.read) == ((), [], 0)
    assert [file.path for file in snapshot.files] == ["a.jsonl"]


def test_a_wrong_where_is_refused_before_anything_is_read(three: Source) -> None:
    three.declare(where="text = 'a'; DROP TABLE x")
    with pytest.raises(UsageError, match="source s: `where: text = 'a'; DROP TABLE x` is refused"):
        three.ingest()
    assert three.parsed == []


def test_generated_text_is_passed_by_address(three: Source) -> None:
    write(three.folder / "made.jsonl", "a b")
    store, address = three.store, str(three.folder / "made.jsonl")
    generated = three.project.sources["s"].model_copy(update={"uri": None, "format": None})
    project = three.project.model_copy(update={"sources": {"s": generated}})
    with pytest.raises(UsageError, match="source s is generated"):
        ingest_source(project, "s", store)
    assert ingest_source(project, "s", store, uri=address).read == 1


def test_quarantine_reads_with_other_tools(three: Source) -> None:
    import duckdb
    import polars as pl

    snapshot = three.ingest()
    path = three.store.path(snapshot.units[0].quarantine or "")
    assert pl.read_parquet(path)["reason"].to_list() == ["null_text"] * 3
    assert duckdb.read_parquet(str(path)).filter("raw_row = 2").count("*").fetchall() == [(3,)]
    assert pq.read_table(path).num_rows == 3
