"""Runs that Dagster launches in processes of their own: cancelled in the UI, or their process killed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._cli.job import _create_run
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import ModuleTarget

from anchor_pipeline_tests.faults.small_build import CYCLE, STAGE, SmallBuild, small_build

pytestmark = pytest.mark.marathon

CONFIGURATION = Path(__file__).parents[2] / "dagster.yaml"


class Deployment:
    """A code server with our definitions, and the launcher that starts a process for each run."""

    def __init__(self, build: SmallBuild, instance: dg.DagsterInstance, workspace: WorkspaceRequestContext) -> None:
        self.build, self.instance, self.workspace = build, instance, workspace

    def launch(self) -> str:
        """Launch the job of the stage; gives the id of the run."""
        (location,) = self.workspace.code_locations
        (repository,) = location.get_repositories().values()
        run = _create_run(
            instance=self.instance,
            code_location=location,
            remote_repo=repository,
            remote_job=repository.get_full_job(f"build_{STAGE}"),
            run_config={},
            tags={"dagster/partition": CYCLE},
            op_selection=None,
            run_id=None,
        )
        self.instance.launch_run(run.run_id, self.workspace)
        return str(run.run_id)

    def wait_for_step(self, run_id: str) -> None:
        """Until a step runs."""
        started = dg.DagsterEventType.STEP_START
        self._wait(lambda: self.instance.all_logs(run_id, of_type=started))

    def wait_for_end(self, run_id: str) -> dg.DagsterRunStatus:
        """Until the run has ended; gives its status."""
        self._wait(lambda: self._run(run_id).is_finished)
        return self._run(run_id).status

    def worker(self, run_id: str) -> int:
        """Process id of the run's worker, as the run itself tells it."""
        told = " ".join(record.message for record in self.instance.all_logs(run_id))
        found = re.search(r"\(pid: (\d+)\)", told)
        assert found is not None, told
        return int(found[1])

    def _run(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def _wait(self, condition: object) -> None:
        assert callable(condition)
        end = time.monotonic() + 180
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    build = small_build(tmp_path / "project")
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_bytes(CONFIGURATION.read_bytes())
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("ANCHOR_PROJECT", str(build.folder / "project.yaml"))
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    target = ModuleTarget("anchor_pipeline.definitions", None, None, None)
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as process:
        yield Deployment(build, instance, process.create_request_context())


def test_a_cancelled_run_is_canceled_and_the_next_one_releases(deployment: Deployment) -> None:
    first = deployment.launch()
    deployment.wait_for_step(first)
    assert deployment.instance.run_launcher.terminate(first)
    assert deployment.wait_for_end(first) == dg.DagsterRunStatus.CANCELED
    assert deployment.build.state() is None
    assert deployment.wait_for_end(deployment.launch()) == dg.DagsterRunStatus.SUCCESS
    assert deployment.build.state() is not None


def test_a_killed_worker_is_a_failed_run_and_the_next_one_releases(deployment: Deployment) -> None:
    first = deployment.launch()
    deployment.wait_for_step(first)
    os.kill(deployment.worker(first), signal.SIGKILL)
    assert deployment.wait_for_end(first) == dg.DagsterRunStatus.FAILURE
    assert deployment.build.state() is None
    assert deployment.wait_for_end(deployment.launch()) == dg.DagsterRunStatus.SUCCESS
    assert deployment.build.state() is not None
