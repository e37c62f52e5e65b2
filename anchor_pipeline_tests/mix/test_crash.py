"""Faults, as SQLite tests them: the n-th operation on the disk fails, once or from then on, for every n.

Afterwards the store holds the old state or a whole new release, and a rebuild succeeds. A process that is killed at
any moment leaves the same. Against power failures, everything must be flushed before the release gets its name.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.mix import write
from anchor_pipeline.mix.release import current_release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline_tests.mix.releases import World, documents, world


class Faulty(LocalFiles):
    """Fails at the n-th operation, and with `on` at all later ones. With n = 0 it only counts."""

    def __init__(self, n: int = 0, *, on: bool = False) -> None:
        self.n, self.on, self.count = n, on, 0

    def _step(self) -> None:
        self.count += 1
        if self.n and (self.count == self.n or (self.on and self.count > self.n)):
            raise OSError(28, "No space left on device (made up)")

    def create(self, path: Path, *, append: bool = False) -> BinaryIO:
        self._step()
        return super().create(path, append=append)

    def write_at(self, file: BinaryIO, offset: int, data: memoryview) -> None:
        self._step()
        super().write_at(file, offset, data)

    def write(self, file: BinaryIO, data: bytes) -> None:
        try:
            self._step()
        except OSError:
            # A disk that is full takes the first half.
            super().write(file, bytes(data)[: len(data) // 2])
            raise
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        self._step()
        file.flush()  # Not to the disk itself: these tests try what happens when it fails, often.

    def sync_folder(self, folder: Path) -> None:
        self._step()

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._step()
        super().link(source, target)

    def rename_folder(self, source: Path, target: Path) -> None:
        self._step()
        super().rename_folder(source, target)


def state(made: World) -> str | None:
    """The digest of the current release, which must be whole; None if there is none."""
    release = current_release(made.store, "pretrain", "2021")
    if release is None:
        return None
    assert [check for check in verify_mix(release.path) if not check.ok] == []
    return release.digest


@pytest.mark.parametrize(
    ("on", "replacing", "spilled"), [(False, False, True), (True, True, False), (False, True, True)]
)
def test_whatever_operation_fails_the_store_is_old_or_new(
    tmp_path: Path, on: bool, replacing: bool, spilled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spilled:
        monkeypatch.setattr(write, "MEMORY_BYTES", 0)
    rows = documents(16)
    options: dict[str, Any] = {"part_bytes": 5_000, "extra": {"REPORT.html": b"x"}, "threads": 1}
    old = world(tmp_path, rows[:10]).release().digest if replacing else None
    made = world(tmp_path, rows)
    counting = made.store.files = Faulty()
    release = made.release(**options)
    assert len(release.manifest.parts) == 2
    assert counting.count > 20
    for n in range(1, counting.count + 1):
        shutil.rmtree(release.path)
        made.store.files = Faulty(n, on=on)
        with pytest.raises(AnchorError):
            made.release(**options)
        made.store.files = Faulty()
        assert state(made) in (old, release.digest)
        assert made.release(**options).path == release.path
        assert state(made) == release.digest
        assert made.store.list("tmp") == []


class Recording(LocalFiles):
    """Notes which files and folders were flushed when a folder got its name."""

    def __init__(self) -> None:
        self.synced: set[str] = set()
        self.written: dict[int, str] = {}
        self.unsynced_at_rename: set[str] | None = None
        self.after: list[str] = []

    def create(self, path: Path, *, append: bool = False) -> BinaryIO:
        self.synced.discard(str(path))
        return super().create(path, append=append)

    def sync(self, file: BinaryIO) -> None:
        super().sync(file)
        self.synced.add(str(file.name))

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.synced.add(str(folder))
        self.after.append(str(folder))

    def rename_folder(self, source: Path, target: Path) -> None:
        there = {str(path) for path in (source, *source.rglob("*"))}
        self.unsynced_at_rename = there - self.synced
        self.after = []
        super().rename_folder(source, target)


def test_everything_is_flushed_before_the_release_has_its_name(tmp_path: Path) -> None:
    made = world(tmp_path, documents(60))
    files = Recording()
    made.store.files = files
    release = made.release(extra={"reports/REPORT.html": b"x"}, part_bytes=16_000)
    assert files.unsynced_at_rename == set()
    above = [str(folder) for folder in release.path.parents if folder.is_relative_to(made.store.root)]
    assert files.after == above


RELEASE = """
import sys
from pathlib import Path
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix import write
from anchor_pipeline_tests.mix.releases import World
write.MEMORY_BYTES = 0
folder = Path(sys.argv[1])
made = World(Store(folder / "store"), folder / "selection.parquet", [])
verdict = made.verdict()
print("go", flush=True)
made.release(verdict=verdict, part_bytes=50_000)
print("done", flush=True)
"""


def test_a_killed_process_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    rows = documents(1500)
    whole = world(tmp_path / "whole", rows)
    begin = time.monotonic()
    expected = whole.release(part_bytes=50_000).digest
    took = time.monotonic() - begin
    made = world(tmp_path / "killed", rows)
    draw = random.Random(3)
    outcomes = set()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", RELEASE, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(draw.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = state(made)
        outcomes.add(found)
        assert found in (None, expected)
        if found is not None:
            break
    again = Store(made.store.root)
    assert World(again, made.selection, []).release(part_bytes=50_000).digest == expected
    assert None in outcomes
