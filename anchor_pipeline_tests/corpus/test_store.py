"""Names in the store hold the old bytes or the new, whatever fails; shards are what their names say."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline_tests.documents import document


class FailingFiles(LocalFiles):
    """Fails at the n-th operation that changes the disk."""

    def __init__(self, at: int) -> None:
        self.left = at

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
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

    def link(self, source: Path, target: Path) -> None:
        self._count()
        super().link(source, target)


@pytest.mark.parametrize("at", range(1, 8))
def test_a_failed_write_leaves_the_old_bytes_or_the_new(tmp_path: Path, at: int) -> None:
    Store(tmp_path).write("name", b"old")
    store = Store(tmp_path, FailingFiles(at))
    try:
        store.write("name", b"new")
        assert at > 4
    except OSError:
        assert at <= 4
    assert store.read("name") == (b"new" if at > 4 else b"old")
    assert store.list("tmp") == []


def test_of_two_writers_of_a_new_name_one_wins(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.write_new("folder/name", b"first")
    assert not store.write_new("folder/name", b"second")
    assert store.read("folder/name") == b"first"


def test_a_shard_is_named_by_its_bytes_and_written_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = pa.Table.from_pylist([document("s", str(i), f"some words {i}") for i in range(10)], schema=DOCUMENT_SCHEMA)
    shard = store.write_shard(table)
    path = store.shard_path(shard.digest)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == shard.digest
    assert (shard.rows, shard.tokens) == (10, 30)
    written = path.stat().st_mtime_ns
    assert store.write_shard(table) == shard
    assert path.stat().st_mtime_ns == written


def test_a_committed_folder_keeps_its_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for content, wins in (("a", True), ("b", False)):
        staged = store.path(f"tmp/{content}")
        staged.mkdir(parents=True)
        (staged / "file").write_text(content)
        assert store.commit_folder(staged, "mix/1") is wins
    assert store.read("mix/1/file") == b"a"


def test_paths_do_not_lead_outside(tmp_path: Path) -> None:
    for name in ("../x", "/etc/passwd", "a/../../x"):
        with pytest.raises(ValueError, match="outside the store"):
            Store(tmp_path / "store").path(name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedData, match=r"nothing\.json"):
        Store(tmp_path).read("nothing.json")
