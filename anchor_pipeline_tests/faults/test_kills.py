"""A build that is killed at any moment leaves the old release or the new one, and the next run needs no help."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anchor_pipeline_tests.faults.small_build import CYCLE, STAGE, SmallBuild, small_build
from anchor_pipeline_tests.projects import rows, write_rows

RUNNER = """
import os, sys
from pathlib import Path
from anchor_pipeline_tests.faults.small_build import SmallBuild
import anchor_pipeline_tests.faults.warm
build = SmallBuild(Path(sys.argv[1]))
while sys.stdin.readline():
    child = os.fork()
    if child == 0:
        try:
            build.build()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    # Not before it is asked for: until then nobody else can have the child's process id, even if it is done.
    sys.stdin.readline()
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Imports once, then runs the steps in a new process for each pair of lines it is given."""


class Runner:
    """Starts builds quickly, so that two hundred of them can be killed."""

    def __init__(self, build: SmallBuild) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", RUNNER, str(build.folder)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def start(self) -> int:
        """Start a build; gives its process id."""
        return int(self._ask("start"))

    def end(self) -> int:
        """Wait for it; gives its wait status. Only then is its process id free for others."""
        return int(self._ask("wait"))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0

    def _ask(self, what: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def kill_builds(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill builds of a cycle whose sources are corrected again and again; gives how often what was found."""
    build = small_build(folder)
    draw = random.Random(seed)
    runner = Runner(build)
    contents = [rows("gaz", 60, 2), rows("corrected", 60, 8)]
    digests, took = [], 0.0
    for content in contents:
        write_rows(folder / "raw/gazette.jsonl", content)
        begun = time.monotonic()
        runner.start()
        assert runner.end() == 0
        took = time.monotonic() - begun
        digests.append(build.released().digest)
    assert digests[0] != digests[1]
    found = {"killed": 0, "old": 0, "new": 0, "recovered": 0}
    wanted = 0
    while found["killed"] < kills:
        write_rows(folder / "raw/gazette.jsonl", contents[wanted])
        old = build.state()
        child = runner.start()
        time.sleep(draw.uniform(0, took))
        os.kill(child, signal.SIGKILL)
        found["killed"] += os.WIFSIGNALED(runner.end())
        state = build.state()
        assert state in (old, digests[wanted])
        found["old" if state == old else "new"] += 1
        # What was left half done is left to the next run three times out of four, which may be killed as well.
        if state != old or draw.random() < 0.25:
            begun = time.monotonic()
            runner.start()
            assert runner.end() == 0
            took = max(0.2, (took + time.monotonic() - begun) / 2)
            assert build.state() == digests[wanted]
            found["recovered"] += 1
            wanted = 1 - wanted
    runner.close()
    return found


@pytest.mark.slow
def test_killed_builds_leave_the_old_release_or_the_new(tmp_path: Path) -> None:
    found = kill_builds(tmp_path, 6, seed=1)
    assert found["killed"] == 6


@pytest.mark.marathon
def test_two_hundred_kills_at_random_moments(tmp_path: Path) -> None:
    found = kill_builds(tmp_path, 200, seed=2)
    assert found["killed"] == 200
    assert found["old"] > 100
    assert found["recovered"] > 30
    assert len(list((tmp_path / f"store/mix/{STAGE}/{CYCLE}").iterdir())) > 20, "each correction is a revision"


@pytest.mark.marathon
def test_killed_commands_are_failed_runs_and_the_next_one_releases(tmp_path: Path) -> None:
    """The command itself, with Dagster around the steps: the instance recovers as well as the store."""
    build = small_build(tmp_path / "project")
    undisturbed = small_build(tmp_path / "undisturbed")
    command = [sys.executable, "-m", "anchor_pipeline", "build", "--cycle", CYCLE, "--stage", STAGE]
    begun = time.monotonic()
    subprocess.run([*command, str(undisturbed.folder)], check=True, capture_output=True)
    took = time.monotonic() - begun
    draw = random.Random(3)
    for _ in range(8):
        process = subprocess.Popen([*command, str(build.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(took * draw.uniform(0.3, 1.0))
        process.kill()
        process.communicate()
        assert build.state() in (None, undisturbed.released().digest)
    ended = subprocess.run([*command, str(build.folder)], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert build.state() == undisturbed.released().digest
    statuses = run_statuses(build)
    assert statuses.pop() == "SUCCESS"
    assert set(statuses) <= {"FAILURE", "SUCCESS"}, "no killed run shows as running"
    assert "FAILURE" in statuses


def run_statuses(build: SmallBuild) -> list[str]:
    """Of the runs in the project's own instance, in the order of their creation."""
    import sqlite3

    with sqlite3.connect(build.store / "dagster/history/runs.db") as database:
        return [status for (status,) in database.execute("SELECT status FROM runs ORDER BY id")]
