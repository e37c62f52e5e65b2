"""Every run can be found by project, cycle, stage and policy, however it was started."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.rules.verdict import policy_digest
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.projects import PROJECT, small_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(small_project(tmp_path / "project"))


def tags(project: Project, instance: dg.DagsterInstance, job: str, *keys: str, **given: str) -> dict[str, str]:
    """The tags of a run of those assets, of ours only."""
    repository = definitions_for(project, key_prefix=()).get_repository_def()
    name = repository.get_implicit_asset_job_names()[0] if job == "assets" else job
    run = repository.get_job(name).execute_in_process(
        instance=instance,
        partition_key="2020",
        asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
        tags=given,
        raise_on_error=False,
        run_config=QUIET,
    )
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return {name.removeprefix("anchor/"): value for name, value in found.tags.items() if name.startswith("anchor/")}


def test_a_run_of_a_job_says_project_cycle_stage_and_policy(project: Project, instance: dg.DagsterInstance) -> None:
    lawful = {"project": "small", "cycle": "2020", "stage": "lawful", "policy": policy_digest(project, "lawful")}
    assert tags(project, instance, "build_lawful", "selection/lawful") == lawful


def test_a_run_from_the_asset_graph_or_a_backfill_says_the_same(project: Project, instance: dg.DagsterInstance) -> None:
    lawful = {"project": "small", "cycle": "2020", "stage": "lawful", "policy": policy_digest(project, "lawful")}
    assert tags(project, instance, "assets", "mix/lawful") == lawful
    several = tags(project, instance, "assets", "mix/lawful", "selection/greedy")
    assert several["stage"] == "all"
    assert several["policy"] not in (policy_digest(project, "lawful"), policy_digest(project, "greedy"))


def test_a_run_that_builds_no_stage_has_none(project: Project, instance: dg.DagsterInstance) -> None:
    assert tags(project, instance, "assets", "sources/drafts") == {"project": "small", "cycle": "2020"}


def test_a_re_execution_under_another_policy_says_the_policy_it_ran_under(
    project: Project, instance: dg.DagsterInstance
) -> None:
    before = tags(project, instance, "build_lawful", "mix/lawful")
    stricter = project_at(project.root, PROJECT + "  synthetic_share: {max: 0.01}\n")
    copied = {f"anchor/{name}": value for name, value in before.items()}
    after = tags(stricter, instance, "build_lawful", "mix/lawful", **copied)
    assert after == {**before, "policy": policy_digest(stricter, "lawful")}
    assert after["policy"] != before["policy"]
