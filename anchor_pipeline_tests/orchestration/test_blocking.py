"""A refused mix cannot be had by another way round. Each way that stops it is taken away in turn, and missed.

The ways are blocking checks within a run, automation that waits for them (test_automation.py), and the mix itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from anchor_pipeline import steps
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix import write
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.orchestration import checks as check_definitions
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.rules.registry import rules_of_stage
from anchor_pipeline.rules.verdict import Verdict, judge
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.orchestration.running import CYCLE, KEYS, began, checks, dagster, failures, releases, run
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows

MIX_STEP = "mix__greedy"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(small_project(tmp_path / "project"))


@pytest.fixture(scope="module")
def selected_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with both stages selected and judged, and nothing released."""
    folder = tmp_path_factory.mktemp("selected") / "project"
    place = steps.Workplace(load_project(small_project(folder)))
    steps.plan_all(place, ["lawful", "greedy"], place.project.calendar.at(CYCLE))
    return folder


@pytest.fixture
def selected(selected_once: Path, tmp_path: Path) -> Project:
    """A copy of it for one test."""
    shutil.copytree(selected_once, tmp_path / "selected")
    return load_project(tmp_path / "selected")


# The first way: blocking checks, within a run.


def the_mix_does_not_even_begin(project: Project, instance: dg.DagsterInstance) -> bool:
    result = run(project, instance, "build_greedy")
    assert not result.success
    assert releases(project) == []
    return not began(result, MIX_STEP)


def test_after_a_failed_check_the_mix_does_not_even_begin(project: Project, instance: dg.DagsterInstance) -> None:
    assert the_mix_does_not_even_begin(project, instance)


def test_with_checks_that_do_not_block_it_begins_and_refuses_by_itself(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dg.AssetCheckSpec

    def lame(*arguments: Any, **options: Any) -> dg.AssetCheckSpec:
        return whole(*arguments, **{**options, "blocking": False})

    monkeypatch.setattr(dg, "AssetCheckSpec", lame)
    assert not the_mix_does_not_even_begin(project, instance), "the test above would notice"


@pytest.mark.marathon
def test_a_check_without_result_stops_the_mix_as_well(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In Dagster a blocking check that yields nothing lets what comes after it run.
    def broken(*_: object) -> Verdict:
        raise ValueError("the verdict cannot be read")

    monkeypatch.setattr(check_definitions, "standing_verdict", broken)
    result = run(project, instance, "build_lawful")
    assert not result.success
    assert not began(result, "mix__lawful")
    assert releases(project) == []


# The last way: the mix's own refusal, whatever ran before it.


def the_mix_alone_refuses(project: Project, instance: dg.DagsterInstance) -> bool:
    result = run(project, instance, "build_greedy", selection=[KEYS.mix("greedy")])
    assert began(result, MIX_STEP)
    return not result.success and releases(project, whole=False) == []


def test_the_mix_alone_refuses_with_the_reason(selected: Project, instance: dg.DagsterInstance) -> None:
    assert the_mix_alone_refuses(selected, instance)
    result = run(selected, instance, "build_greedy", selection=[KEYS.mix("greedy")])
    assert "refused: 2 of " in failures(result)[MIX_STEP], "as many rules as fail"


def no_judgement(verdict: Verdict) -> Verdict:
    """A verdict that passes, whatever was found."""
    found = tuple(one.model_copy(update={"status": "pass", "shortfall": None}) for one in verdict.findings)
    return verdict.model_copy(update={"status": "pass", "findings": found})


def test_a_mix_that_does_not_judge_is_released(
    selected: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "judge", lambda *given, **more: no_judgement(judge(*given, **more)))
    assert not the_mix_alone_refuses(selected, instance), "the test above would notice"


def test_writing_refuses_by_itself_what_a_step_forgot_to(
    selected: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The status alone says pass; the findings say what is.
    monkeypatch.setattr(
        steps, "judge", lambda *given, **more: judge(*given, **more).model_copy(update={"status": "pass"})
    )
    assert the_mix_alone_refuses(selected, instance)
    monkeypatch.setattr(write, "refusal_of", lambda _: None)
    assert not the_mix_alone_refuses(selected, instance), "it is writing that refused"
    with pytest.raises(Refused, match="it must not be used"):
        open_mix(selected.store_path / "mix/greedy")


# Roundabout ways, all of which end at the mix's own refusal.


def test_a_selection_of_another_policy_is_refused(selected: Project, instance: dg.DagsterInstance) -> None:
    stricter = project_at(selected.root, PROJECT + "  synthetic_share: {max: 0.01}\n")
    result = run(stricter, instance, "build_lawful", selection=[KEYS.mix("lawful")])
    assert "out of date" in failures(result)["mix__lawful"]
    assert releases(selected) == []


def test_a_selection_of_another_corpus_is_refused(selected: Project, instance: dg.DagsterInstance) -> None:
    write_rows(selected.root / "raw/gazette.jsonl", rows("new", 60, 5))
    run(selected, instance, "build_lawful", selection=KEYS.all_of(selected)[:4])
    result = run(selected, instance, "build_lawful", selection=[KEYS.mix("lawful")])
    assert "out of date" in failures(result)["mix__lawful"]
    assert releases(selected) == []


def with_parts(definitions: dg.Definitions, **parts: Any) -> dg.Definitions:
    """The definitions with other checks or jobs."""
    same = {name: getattr(definitions, name) for name in ("assets", "asset_checks", "jobs")}
    return dg.Definitions(**{**same, **parts})


@pytest.mark.parametrize("removed", ["stage_tokens", "everything"])
def test_a_check_removed_from_the_definitions_does_not_let_a_mix_through(
    selected: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, removed: str
) -> None:
    monkeypatch.setattr(
        check_definitions,
        "rules_of_stage",
        lambda *of: [entry for entry in rules_of_stage(*of) if entry.name != removed],
    )
    definitions = definitions_for(selected, key_prefix=())
    if removed == "everything":
        definitions = with_parts(definitions, asset_checks=[])
    found = {key.name for key in definitions.resolve_asset_graph().asset_check_keys}
    assert removed not in found
    job = definitions.resolve_job_def("build_greedy")
    result = job.execute_in_process(instance=instance, partition_key=CYCLE, raise_on_error=False, run_config=QUIET)
    assert not result.success
    assert releases(selected) == []
    if removed == "everything":
        assert "refused: 2 of " in failures(result)[MIX_STEP]


def test_a_rule_declared_off_is_another_policy_and_asks_for_another_selection(
    selected: Project, instance: dg.DagsterInstance
) -> None:
    without = PROJECT.replace("    min_tokens: 40k\n", "") + "  synthetic_share: off\n"
    laxer = project_at(selected.root, without)
    result = run(laxer, instance, "build_greedy", selection=[KEYS.mix("greedy")])
    assert "out of date" in failures(result)[MIX_STEP]
    assert releases(selected) == []


def test_a_run_of_checks_alone_shows_what_stands_and_releases_nothing(
    project: Project, selected: Project, instance: dg.DagsterInstance
) -> None:
    only = dg.define_asset_job(
        "only_checks", selection=dg.AssetSelection.checks_for_assets(KEYS.selection("lawful"))
    )  # fmt: skip

    def evaluate(of: Project) -> dg.ExecuteInProcessResult:
        definitions = definitions_for(of, key_prefix=())
        definitions = with_parts(definitions, jobs=[only])
        job = definitions.resolve_job_def("only_checks")
        tags = {"dagster/partition": CYCLE}
        return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False, run_config=QUIET)

    # Never built: no check passes, and none is missing.
    unbuilt = checks(evaluate(project))
    assert unbuilt
    assert not any(one.passed for one in unbuilt.values())
    built = checks(evaluate(selected))
    assert built["selection/lawful:anchor_share"].passed
    assert built.keys() == unbuilt.keys()
    # Selected under another policy: what was found then does not count now.
    stale = checks(evaluate(project_at(selected.root, PROJECT + "  synthetic_share: {max: 0.01}\n")))
    assert not any(one.passed for one in stale.values())
    assert releases(project) == releases(selected) == []


@pytest.mark.marathon
def test_the_dagster_command_with_the_mixes_alone_releases_what_is_lawful_and_refuses_the_rest(
    selected: Project, instance: dg.DagsterInstance
) -> None:
    """`dagster asset materialize --select` with nothing but mixes: a lawful one is had, the other is refused."""
    alone = ("asset", "materialize", "-m", "anchor_pipeline.definitions", "--partition", CYCLE, "--select")
    done = dagster(selected, *alone, "key:mix/*")
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert releases(selected) == ["lawful/2020/0001"]
