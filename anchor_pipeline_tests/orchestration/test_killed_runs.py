"""A run whose process is gone does not show as running for ever; one whose process lives is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg

from anchor_pipeline.orchestration.killed_runs import fail_killed, held

HOLD = """
import sys, time
from pathlib import Path
from anchor_pipeline.orchestration.killed_runs import held
with held(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


def started_run(instance: dg.DagsterInstance) -> str:
    """A run that is under way, as far as the instance knows."""

    @dg.job
    def build() -> None:
        pass

    run = instance.create_run_for_job(build, status=dg.DagsterRunStatus.STARTED)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_the_run_of_a_killed_process_is_failed_and_no_other(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    home = tmp_path / "home"
    killed, alive = started_run(instance), started_run(instance)
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(home), killed], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    pools = instance.event_log_storage
    pools.set_concurrency_slots("anchor_store", 2)
    for run in (killed, alive):
        assert pools.claim_concurrency_slot("anchor_store", run, "sources__gazette").is_claimed
    assert not pools.claim_concurrency_slot("anchor_store", "next", "sources__gazette").is_claimed
    with held(home, alive):
        assert fail_killed(instance, home) == []
        process.kill()
        process.communicate()
        assert fail_killed(instance, home) == [killed]
        assert status(instance, killed) == dg.DagsterRunStatus.FAILURE
        assert status(instance, alive) == dg.DagsterRunStatus.STARTED
        assert pools.claim_concurrency_slot("anchor_store", "next", "sources__gazette").is_claimed, "it has the place"
        assert not pools.claim_concurrency_slot("anchor_store", "another", "corpus").is_claimed
    assert fail_killed(instance, home) == []
    assert list((home / "own_runs").iterdir()) == []


def test_a_run_that_had_ended_before_its_process_was_killed_stays_as_it_ended(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = started_run(instance)
    (tmp_path / "own_runs").mkdir()
    (tmp_path / "own_runs" / run).touch()
    found = instance.get_run_by_id(run)
    assert found is not None
    instance.report_run_canceled(found)
    assert fail_killed(instance, tmp_path) == []
    assert status(instance, run) == dg.DagsterRunStatus.CANCELED


def test_the_places_of_a_killed_run_in_the_pools_are_free_again(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    home, killed, places = tmp_path / "home", started_run(instance), instance.event_log_storage
    places.set_concurrency_slots("pool", 1)
    assert places.claim_concurrency_slot("pool", killed, "step").is_claimed
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(home), killed], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.kill()
    process.communicate()
    fail_killed(instance, home)
    assert places.claim_concurrency_slot("pool", started_run(instance), "step").is_claimed
