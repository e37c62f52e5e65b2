"""Disks that fail or are full: the step does not run or does not count, the error is clear, and nothing is lost."""

from __future__ import annotations

import ctypes
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline.errors import AnchorError, Unavailable
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


def operations(world: World, sqlite: ctypes.CDLL) -> int:
    """Operations on the disk that SQLite makes in a build."""
    counting = Faults(0)
    with faulty(sqlite, counting):
        assert build(world) == ["sources/peps", "corpus"]
    return counting.count


def try_every(folder: Path, sqlite: ctypes.CDLL, every: int, code: int, on: bool) -> int:
    world = new_world(str(folder / "ledger.sqlite"), folder / "keys")
    number, told = operations(world, sqlite), 0
    assert number > 40
    for n in range(1, number + 1, every):
        faults, before = Faults(n, code, on=on), world.ledger.size()
        try:
            with faulty(sqlite, faults):
                build(world)
        except AnchorError as error:
            told += 1
            assert isinstance(error.__cause__, Unavailable), repr(error.__cause__)
            assert "not run" in str(error) or "does not count" in str(error)
        assert faults.failed
        check = world.checked()
        assert check.size >= before, "what was there is there"
        assert len(check.unfinished) == len(world.ledger.unfinished()) <= 1
    assert build(world) == ["sources/peps", "corpus"]
    assert world.checked().unfinished == {}
    return told


def test_a_fault_of_the_disk_stops_the_step_and_loses_nothing(tmp_path: Path, sqlite: ctypes.CDLL) -> None:
    assert try_every(tmp_path, sqlite, every=19, code=errno.ENOSPC, on=True) > 3


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("on", [True, False])
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
    ran = []
    with pytest.raises(AnchorError, match=r"corpus (was not run|does not count): .*(full|No space left)") as told:
        for _ in range(100):
            ran.append(build(world))
    assert isinstance(told.value.__cause__, Unavailable)
    assert len(ran) > 1
    before = world.checked()
    assert before.size >= 1 + 4 * len(ran)
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
    with pytest.raises(AnchorError, match="was not run.*the head cannot be kept"):
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
