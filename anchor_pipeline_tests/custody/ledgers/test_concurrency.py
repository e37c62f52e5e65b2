"""Many processes write to one ledger: one line, whoever writes, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchor_pipeline.custody.check_ledger import check_ledger
from anchor_pipeline.custody.statements import Ending
from anchor_pipeline.custody.statements import Intent as IntentEntry
from anchor_pipeline_tests.custody.ledgers.workers import start
from anchor_pipeline_tests.custody.ledgers.world import World, new_world


def work_together(world: World, processes: int, steps: int) -> list[str]:
    """Runs that `processes` processes completed at the same time, `steps` each."""
    started = [start("steps", world, str(steps)) for _ in range(processes)]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    runs = []
    for process in started:
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
        runs += out.split()
    return runs


def check_line(world: World, runs: list[str]) -> None:
    """One chain that verifies, with an intent and a completion for each of the runs, in this order."""
    entries = [entry.envelope for entry in world.ledger.entries()]
    head = world.ledger.head()
    assert head is not None
    assert check_ledger(entries, head.encoded(), root=world.root.public).size == len(entries) == 1 + 2 * len(runs)
    check = world.checked()
    assert check.unfinished == {}
    begun, ended = [], []
    again = type(check)(world.root.public)
    for data in entries:
        predicate = again.take(data).predicate
        if isinstance(predicate, IntentEntry):
            begun.append(predicate.run)
        if isinstance(predicate, Ending):
            assert predicate.run in begun
            ended.append(predicate.run)
    assert sorted(begun) == sorted(ended) == sorted(runs)


def test_many_writers_make_one_line_and_lose_nothing(world: World) -> None:
    runs = work_together(world, processes=4, steps=13)
    assert len(set(runs)) == 4 * 13
    check_line(world, runs)


@pytest.mark.slow
def test_eight_writers_of_five_hundred_entries_each(world: World) -> None:
    runs = work_together(world, processes=8, steps=250)
    assert len(set(runs)) == 8 * 250
    check_line(world, runs)


def test_many_processes_may_be_the_first_to_open_a_ledger(address: str, tmp_path: Path) -> None:
    world = World(address, tmp_path / "keys")
    started = [start("first", world) for _ in range(4)]
    told = [process.communicate("go\n", timeout=60) for process in started]
    assert [out for out, _ in told] == ["0\n"] * 4, told
    assert [process.returncode for process in started] == [0] * 4
    check_line(new_world(address, tmp_path / "keys"), [])


def test_a_writer_that_was_killed_does_not_keep_others_out(world: World) -> None:
    process = start("forever", world)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    process.communicate()
    world.step()
    world.checked()


def test_a_lock_is_no_file_that_has_to_be_tidied_up(world: World) -> None:
    for _ in range(3):
        world.step()
    if "://" not in world.address:
        assert list(Path(f"{world.address}-running").iterdir()) == []


def test_a_worker_with_keys_of_a_ledger_that_is_elsewhere_fails_loudly(address: str, tmp_path: Path) -> None:
    new_world(str(tmp_path / "other.sqlite"), tmp_path / "keys")
    process = start("steps", World(address, tmp_path / "keys"), "1")
    _, err = process.communicate("go\n", timeout=60)
    assert process.returncode == 1
    assert "has 0 entries, but a head of 1 was signed" in err
