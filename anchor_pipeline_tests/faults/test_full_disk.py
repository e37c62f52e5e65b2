"""A real disk that is full, from one that takes next to nothing to one that lacks a little: always one clear error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline.errors import Unavailable
from anchor_pipeline_tests.faults.small_build import CYCLE, STAGE, SmallBuild, small_build

KIB = 1024


class SmallDisk:
    """A file system of a given size, in memory, at the store of a build."""

    def __init__(self, build: SmallBuild) -> None:
        self.build = build

    def mount(self, options: str) -> None:
        self.build.store.mkdir(exist_ok=True)
        _mount("-t", "tmpfs", "-o", options, "tmpfs", str(self.build.store))

    def grow(self) -> None:
        """Make room, with everything on it as it is."""
        _mount("-o", "remount,size=64m,nr_inodes=10000", str(self.build.store))

    def used(self) -> int:
        """Bytes of its files."""
        return sum(path.stat().st_size for path in self.build.store.rglob("*") if path.is_file())

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.build.store)], check=False, capture_output=True)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The mix digest of a build with room enough."""
    return small_build(tmp_path_factory.mktemp("roomy")).build().digest


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    small = SmallDisk(small_build(tmp_path / "project"))
    try:
        small.mount("size=4m")
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    small.unmount()
    yield small
    small.unmount()


def try_sizes(disk: SmallDisk, expected: str, options: list[str]) -> list[str]:
    """Build on a disk with each of the options, then make room and build again; gives the steps that failed."""
    failed = []
    for option in options:
        disk.mount(option)
        try:
            disk.build.build()
        except Unavailable as error:
            said = str(error)
            assert "make room" in said or "see to the disk" in said, said
            assert "No space left on device" in said, said
            failed.append(said.partition(":")[0])
            assert disk.build.state() is None
            assert not list((disk.build.store / "tmp").glob("*")), "what was half written is not left there"
        disk.grow()
        assert disk.build.build().digest == expected
        assert disk.build.state() == expected
        disk.unmount()
    return failed


def test_a_full_disk_is_a_clear_error_and_room_is_all_that_is_needed(disk: SmallDisk, expected: str) -> None:
    failed = try_sizes(disk, expected, [f"size={KIB * size}" for size in (8, 64, 140)])
    assert len(failed) == 3


@pytest.mark.marathon
def test_every_stage_of_a_build_on_a_disk_that_fills_up_in_it(disk: SmallDisk, expected: str) -> None:
    failed = try_sizes(disk, expected, [f"size={KIB * size}" for size in range(4, 400, 12)])
    assert len(failed) > 10
    stages = {step.rpartition("/")[0].rpartition("/")[2] or step for step in failed}
    assert len(stages) > 2, f"the disk filled up in {sorted(set(failed))} only"


@pytest.mark.marathon
def test_a_disk_that_takes_no_more_files(disk: SmallDisk, expected: str) -> None:
    failed = try_sizes(disk, expected, [f"size=64m,nr_inodes={number}" for number in range(2, 130, 5)])
    assert len(failed) > 10


@pytest.mark.marathon
def test_the_command_on_a_full_disk_ends_in_3_without_a_stack_trace(disk: SmallDisk, expected: str) -> None:
    """With the Dagster instance on the same disk, as it is by default."""
    command = [sys.executable, "-m", "anchor_pipeline", "build", str(disk.build.folder), "--cycle", CYCLE]
    command += ["--stage", STAGE]
    codes = []
    for size in (16, 200, 500, 700):
        disk.mount(f"size={KIB * size}")
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        codes.append(ended.returncode)
        said = ended.stdout + ended.stderr
        assert "Traceback" not in said, said
        assert disk.build.state() in (None, expected)
        if ended.returncode:
            assert "full" in said or "No space left" in said, said
        disk.grow()
        again = subprocess.run(command, check=False, capture_output=True, text=True)
        assert again.returncode == 0, again.stdout + again.stderr
        assert disk.build.state() == expected
        disk.unmount()
    assert codes[:2] == [3, 3]
