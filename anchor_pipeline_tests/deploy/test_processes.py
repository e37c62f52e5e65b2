"""The process variant, run as the guide says: a scheduled mix appears, a bad one is refused, both seen in the UI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline import open_mix
from anchor_pipeline_tests.deploy.processes import Deployment, deployed
from anchor_pipeline_tests.orchestration.postgres import PASSWORD, running_postgres
from anchor_pipeline_tests.projects import PROJECT, small_project

pytestmark = pytest.mark.slow

MINUTELY = PROJECT.replace(
    "cycle: {cadence: yearly, start: 2019-01-01}",
    f'cycle: {{cron: "* * * * *", start: {datetime.now(UTC):%Y-%m-%d}}}\nautomation: {{mode: schedule}}',
).replace("fresh_window: 2y", "fresh_window: 50y")

TICKS = """{schedulesOrError(repositorySelector: {repositoryName: "__repository__",
    repositoryLocationName: "anchor_pipeline"}) {... on Schedules {results {name scheduleState {
    ticks(limit: 5) {status error {message} runs {id status}}}}}}}"""
RUN = """query($id: ID!) {runOrError(runId: $id) {... on Run {
    runId status tags {key value} stepStats {stepKey status}}}}"""
CHECK = """query($path: [String!]!, $name: String!) {
    assetCheckExecutions(assetKey: {path: $path}, checkName: $name, limit: 20) {
    runId status evaluation {severity description}}}"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    project = small_project(folder / "project", MINUTELY)
    with running_postgres() as postgres:
        settings = {"ANCHOR_PROJECT": str(project), "DAGSTER_POSTGRES_URL": postgres.database()}
        with deployed(folder, settings) as running:
            yield running


@pytest.fixture(scope="module")
def run(deployment: Deployment) -> dict[str, Any]:
    """The first run that the schedule asked for, once it has ended."""

    def ended() -> dict[str, Any] | None:
        schedules = deployment.ask(TICKS)["schedulesOrError"].get("results", [])
        ticks = [tick for schedule in schedules for tick in schedule["scheduleState"]["ticks"]]
        assert not [tick["error"] for tick in ticks if tick["error"]]
        for run_id in [run["id"] for tick in reversed(ticks) for run in tick["runs"]][:1]:
            run: dict[str, Any] = deployment.ask(RUN, id=run_id)["runOrError"]
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return run
        return None

    return deployment.wait_for("a run of the schedule has ended", ended)


def tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["tags"]}


def check(deployment: Deployment, run: dict[str, Any], path: str, name: str) -> dict[str, Any]:
    """What the page of the check shows of the run: later runs of the schedule add theirs."""
    executions = deployment.ask(CHECK, path=path.split("/"), name=name)["assetCheckExecutions"]
    (found,) = [one for one in executions if one["runId"] == run["runId"]]
    return dict(found)


def test_the_daemon_launches_the_run_that_the_schedule_asked_for(run: dict[str, Any]) -> None:
    assert tags(run)["dagster/schedule_name"] == "build_on_schedule"
    assert datetime.strptime(tags(run)["dagster/partition"], "%Y-%m-%dT%H:%M").replace(tzinfo=UTC) < datetime.now(UTC)
    assert {step["stepKey"]: step["status"] for step in run["stepStats"]}["mix__lawful"] == "SUCCESS"


def test_the_scheduled_release_is_read_back(deployment: Deployment, run: dict[str, Any]) -> None:
    store = Path(deployment.settings["ANCHOR_PROJECT"]).parent / "store"
    mix = open_mix(store / "mix/lawful" / tags(run)["dagster/partition"])
    assert sum(batch.num_rows for batch in mix.batches(rank=0, world_size=1, start=0)) == len(mix) > 50


def test_the_refused_stage_is_red_in_the_ui_and_says_why(deployment: Deployment, run: dict[str, Any]) -> None:
    assert run["status"] == "FAILURE"
    refused = check(deployment, run, "selection/greedy", "stage_tokens")
    assert (refused["status"], refused["evaluation"]["severity"]) == ("FAILED", "ERROR")
    assert "40,000" in refused["evaluation"]["description"]
    store = Path(deployment.settings["ANCHOR_PROJECT"]).parent / "store"
    assert not list(store.glob("mix/greedy/**/MANIFEST.json"))


def test_the_checks_of_the_released_stage_are_green_in_the_ui(deployment: Deployment, run: dict[str, Any]) -> None:
    assert check(deployment, run, "mix/lawful", "verified")["status"] == "SUCCEEDED"


def test_the_password_of_the_database_shows_nowhere(deployment: Deployment, run: dict[str, Any]) -> None:
    configuration = str(deployment.ask("{instance {info}}"))
    assert "PostgresEventLogStorage" in configuration
    commands = [Path(f"/proc/{one}/cmdline").read_bytes().decode() for one in deployment.processes()]
    assert len(commands) >= 3
    told = "\n".join([configuration, deployment.log.read_text(), *commands])
    assert PASSWORD not in told
    assert deployment.settings["DAGSTER_POSTGRES_URL"].partition("@/")[0].rpartition(":")[2] not in told
    assert not list(Path(deployment.settings["DAGSTER_HOME"]).rglob("*.db")), "all of it is in PostgreSQL"
