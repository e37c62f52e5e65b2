"""The ledger in Dagster: an asset that publishes and stamps, and a schedule where stamps are declared."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.custody.stamps.services import calendar
from anchor_pipeline_tests.custody.tile_reader import TileReader
from anchor_pipeline_tests.projects import PROJECT


def project_with(folder: Path, custody: str) -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "project.yaml").write_text(PROJECT + custody)
    return load_project(folder)


def published(project: Project, instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """Run the asset; gives the check of its stamps."""
    job = definitions_for(project, key_prefix=()).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("ledger")])
    assert result.success
    (found,) = result.get_asset_check_evaluations()
    return found


def test_a_project_without_custody_has_no_ledger_in_dagster(tmp_path: Path) -> None:
    definitions = definitions_for(project_with(tmp_path, ""), key_prefix=())
    assert dg.AssetKey("ledger") not in definitions.resolve_asset_graph().get_all_asset_keys()
    assert len(list(definitions.schedules or [])) == 1


def test_the_schedule_runs_where_stamps_are_declared(tmp_path: Path) -> None:
    custody = "custody:\n  origin: example.org/small\n"
    for more, status in (("", "STOPPED"), ("  stamps: {}\n", "RUNNING")):
        definitions = definitions_for(project_with(tmp_path, custody + more), key_prefix=())
        dg.Definitions.validate_loadable(definitions)
        (schedule,) = [one for one in definitions.schedules or [] if one.name == "publish_ledger_daily"]
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.default_status.name == status


def test_the_ledger_is_published_and_pending_is_shown_as_pending(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    with calendar() as one:
        custody = f"custody:\n  origin: example.org/small\n  stamps: {{calendars: ['{one.url}'], headers: headers}}\n"
        project = project_with(tmp_path / "project", custody)
        custodian = custodian_of(project)
        assert custodian is not None
        begin_custody(custodian, ["pipeline"])
        (project.root / "headers").write_text("")
        pending = published(project, instance)
        assert pending.passed
        assert pending.description == "0 verified, 1 pending, 0 failed"
        assert TileReader(project.store_path / "custody/log").size == 1
        one.confirmed = True
        (project.root / "headers").write_text(f"850000 {one.header().hex()}\n")
        assert published(project, instance).description == "1 verified, 0 pending, 0 failed"
        (project.root / "headers").write_text(f"850000 {bytes(80).hex()}\n")
        assert not published(project, instance).passed


def test_services_that_are_away_fail_no_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    custody = "custody:\n  origin: example.org/small\n  stamps: {calendars: ['http://127.0.0.1:9/']}\n"
    project = project_with(tmp_path / "project", custody)
    custodian = custodian_of(project)
    assert custodian is not None
    begin_custody(custodian, ["pipeline"])
    assert published(project, instance).description == "0 verified, 1 pending, 0 failed"
