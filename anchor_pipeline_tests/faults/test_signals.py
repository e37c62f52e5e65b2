"""SIGTERM, SIGINT, a run cancelled in the UI, a worker that is killed: soon over, said clearly, and no obstacle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from anchor_pipeline.interrupts import Interrupted, Interrupts
from anchor_pipeline_tests.faults.small_build import CYCLE, STAGE, small_build
from anchor_pipeline_tests.faults.test_kills import run_statuses

QUICK = 60
"""Seconds within which a command that is told to stop has to be gone, on a machine that does other things too."""


def stopped(command: str, folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Start the command, send it a signal when its first step is done; gives exit code and stderr."""
    arguments = [sys.executable, "-m", "anchor_pipeline", command, str(folder), "--cycle", CYCLE]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert "done" in said
    process.send_signal(number)
    out, err = process.communicate(timeout=QUICK)
    assert "Traceback" not in out + err
    return process.returncode, err


@pytest.mark.parametrize(("command", "number", "code"), [("build", signal.SIGTERM, 143), ("plan", signal.SIGINT, 130)])
def test_a_command_that_is_stopped_says_so_and_the_next_one_goes_on(
    tmp_path: Path, command: str, number: signal.Signals, code: int
) -> None:
    build = small_build(tmp_path)
    found, said = stopped(command, tmp_path, number)
    assert found == code, said
    assert f"stopped by {number.name}; nothing is half released" in said
    assert not list((build.store / "tmp").iterdir()), "what was half written is not left there"
    assert build.state() is None
    if command == "build":
        assert set(run_statuses(build)) <= {"CANCELED", "FAILURE"}, "the UI shows no run that goes on"
    assert build.build().digest == build.state()


def test_an_interrupt_that_somebody_swallows_still_counts() -> None:
    # As Dagster does, with handlers of its own, within a run.
    with Interrupts() as interrupts:
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
        with pytest.raises(Interrupted) as caught:
            interrupts.check()
    assert caught.value.exit_code == 143


def test_the_handlers_of_before_are_back_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_nothing_is_touched() -> None:
    def inside() -> None:
        with Interrupts() as interrupts:
            interrupts.check()
            found.append(signal.getsignal(signal.SIGTERM))

    found: list[object] = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.marathon
@pytest.mark.parametrize("moment", [0.35, 0.5, 0.65, 0.8, 0.95])
def test_a_build_stopped_at_any_moment_ends_its_run_and_can_be_run_again(tmp_path: Path, moment: float) -> None:
    build = small_build(tmp_path / "project")
    command = [sys.executable, "-m", "anchor_pipeline", "build", "--cycle", CYCLE, "--stage", STAGE]
    begun = time.monotonic()
    other = small_build(tmp_path / "undisturbed")
    subprocess.run([*command, str(other.folder)], check=True, capture_output=True)
    took = time.monotonic() - begun
    process = subprocess.Popen([*command, str(build.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(took * moment)
    process.terminate()
    _, err = process.communicate(timeout=QUICK)
    assert process.returncode in (0, 143), err
    assert build.state() in (None, other.released().digest)
    again = subprocess.run([*command, str(build.folder)], check=False, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert build.state() == other.released().digest
    statuses = run_statuses(build)
    assert statuses.pop() == "SUCCESS"
    assert set(statuses) <= {"CANCELED", "FAILURE", "SUCCESS"}
