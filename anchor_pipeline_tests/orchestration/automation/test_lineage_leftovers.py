"""What a build could not deliver of its lineage, a sensor delivers later."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline import steps
from anchor_pipeline.lineage.outbox import read_events
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.orchestration import receivers
from anchor_pipeline_tests.projects import small_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that has recorded a step while no collector was configured."""
    for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    project = load_project(small_project(tmp_path))
    steps.ingest(steps.Workplace(project), "drafts", project.calendar.at("2020"))
    return project


def tick(project: Project, instance: dg.DagsterInstance) -> str:
    repository = definitions_for(project, key_prefix=()).get_repository_def()
    with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
        return str(repository.get_sensor_def("deliver_lineage").evaluate_tick(context).skip_message)


def status(project: Project) -> dg.DefaultSensorStatus:
    return definitions_for(project, key_prefix=()).resolve_sensor_def("deliver_lineage").default_status


def test_leftovers_are_delivered_once_a_collector_is_there(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = [event["run"]["runId"] for event in read_events(steps.Workplace(project).store)]
    assert tick(project, instance) == "no OpenLineage collector is configured"
    assert status(project) == dg.DefaultSensorStatus.STOPPED
    with receivers.web() as collector:
        monkeypatch.setenv("OPENLINEAGE_URL", collector.address)
        assert status(project) == dg.DefaultSensorStatus.RUNNING
        assert tick(project, instance).startswith(f"{len(recorded)} sent, 0 pending")
        assert [document["run"]["runId"] for _, _, document in collector.posts] == recorded
        assert tick(project, instance) == "nothing to deliver"


def test_a_wrong_configuration_is_told_in_the_tick(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "no address at all")
    assert status(project) == dg.DefaultSensorStatus.RUNNING
    assert "0 sent" in tick(project, instance)
