"""Faults, as SQLite tests them, over a whole small build: the n-th operation of every step fails, for every n.

Afterwards the store holds the old release or the new one, and the next run comes to the very mix that an undisturbed
build comes to. The same over the rebuild of a cycle whose sources were corrected, and for faults during recovery.
"""

from __future__ import annotations

import errno
import random
from contextlib import suppress
from pathlib import Path

import pytest

from anchor_pipeline.errors import Unavailable
from anchor_pipeline_tests.faults.faulty import FaultyFiles
from anchor_pipeline_tests.faults.small_build import DONE, SmallBuild, small_build

STEPS = ("sources/logbooks", "sources/gazette", "sources/drafts", "corpus", "selection/lawful", "mix/lawful")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallBuild, None, str]:
    """A project that was never built: build, mix digest before, mix digest afterwards."""
    build = small_build(tmp_path_factory.mktemp("first"))
    assert tuple(build.steps()) == STEPS
    return build, None, build.build_remembering()


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallBuild, str, str]:
    """A project that was built, and whose sources were corrected since."""
    build = small_build(tmp_path_factory.mktemp("again"))
    before = build.build().digest
    build.correct()
    after = build.build_remembering()
    assert before != after
    return build, before, after


def operations(build: SmallBuild, step: str) -> int:
    """How many operations on the disk the step consists of."""
    build.restore(step)
    counting = FaultyFiles()
    build.steps(counting)[step]()
    return counting.count


def disturbed(build: SmallBuild, step: str, faults: FaultyFiles) -> Unavailable | None:
    """Run the step on a bad disk; gives the error it ended in. No other error may come of a bad disk."""
    try:
        build.steps(faults)[step]()
    except Unavailable as error:
        return error
    return None


def try_every(build: SmallBuild, before: str | None, after: str, step: str, every: int, on: bool, code: int) -> None:
    told = 0
    following = (*STEPS, DONE)[STEPS.index(step) + 1]
    number = operations(build, step)
    assert number >= 10
    for n in range(1, number + 1, every):
        build.restore(step)
        faults = FaultyFiles(n, on=on, code=code)
        error = disturbed(build, step, faults)
        assert faults.failed
        if error is not None:
            told += 1
            assert "again" in str(error), "it says what to do"
        assert build.state() in ((before, after) if step.startswith("mix/") else (before,))
        build.steps()[step]()
        assert build.results() == build.results(following)
        assert not list((build.store / "tmp").glob("*"))
        if n % 20 == 1:
            assert build.build(first=step).digest == after
            assert build.state() == after
    assert told, "some of these operations are needed by the step"


@pytest.mark.parametrize("step", ["sources/gazette", "corpus", "selection/lawful", "mix/lawful"])
def test_a_full_disk_at_some_operations_of_every_step(first: tuple[SmallBuild, None, str], step: str) -> None:
    try_every(*first, step, every=11 if step.startswith("sources/") else 4, on=True, code=errno.ENOSPC)


@pytest.mark.marathon
@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_whatever_operation_fails_the_next_run_recovers(
    first: tuple[SmallBuild, None, str], step: str, on: bool
) -> None:
    # The three sources go through the same operations: every one of one of them, and some of the others.
    every = 1 if step not in ("sources/logbooks", "sources/drafts") else 3 if on else 9
    try_every(*first, step, every=every, on=on, code=errno.ENOSPC if on else errno.EIO)


@pytest.mark.marathon
@pytest.mark.parametrize("step", ["corpus", "selection/lawful", "mix/lawful"])
def test_whatever_operation_of_a_rebuild_fails_the_old_release_stays_until_the_new_one_is_whole(
    again: tuple[SmallBuild, str, str], step: str
) -> None:
    try_every(*again, step, every=1, on=True, code=errno.ENOSPC)


def take_back_after_every(build: SmallBuild, before: str, after: str, step: str, every: int) -> None:
    for n in range(1, operations(build, step) + 1, every):
        build.correct()
        build.restore(step)
        disturbed(build, step, FaultyFiles(n, on=True))
        build.take_back()
        assert build.build().digest == before, f"operation {n}"
    build.correct()


@pytest.mark.parametrize("step", ["corpus", "selection/lawful"])
def test_a_correction_that_failed_half_way_and_is_taken_back_leaves_no_trace(
    again: tuple[SmallBuild, str, str], step: str
) -> None:
    # Records that say "made from these inputs" must never stand beside the table of others.
    take_back_after_every(*again, step, every=2)


@pytest.mark.marathon
def test_faults_during_recovery(again: tuple[SmallBuild, str, str]) -> None:
    """Up to five runs in a row fail, each somewhere else, before one is left alone."""
    build, before, after = again
    draw = random.Random(11)
    counts = {step: operations(build, step) for step in STEPS}
    for _ in range(12):
        build.restore(STEPS[0])
        for _ in range(draw.randint(2, 5)):
            faults = FaultyFiles(draw.randint(1, sum(counts.values())), on=draw.random() < 0.5)
            with suppress(Unavailable):
                build.build(faults)
            assert build.state() in (before, after)
        assert build.build().digest == after
        assert build.state() == after


def test_the_operations_of_a_build_are_of_every_kind(tmp_path: Path) -> None:
    """What the tests above go through: none of these kinds is passed by."""
    build = small_build(tmp_path)
    kinds = set()
    for step in STEPS:
        bare = operations_of(build, step)
        kinds |= bare
    assert kinds >= {"create", "write", "sync", "sync_folder", "replace", "rename_folder"}


def operations_of(build: SmallBuild, step: str) -> set[str]:
    class Noting(FaultyFiles):
        def _step(self, operation: str, path: str | Path) -> None:
            self.failed.append(operation)

    noting = Noting()
    build.steps(noting)[step]()
    return set(noting.failed)
