"""Dagster shows what is declared: assets, checks and jobs; one run builds or refuses, and the mix refuses by itself."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.orchestration.partitions import cycle_partitions
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.rules.registry import REGISTRY
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows

KEYS = Names()


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(small_project(tmp_path / "project"))


def run(
    project: Project, instance: dg.DagsterInstance, job: str, selection: list[dg.AssetKey] | None = None
) -> dg.ExecuteInProcessResult:
    definitions = definitions_for(project, key_prefix=())
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key="2020", raise_on_error=False, asset_selection=selection, run_config=QUIET
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {f"{'/'.join(one.asset_key.path)}:{one.check_name}": one for one in result.get_asset_check_evaluations()}


def releases(project: Project) -> list[str]:
    return sorted(str(path.relative_to(project.store_path)) for path in project.store_path.glob("mix/**/MANIFEST.json"))


def test_definitions_are_loadable_and_hold_what_is_declared(project: Project) -> None:
    definitions = definitions_for(project, key_prefix=())
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    assert graph.get_all_asset_keys() == set(KEYS.all_of(project))
    assert graph.get(KEYS.mix("lawful")).parent_keys == {KEYS.selection("lawful")}
    assert graph.get(KEYS.corpus).parent_keys == {KEYS.source(name) for name in project.sources}
    selected = {key.name for key in graph.asset_check_keys if key.asset_key == KEYS.selection("lawful")}
    assert selected == {*REGISTRY, "verdict"}
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert {"build_all", "build_lawful", "build_greedy"} <= jobs


def test_one_run_releases_the_lawful_stage_and_refuses_the_other(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = run(project, instance, "build_all")
    assert not result.success, "a refused mix makes the run red"
    found = checks(result)
    assert found["selection/lawful:anchor_share"].passed
    refused = found["selection/greedy:stage_tokens"]
    assert not refused.passed
    assert refused.severity == dg.AssetCheckSeverity.ERROR
    assert "40,000" in str(refused.description)
    assert found["mix/lawful:verified"].passed
    assert releases(project) == ["mix/lawful/2020/0001/MANIFEST.json"]
    assert "release_mix" not in " ".join(event.step_key or "" for event in result.get_step_failure_events())
    unavailable = found["selection/lawful:entropy_band"]
    assert not unavailable.passed, "not yet available is never shown as passed"
    assert unavailable.severity == dg.AssetCheckSeverity.WARN


def test_findings_are_kept_per_partition(project: Project, instance: dg.DagsterInstance) -> None:
    run(project, instance, "build_lawful")
    key = dg.AssetCheckKey(KEYS.selection("lawful"), "anchor_share")
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert [record.partition for record in records] == ["2020"]


def test_materialising_only_the_mix_after_a_failed_check_releases_nothing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    run(project, instance, "build_greedy")
    result = run(project, instance, "build_greedy", [KEYS.mix("greedy")])
    assert not result.success
    message = result.get_step_failure_events()[0].step_failure_data.error
    assert "refused" in str(message)
    assert releases(project) == []


def test_materialising_only_the_mix_of_a_changed_policy_releases_nothing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    run(project, instance, "build_lawful", [*KEYS.all_of(project)[:4], KEYS.selection("lawful")])
    assert releases(project) == []
    stricter = project_at(project.root, PROJECT + "  synthetic_share: {max: 0.01}\n")
    assert not run(stricter, instance, "build_lawful", [KEYS.mix("lawful")]).success
    assert releases(project) == []
    assert run(project, instance, "build_lawful", [KEYS.mix("lawful")]).success
    assert len(releases(project)) == 1


def test_an_unreadable_file_fails_its_source_and_refuses_what_depends_on_it(
    project: Project, instance: dg.DagsterInstance
) -> None:
    (project.root / "raw/gazette.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00garbage")
    text = PROJECT.replace("raw/gazette.jsonl", "raw/gazette.jsonl*")
    result = run(project_at(project.root, text), instance, "build_lawful")
    found = checks(result)
    broken = found["sources/gazette:readable"]
    assert not broken.passed
    assert "gazette.jsonl.gz" in str(broken.description)
    assert found["sources/logbooks:readable"].passed, "the other sources still build"
    assert not found["selection/lawful:conservation"].passed
    assert releases(project) == []


def test_a_violated_expectation_is_a_failed_check(project: Project, instance: dg.DagsterInstance) -> None:
    expected = "    expectations: [{type: expect_column_values_to_be_between, column: tokens, max_value: 5}]\n"
    text = PROJECT.replace("    uri: raw/gazette.jsonl\n", "    uri: raw/gazette.jsonl\n" + expected)
    found = checks(run(project_at(project.root, text), instance, "build_lawful"))
    asked = [found[name] for name in found if name.startswith("sources/gazette:expect_column_values_to_be_between")]
    (violated,) = [one for one in asked if not one.passed]
    assert "60" in str(violated.description), "all rows have more than five words"
    assert (project.store_path / "data_docs/index.html").exists()


def test_a_second_run_of_unchanged_input_gives_the_same_release(project: Project, instance: dg.DagsterInstance) -> None:
    run(project, instance, "build_lawful")
    run(project, instance, "build_lawful")
    assert releases(project) == ["mix/lawful/2020/0001/MANIFEST.json"]
    write_rows(project.root / "raw/gazette.jsonl", rows("new", 60, 5))
    assert run(project, instance, "build_lawful").success
    assert releases(project)[-1] == "mix/lawful/2020/0002/MANIFEST.json"


@pytest.mark.parametrize(
    ("cadence", "key"),
    [("hourly", "2021-07-05T13"), ("daily", "2021-07-05"), ("weekly", "2021-07-05"), ("monthly", "2021-07"),
     ("quarterly", "2021-07"), ("yearly", "2021"), ('"30 6 * * 1"', "2021-07-05T06:30")],
)  # fmt: skip
def test_partition_keys_are_cycle_keys(tmp_path: Path, cadence: str, key: str) -> None:
    declared = f"cron: {cadence}" if '"' in cadence else f"cadence: {cadence}"
    project = project_at(tmp_path, PROJECT.replace("cadence: yearly", declared))
    partitions = cycle_partitions(project)
    assert partitions.has_partition_key(key)
    first = partitions.get_first_partition_key()
    assert first == project.calendar.containing(project.calendar.first).key
    assert project.calendar.at(key).key == key
