"""Mapping over processes: results in order, errors as they were, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from anchor_pipeline.errors import DamagedData, DeclarationError, Problem, Unavailable
from anchor_pipeline.facts.map_shards import map_shards, usable_cores


def square(number: int) -> tuple[int, int]:
    print("what is printed does not get among the answers")
    return number * number, os.getpid()


def fail(kind: str) -> None:
    if kind == "damaged":
        raise DamagedData("shard 7 is damaged")
    if kind == "declaration":
        raise DeclarationError([Problem("project.yaml", 3, "no")])
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def leave_a_mark(folder: Path, name: str) -> None:
    """Begins, and goes on for a minute unless it is stopped; says which it was."""
    (folder / f"{name}.begun").touch()
    try:
        time.sleep(60)
        (folder / f"{name}.done").touch()
    finally:
        (folder / f"{name}.tidy").touch()


def test_results_come_in_order_from_several_processes() -> None:
    found = map_shards(square, list(range(20)), workers=2)
    assert [value for value, _ in found] == [number * number for number in range(20)]
    assert os.getpid() not in {pid for _, pid in found}


def test_one_worker_or_one_item_stays_in_this_process() -> None:
    assert map_shards(square, [2, 3], workers=1) == [(4, os.getpid()), (9, os.getpid())]
    assert map_shards(square, [2], workers=5) == [(4, os.getpid())]
    assert map_shards(square, []) == []
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("damaged", DamagedData, "^shard 7 is damaged$"),
        ("declaration", RuntimeError, "DeclarationError: project.yaml:3: no"),
        ("killed", Unavailable, "killed by SIGKILL"),
    ],
)
def test_the_first_error_is_raised_as_it_was(kind: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        map_shards(fail, ["no", kind, "no"], workers=2)


def test_an_error_stops_the_other_processes_in_order(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(DamagedData):
        map_shards(partial(mark_or_fail, tmp_path), ["long", "damaged"], workers=2)
    assert time.monotonic() - begun < 30
    assert (tmp_path / "long.tidy").exists()
    assert not (tmp_path / "long.done").exists()


def mark_or_fail(folder: Path, name: str) -> None:
    if name == "damaged":
        wait_for(folder / "long.begun")
        fail(name)
    leave_a_mark(folder, name)


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from anchor_pipeline.facts.map_shards import map_shards
from anchor_pipeline_tests.facts.test_map_shards import {function}
print("the script runs")
{call}
"""


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(function="square", call="print([n for n, _ in map_shards(square, [1, 2], 2)])"))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.stdout == "the script runs\n[1, 4]\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_no_process_stays_when_the_caller_goes(number: signal.Signals, tmp_path: Path) -> None:
    call = f"map_shards(partial(leave_a_mark, Path({str(tmp_path)!r})), ['a', 'b', 'c'], 2)"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(function="leave_a_mark", call=call)], stderr=subprocess.DEVNULL
    )
    for name in "ab":
        wait_for(tmp_path / f"{name}.begun")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    process.send_signal(number)
    process.wait(60)
    if number == signal.SIGKILL:
        # They finish the shard that they are at; here that would take a minute.
        for child in children:
            os.kill(int(child), signal.SIGTERM)
    for child in children:
        wait_for_end(int(child))
    assert not (tmp_path / "c.begun").exists()
    assert sorted(path.name for path in tmp_path.glob("*.tidy")) == ["a.tidy", "b.tidy"]


def wait_for(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not come"
        time.sleep(0.02)


def wait_for_end(pid: int) -> None:
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < until, f"process {pid} stays"
        time.sleep(0.05)
