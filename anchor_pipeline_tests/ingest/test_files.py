"""Which raw files a uri names, on any file system."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest import files
from anchor_pipeline.ingest.files import list_files, without_credentials
from anchor_pipeline.ingest.readers.base import UnreadableFile
from anchor_pipeline_tests.ingest.support import ingest

LINE = b'{"text": "a b"}\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl", "x/c.jsonl.gz", "x/y/d.jsonl", ".hidden/e.jsonl", "README.md", "LICENSE"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(LINE) if name.endswith(".gz") else LINE)
    return tmp_path


@pytest.fixture
def memory() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in ("a.jsonl", "x/b.jsonl", "x/notes.txt"):
        system.pipe(f"/bucket/{name}", LINE)
    yield "memory://bucket"
    system.store.clear()


def names(uri: str, root: Path, format: str | None = None) -> list[str]:
    return [found.name for found in list_files(uri, root, format, "text").files]


def test_folders_files_and_globs(tree: Path) -> None:
    everything = ["a.jsonl", "b.jsonl", "x/c.jsonl.gz", "x/y/d.jsonl"]
    assert names(".", tree) == names(str(tree), Path("/")) == names("./", tree) == everything
    assert names("a.jsonl", tree) == ["a.jsonl"]
    assert names("*.jsonl", tree) == ["a.jsonl", "b.jsonl"]
    assert names("x/**/*.jsonl*", tree) == ["c.jsonl.gz", "y/d.jsonl"]
    assert names("**/[ad].jsonl", tree) == ["a.jsonl", "x/y/d.jsonl"]
    assert names(".", tree, "text") == ["README.md"]


def test_a_name_may_look_like_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").write_bytes(LINE)
    (tmp_path / "a1.jsonl").write_bytes(LINE)
    assert names("a[1].jsonl", tmp_path) == ["a[1].jsonl"]


def test_nothing_there(tree: Path) -> None:
    for uri in ("missing.jsonl", "*.parquet", "x/*.none"):
        with pytest.raises((UnreadableFile, UsageError)):
            names(uri, tree)
    snapshot, kept, _ = ingest(tree / "p", uri=str(tree / "missing.jsonl"), format="jsonl")
    assert kept == []
    assert "there is no such file or folder" in snapshot.unreadable[0].message
    snapshot, _, _ = ingest(tree / "p", uri=str(tree / "x"), format="csv")
    assert "no file of format csv there" in snapshot.unreadable[0].message


def test_other_file_systems(memory: str, tmp_path: Path) -> None:
    assert names(memory, tmp_path, "jsonl") == ["a.jsonl", "x/b.jsonl"]
    assert names(f"{memory}/**/*.jsonl", tmp_path) == ["a.jsonl", "x/b.jsonl"]
    assert names(f"{memory}/x/b.jsonl", tmp_path) == ["b.jsonl"]
    snapshot, kept, _ = ingest(tmp_path, uri=memory, format="jsonl")
    assert [row["raw_file"] for row in kept] == ["a.jsonl", "x/b.jsonl"]
    assert all(file.version for file in snapshot.files)
    assert Store(tmp_path / "store").list("tmp") == []  # no copy stays


def test_a_file_system_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"source s: uri nosuch://bucket/x: .*install the fsspec file system"):
        ingest(tmp_path, uri="nosuch://user:secret@bucket/x?sig=1")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://key:secret@bucket/a/*.jsonl", "s3://bucket/a/*.jsonl"),
        ("https://h/x.jsonl?X-Signature=abc#f", "https://h/x.jsonl"),
        ("data/a@b.jsonl", "data/a@b.jsonl"),
    ],
)
def test_credentials_are_not_shown(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown


def test_signed_addresses_are_not_recorded() -> None:
    assert files._relative("https://h/data/x.jsonl?sig=secret", "https://h/data") == "x.jsonl"
    error = OSError("403, url='https://me:secret@h/data/x.jsonl?sig=secret'")
    assert files._told(error) == "OSError: 403, url='https://h/data/x.jsonl'"


def test_a_file_system_that_fails(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "open", fail)
    snapshot, kept, _ = ingest(tmp_path, uri=memory, format="jsonl")
    assert kept == []
    assert [entry.message.partition(";")[0] for entry in snapshot.unreadable] == [
        "a.jsonl: cannot be fetched: ConnectionError: gone",
        "x/b.jsonl: cannot be fetched: ConnectionError: gone",
    ]
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "isfile", fail)
    snapshot, kept, _ = ingest(tmp_path, uri=memory, format="jsonl")
    assert "cannot be listed: ConnectionError: gone" in snapshot.unreadable[0].message


def test_saved_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    parts = {
        name: datasets.Dataset.from_dict({"text": [f"{name} {at}" for at in range(5)]}) for name in ("train", "test")
    }
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "in"), num_shards={"train": 2, "test": 1})
    cache = tmp_path / "in/train/cache-0123.arrow"
    cache.write_bytes((tmp_path / "in/test/data-00000-of-00001.arrow").read_bytes())
    snapshot, kept, _ = ingest(tmp_path, uri="in")
    assert snapshot.unreadable == ()
    assert [row["text"] for row in kept] == [*(f"test {at}" for at in range(5)), *(f"train {at}" for at in range(5))]
    assert [row["raw_row"] for row in kept] == [1, 2, 3, 4, 5, 1, 2, 3, 1, 2]
    (tmp_path / "in/train/data-00001-of-00002.arrow").unlink()
    snapshot, kept, _ = ingest(tmp_path, uri="in")
    assert [entry.path for entry in snapshot.unreadable] == ["train/data-00001-of-00002.arrow"]
    assert len(kept) == 8


def test_dangling_links_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_bytes(LINE)
    (tmp_path / "in/b.jsonl").symlink_to(tmp_path / "gone")
    snapshot, kept, _ = ingest(tmp_path, uri="in", format="jsonl")
    assert len(kept) == 1
    assert [entry.path for entry in snapshot.unreadable] == ["b.jsonl"]
