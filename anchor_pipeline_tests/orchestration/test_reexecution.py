"""Runs that are done again: from their failure, and for many cycles at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.orchestration.running import CYCLE, KEYS, began, dagster, failures, releases, run
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    found = load_project(small_project(tmp_path / "project"))
    monkeypatch.setenv("ANCHOR_PROJECT", str(found.path))
    return found


def the_job(name: str) -> dg.JobDefinition:
    return definitions_for(load_project(os.environ["ANCHOR_PROJECT"]), key_prefix=()).resolve_job_def(name)


# Dagster keeps what a function has given it: one for each test, as each has a project of its own.


def build_greedy() -> dg.JobDefinition:
    return the_job("build_greedy")


def build_lawful() -> dg.JobDefinition:
    return the_job("build_lawful")


def build_lawful_of_another_project() -> dg.JobDefinition:
    return the_job("build_lawful")


def execute(
    job: object, instance: dg.DagsterInstance, failed: dg.JobExecutionResult | None = None
) -> dg.JobExecutionResult:
    """Execute a job for the cycle; from where a run failed, if one is given."""
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance) if failed else None
    tags = {"dagster/partition": CYCLE}
    return dg.execute_job(dg.reconstructable(job), instance, run_config=QUIET, tags=tags, reexecution_options=options)  # type: ignore[arg-type]


def test_a_refused_run_executed_from_its_failure_is_refused_again(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with execute(build_greedy, instance) as first:
        assert not first.success
    with execute(build_greedy, instance, first) as again:
        assert not again.success
        assert not began(again, "selection__greedy"), "only what failed is done again"
        assert began(again, "check_selection_greedy")
        assert not began(again, "mix__greedy")
    assert releases(project) == []


def test_a_run_that_could_not_write_the_mix_is_executed_from_there(
    project: Project, instance: dg.DagsterInstance
) -> None:
    # A file where the folder of the releases should be: nothing can be written, by whichever user.
    (project.store_path / "mix").parent.mkdir(parents=True)
    (project.store_path / "mix").write_text("in the way")
    with execute(build_lawful, instance) as first:
        assert list(failures(first)) == ["mix__lawful"]
    (project.store_path / "mix").unlink()
    with execute(build_lawful, instance, first) as again:
        assert again.success, failures(again)
        assert not began(again, "corpus")
    assert releases(project) == ["lawful/2020/0001"]


def test_sources_corrected_between_failure_and_reexecution_are_not_released_unjudged(
    project: Project, instance: dg.DagsterInstance
) -> None:
    (project.store_path / "mix").parent.mkdir(parents=True)
    (project.store_path / "mix").write_text("in the way")
    with execute(build_lawful_of_another_project, instance) as first:
        assert not first.success
    (project.store_path / "mix").unlink()
    write_rows(project.root / "raw/gazette.jsonl", rows("new", 60, 5))
    run(project, instance, "build_lawful", selection=KEYS.all_of(project)[:4])
    with execute(build_lawful_of_another_project, instance, first) as again:
        assert "out of date" in failures(again)["mix__lawful"]
    assert releases(project) == []


def poor_in_2021(folder: Path) -> Project:
    """2020 and 2022 are lawful; in 2021 there are no fresh anchors, since the logbooks of that time are not dated."""
    declaration = PROJECT.replace("fresh_window: 2y", "fresh_window: 1y")
    declaration += "  anchor_freshness: {min: 0.5}\n"
    path = small_project(folder, declaration)
    recent = rows("log", 40, 1) + [{**row, "date": "2022-06-01"} for row in rows("later", 40, 11)]
    write_rows(folder / "raw/logbooks.jsonl", recent)
    return load_project(path)


@pytest.mark.marathon
def test_a_backfill_releases_the_lawful_cycles_and_shows_the_refused_one(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    project = poor_in_2021(tmp_path / "poor")
    tags = {"dagster/backfill": "four"}
    results = {
        cycle: run(project, instance, "build_lawful", cycle=cycle, tags=tags) for cycle in ("2020", "2021", "2022")
    }
    assert [result.success for result in results.values()] == [True, False, True]
    assert releases(project) == ["lawful/2020/0001", "lawful/2022/0001"]
    assert failed_partitions(instance) == {"2021"}
    # Again: what is refused stays refused and visible.
    assert not run(project, instance, "build_lawful", cycle="2021", tags=tags).success
    assert releases(project) == ["lawful/2020/0001", "lawful/2022/0001"]
    assert failed_partitions(instance) == {"2021"}


def failed_partitions(instance: dg.DagsterInstance) -> set[str]:
    """Cycles whose selection shows a failed check of freshness as the latest."""
    key = dg.AssetCheckKey(KEYS.selection("lawful"), "anchor_freshness")
    latest: dict[str, str] = {}
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=100):
        latest.setdefault(str(record.partition), record.status.value)
    return {partition for partition, status in latest.items() if status == "FAILED"}


@pytest.mark.marathon
def test_a_backfill_by_the_daemon_is_one_run_per_cycle(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dagster job backfill`, the daemon that takes runs off the queue, a process for each run: as deployed."""
    project = poor_in_2021(tmp_path / "poor")
    monkeypatch.setenv("ANCHOR_PROJECT", str(project.path))
    where = ("-m", "anchor_pipeline.definitions")
    log = tmp_path / "daemon.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "dagster._daemon", "run", *where]
        daemon = subprocess.Popen(command, stdout=out, stderr=out, cwd=project.root)
    try:
        cycles = ("2020", "2021", "2022")
        asked = dagster(
            project, "job", "backfill", *where, "-j", "build_lawful", "--partitions", ",".join(cycles), "--noprompt"
        )
        assert asked.returncode == 0, asked.stderr
        end = time.monotonic() + 300
        while len(ended := [one for one in instance.get_runs() if one.is_finished]) < len(cycles):
            assert time.monotonic() < end, log.read_text()
            time.sleep(1)
    finally:
        daemon.terminate()
        daemon.wait(60)
    states = {one.tags["dagster/partition"]: one.status.value for one in ended}
    assert states == {"2020": "SUCCESS", "2021": "FAILURE", "2022": "SUCCESS"}
    assert releases(project) == ["lawful/2020/0001", "lawful/2022/0001"]
    assert failed_partitions(instance) == {"2021"}
