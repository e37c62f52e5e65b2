"""Disks that fail or are full: the step does not run or does not count, the error is clear, and nothing is lost."""

from __future__ import annotations

import ctypes
import errno
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline.errors import AnchorError, DamagedData, Unavailable
from anchor_pipeline.record import Recorder
from anchor_pipeline_tests.custody.ledgers.faulty_sqlite import Faults, faulty, library
from anchor_pipeline_tests.custody.ledgers.world import World, new_world

KIB = 1024


def build(world: World) -> list[str]:
    """Two steps through the seam that every step passes; gives those whose body ran."""
    ran = []
    for name in ("sources/peps", "corpus"):
        with Recorder(None, "world", [world.observer()]).step(name):  # type: ignore[arg-type]
            ran.append(name)
    return ran


@pytest.fixture
def sqlite() -> ctypes.CDLL:
    found = library()
    if found is None:
        pytest.skip("Python's SQLite is built in, so its operations cannot be made to fail")
    return found


def error_of(world: World) -> AnchorError | None:
    """The error that a build ends in, if any; no other kind may come of a bad disk."""
    try:
        build(world)
    except AnchorError as error:
        return error
    return None


def try_every(folder: Path, sqlite: ctypes.CDLL, every: int, code: int, on: bool) -> int:
    """Fail every `every`-th operation of a build, each time from the same beginning; gives how many builds stopped."""
    begun = new_world(str(folder / "begun/ledger.sqlite"), folder / "begun/keys")
    begun.step()
    world, stopped, n = World(str(folder / "now/ledger.sqlite"), folder / "now/keys"), 0, 0
    while True:
        n += every
        shutil.rmtree(folder / "now", ignore_errors=True)
        shutil.copytree(folder / "begun", folder / "now")
        faults = Faults(n, code, on=on)
        with faulty(sqlite, faults):
            error = error_of(world)
        if not faults.failed:
            assert n > 40, "a build has more operations than that"
            return stopped
        stopped += error is not None
        # SQLite itself takes a page that cannot be read for a damaged one.
        expected = (Unavailable, DamagedData) if faults.failed[0].startswith("pread") else Unavailable
        assert error is None or isinstance(error.__cause__, expected), repr(error.__cause__)
        assert error is None or "not run" in str(error) or "does not count" in str(error)
        check = world.checked()
        assert check.size >= 3, "what was there is there"
        assert len(check.unfinished) == len(world.ledger.unfinished()) <= 1
        assert build(world) == ["sources/peps", "corpus"]
        assert world.checked().unfinished == {}


def test_a_fault_of_the_disk_stops_the_step_and_loses_nothing(tmp_path: Path, sqlite: ctypes.CDLL) -> None:
    assert try_every(tmp_path, sqlite, every=53, code=errno.ENOSPC, on=True) > 2


@pytest.mark.marathon
@pytest.mark.parametrize(("code", "on"), [(errno.ENOSPC, True), (errno.EIO, False)])
def test_every_operation_of_sqlite_fails_once(tmp_path: Path, sqlite: ctypes.CDLL, code: int, on: bool) -> None:
    assert try_every(tmp_path, sqlite, every=1, code=code, on=on) > 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 KiB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={400 * KIB}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_the_step_before_it_runs(tmp_path: Path, small_disk: Path) -> None:
    world = new_world(str(small_disk / "ledger.sqlite"), tmp_path / "keys")
    built, error = 0, None
    while error is None:
        error = error_of(world)
        built += error is None
        assert built < 100
    assert re.search(r"(was not run|does not count): .*(full|No space left)", str(error))
    assert isinstance(error.__cause__, Unavailable)
    assert built > 1
    before = world.checked()
    assert before.size >= 1 + 4 * built
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    build(world)
    after = world.checked()
    assert after.unfinished == {}
    assert after.root_at(before.size) == before.root_at(before.size)


def test_keys_on_a_full_disk_stop_the_step_as_well(tmp_path: Path, small_disk: Path) -> None:
    """The head has to be remembered beside the keys before it counts."""
    world = new_world(str(tmp_path / "ledger.sqlite"), small_disk / "keys")
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(bytes(KIB * KIB))
    with pytest.raises(AnchorError, match=r"was not run.*head: cannot be written"):
        build(world)
    assert not list((small_disk / "keys").glob("*.new"))
    (small_disk / "filler").unlink()
    build(world)
    assert world.checked().unfinished == {}


def test_a_server_that_is_gone_is_unavailable_and_no_password_is_told(world: World) -> None:
    if "://" not in world.address:
        pytest.skip("of PostgreSQL")
    gone = World(world.address.replace("anchor_pg_", "anchor_gone_"), world.folder)
    with pytest.raises(Unavailable, match="cannot be read or written just now") as told:
        gone.step()
    assert "nobody-may-see" not in str(told.value)
    assert "nobody-may-see" not in gone.storage.address
