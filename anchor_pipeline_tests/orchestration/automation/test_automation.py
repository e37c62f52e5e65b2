"""Declarative automation builds the newest cycle when it is due, and a refusing check keeps the mix from starting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.errors import DeclarationError
from anchor_pipeline.orchestration import assets
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.projects import PROJECT, small_project

KEYS = Names()
DUE = datetime(2021, 1, 1, 0, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    small_project(tmp_path)
    return project_at(tmp_path, PROJECT + "automation: declarative\n")


class Daemon:
    """Evaluates the conditions of a project as the daemon does, tick by tick, and runs what is asked for."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        self.definitions = definitions_for(project, key_prefix=())
        self.project, self.instance = project, instance
        self.now, self.result = DUE - timedelta(minutes=2), None

    def tick(self) -> set[str]:
        """What is requested now, as `asset partition`."""
        self.result = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            evaluation_time=self.now,
            cursor=self.result.cursor if self.result else None,
        )
        self.now += timedelta(minutes=1)
        found = set()
        for one in self.result.results:
            for partition in one.true_subset.expensively_compute_partition_keys():
                found.add(f"{'/'.join(one.key.path)} {partition}")
        return found

    def run(self, *keys: dg.AssetKey, cycle: str = "2020") -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def("build_all")
        return job.execute_in_process(
            instance=self.instance,
            partition_key=cycle,
            asset_selection=list(keys),
            raise_on_error=False,
            run_config=QUIET,
        )


SOURCES = {f"sources/{name} 2020" for name in ("logbooks", "gazette", "drafts")}


def test_a_cycle_is_built_when_it_is_over_in_one_run_and_once(project: Project, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(project, instance)
    assert daemon.tick() == set(), "the year 2020 is not over yet"
    daemon.now = DUE
    requested = daemon.tick()
    assert requested >= SOURCES | {"corpus 2020", "selection/lawful 2020"}
    assert all(one.endswith(" 2020") for one in requested)
    daemon.run(*(dg.AssetKey(one.split(" ")[0].split("/")) for one in requested))
    following = daemon.tick()
    assert not following & SOURCES
    assert not following & requested


def test_a_refusing_check_keeps_the_mix_from_being_requested(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(assets, "downstream_condition", dg.AutomationCondition.eager)
        without = Daemon(project, instance)
    daemon = Daemon(project, instance)
    for one in (daemon, without):
        one.tick()
        one.now = DUE
        one.tick()
        one.tick()
    daemon.run(*(key for key in KEYS.all_of(project) if key.path[0] != "mix"))
    assert mixes(daemon.tick()) == {"mix/lawful 2020"}
    assert mixes(without.tick()) == {"mix/lawful 2020", "mix/greedy 2020"}, "without the condition it would start"


def mixes(requested: set[str]) -> set[str]:
    return {one for one in requested if one.startswith("mix/")}


def test_the_sensor_of_the_conditions_is_about_this_project_and_runs_only_if_declared(project: Project) -> None:
    sensor = definitions_for(project, key_prefix=()).resolve_sensor_def("build_when_due")
    assert isinstance(sensor, dg.AutomationConditionSensorDefinition)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    assert sensor.asset_selection is not None
    assert sensor.asset_selection.resolve(graph) == set(KEYS.all_of(project))
    undeclared = definitions_for(load_project(small_project(project.root)), key_prefix=())
    assert undeclared.resolve_sensor_def("build_when_due").default_status == dg.DefaultSensorStatus.STOPPED


def test_unfinished_cycles_are_not_for_conditions(tmp_path: Path) -> None:
    text = PROJECT.replace("start: 2019-01-01}", "start: 2019-01-01, unfinished: true}")
    with pytest.raises(DeclarationError, match="choose `schedule`"):
        project_at(tmp_path, text + "automation: declarative\n")


@pytest.mark.parametrize(
    ("cycle", "plan", "days"),
    [("daily", "weekly", 7), ("yearly", "daily", 366), ("daily", "daily", 1), ("hourly", "quarterly", 92)],
)
def test_sources_are_overdue_when_nothing_was_ingested_for_two_periods(
    tmp_path: Path, cycle: str, plan: str, days: int
) -> None:
    text = PROJECT.replace("cadence: yearly", f"cadence: {cycle}")
    text = text.replace("    signed_off: true\n", f"    signed_off: true\n    sampling_plan: {{cadence: {plan}}}\n")
    project = project_at(tmp_path, text)
    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    policy = graph.get(KEYS.source("logbooks")).freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=2 * days), warn_window=timedelta(days=1.25 * days)
    )
    assert graph.get(KEYS.source("gazette")).freshness_policy is None, "no plan, no promise"
