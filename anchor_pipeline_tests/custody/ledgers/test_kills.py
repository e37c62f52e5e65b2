"""kill -9 at random moments: the ledger opens, verifies, and shows every step that did not end."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from anchor_pipeline.custody.statements import Ending
from anchor_pipeline.custody.statements import Intent as IntentEntry
from anchor_pipeline_tests.custody.ledgers.workers import forever
from anchor_pipeline_tests.custody.ledgers.world import World


def child_of(world: World, told: Path) -> int:
    """A process that takes down steps without end, and writes to a file what it knows to be on disk."""
    child = os.fork()
    if child == 0:
        try:
            with told.open("w") as sys.stdout:
                forever(world)
        finally:
            os._exit(1)
    return child


def kill_writers(world: World, folder: Path, kills: int, seed: int) -> int:
    """Kill writers; gives how many of them left a step unfinished."""
    draw, known, left = random.Random(seed), set[str](), 0
    for number in range(kills):
        told = folder / f"told-{number}"
        child = child_of(world, told)
        time.sleep(draw.uniform(0.005, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines = told.read_text().splitlines(keepends=True) if told.exists() else []
        known.update(line.strip() for line in lines if line.endswith("\n"))
        left += check(world, known)
    return left


def check(world: World, known: set[str]) -> int:
    """Whether one step is unfinished; more there cannot be, as each writer closes what the last one left."""
    found = world.checked()
    again, begun, ended = type(found)(world.root.public), set(), {}
    for entry in world.ledger.entries():
        taken = again.take(entry.envelope)
        if isinstance(taken.predicate, IntentEntry):
            begun.add(taken.predicate.run)
        if isinstance(taken.predicate, Ending):
            ended[taken.predicate.run] = taken.name
    for line in known:
        what, run = line.split()
        assert run in begun, "what was told to be on disk is there"
        assert what == "opened" or ended[run] == "completion"
    unfinished = {intent.predicate.run for intent in found.unfinished.values()}  # type: ignore[attr-defined]
    assert unfinished == begun - set(ended) == {run_of(entry.envelope) for entry in world.ledger.unfinished()}
    assert len(unfinished) <= 1
    assert not any(world.storage.is_running(run) for run in unfinished), "the locks went with the process"
    return len(unfinished)


def run_of(envelope: bytes) -> str:
    from anchor_pipeline.custody.envelope import opened
    from anchor_pipeline.custody.statements import read_statement

    return str(read_statement(opened(envelope, "entry").payload, "entry")[1].run)  # type: ignore[attr-defined]


def test_killed_writers_leave_a_sound_ledger(world: World, tmp_path: Path) -> None:
    kill_writers(world, tmp_path, kills=10, seed=1)
    world.step()
    assert world.checked().unfinished == {}


@pytest.mark.marathon
def test_two_hundred_kills_at_random_moments(world: World, tmp_path: Path) -> None:
    left = kill_writers(world, tmp_path, kills=200, seed=2)
    assert left > 20, "some of them were killed within a step"
    world.step()
    assert world.checked().unfinished == {}
