"""No check is ever missing from a run, and each says what it asks and why; on a real instance.

What we rely on of Dagster's preview feature: a check with `partitions_def` keeps a history per partition, and its
definitions are loadable beside an asset with the same partitions.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.orchestration import checks as check_definitions
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.rules import verdict as judging
from anchor_pipeline.rules.registry import NOT_AVAILABLE, REGISTRY
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.orchestration.running import CYCLE, KEYS, checks, run
from anchor_pipeline_tests.projects import PROJECT, small_project

DECLARATION = (
    PROJECT.replace("    tokens: 2k\n", "    tokens: 2k\n    rules: {near_duplicates: {severity: warn}}\n")
    .replace("  sea: {", "  sea: {rules: {anchor_share: {min: 0.2}}, ")
    .replace(
        "    uri: raw/gazette.jsonl\n",
        "    uri: raw/gazette.jsonl\n"
        "    expectations: [{type: expect_column_values_to_be_between, column: tokens, max_value: 5}]\n",
    )
)
SELECTION = KEYS.selection("lawful")
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
Results = dict[str, dg.AssetCheckEvaluation]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, home: dg.DagsterInstance) -> tuple[Project, Results]:
    """A project built once, and the results of all its checks."""
    project = load_project(small_project(tmp_path_factory.mktemp("built"), DECLARATION))
    return project, checks(run(project, home, "build_all"))


@pytest.fixture
def project(built: tuple[Project, Results], tmp_path: Path) -> Project:
    """A copy of the built project, to damage."""
    shutil.copytree(built[0].root, tmp_path / "copy")
    return load_project(tmp_path / "copy")


def evaluate(
    project: Project, instance: dg.DagsterInstance, asset: dg.AssetKey = SELECTION, cycle: str = CYCLE
) -> tuple[dg.ExecuteInProcessResult, Results]:
    """Run the checks of an asset alone; results by the check's name."""
    chosen = dg.AssetSelection.checks_for_assets(asset)
    only = dg.define_asset_job("only_checks", chosen, executor_def=dg.in_process_executor)
    definitions = dg.Definitions.merge(definitions_for(project, key_prefix=()), dg.Definitions(jobs=[only]))
    job = definitions.resolve_job_def("only_checks")
    # A job without assets knows no partitions; a run of it has one all the same, as when the UI launches it.
    tags = {"dagster/partition": cycle}
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    return result, {one.check_name: one for one in result.get_asset_check_evaluations()}


def declared(project: Project, asset: dg.AssetKey = SELECTION) -> dict[str, dg.AssetCheckSpec]:
    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    return {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys if key.asset_key == asset}


def verdict_file(project: Project) -> Path:
    return project.store_path / f"selection/lawful/{CYCLE}/verdict.json"


def assert_none_was_judged(project: Project, result: dg.ExecuteInProcessResult, found: Results, reason: str) -> None:
    specs = declared(project)
    assert found.keys() == specs.keys(), "a check is missing"
    assert not any(one.passed for one in found.values())
    assert {str(one.metadata["status"].value) for one in found.values()} == {"insufficient"}
    assert all(reason in str(one.description) for one in found.values())
    assert {name for name, one in found.items() if one.severity == ERROR} == {
        name for name, one in specs.items() if one.blocking
    }
    assert not result.success, "the run is red"


_ONCE_CALIBRATED = {
    "entropy_band",
    "novelty_band",
    "diversity_band",
    "model_origin",
    "perceptual_novelty",
    "anchor_drift",
}


def test_each_rule_says_what_it_asks_and_why_and_whether_it_blocks(built: tuple[Project, Results]) -> None:
    specs = declared(built[0])
    assert specs.keys() == {*REGISTRY, "verdict"}
    for name, spec in specs.items():
        text = str(spec.description)
        later = name in _ONCE_CALIBRATED
        advisory = "Advisory until calibrated; blocks from then on" if later else "Advisory. "
        assert text.startswith("Blocking. " if spec.blocking else advisory), name
        assert name == "verdict" or REGISTRY[name].why in text
        assert ("status is `insufficient`, never passed" in text) == (name in NOT_AVAILABLE)
    assert "at least 15 % of the tokens are of anchors; `sea`: at least 20 %." in str(specs["anchor_share"].description)
    assert "`sea`: at least 33.3 % within 2y" in str(specs["anchor_freshness"].description)
    assert "at most 30 % of the tokens are synthetic" in str(specs["synthetic_share"].description)
    assert "at most 2,000 tokens of text; at least 1" in str(specs["stage_tokens"].description)
    assert "`sea` 100 %, each ± 2 %" in str(specs["domain_weights"].description)
    assert not specs["near_duplicates"].blocking


def test_a_build_yields_every_declared_check(built: tuple[Project, Results]) -> None:
    project, found = built
    for stage in ("lawful", "greedy"):
        asset = KEYS.selection(stage)
        yielded = {name.partition(":")[2] for name in found if name.startswith(f"selection/{stage}:")}
        assert yielded == declared(project, asset).keys()
    assert found["mix/lawful:verified"].passed


def test_the_verdict_says_how_many_of_how_many_rules_ran(built: tuple[Project, Results]) -> None:
    one = built[1]["selection/lawful:verdict"]
    # Without probes, bands, detectors, evaluation sets and an earlier release.
    judged = len(REGISTRY) - len(NOT_AVAILABLE) - 6
    assert one.passed
    assert (
        one.metadata["rules"].value
        == f"{judged} of {len(REGISTRY)} rules judged, {len(NOT_AVAILABLE)} not yet available, 6 without evidence"
    )
    assert one.metadata["rules_judged"].value == judged
    assert one.metadata["rules_not_judged"].value == len(NOT_AVAILABLE) + 6
    report = one.metadata["report"]
    assert isinstance(report, dg.PathMetadataValue)
    assert Path(str(report.path)).is_file()
    refused = built[1]["selection/greedy:verdict"]
    assert not refused.passed
    assert refused.blocking
    assert str(refused.description).startswith("BLOCKS: refused: ")


def test_a_rule_that_breaks_is_insufficient_with_the_reason(
    project: Project, home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setitem(judging.AVAILABLE, "licence", broken)
    found = checks(run(project, home, "build_lawful", selection=[SELECTION]))
    licence = found["selection/lawful:licence"]
    assert not licence.passed
    assert licence.severity == ERROR
    assert licence.metadata["status"].value == "insufficient"
    assert "no such luck" in str(licence.description)
    assert len(found) == len(declared(project))
    assert found["selection/lawful:anchor_share"].passed
    assert "7 without evidence" in str(found["selection/lawful:verdict"].metadata["rules"].value)


def test_a_check_that_breaks_while_it_is_shown_leaves_the_others(
    project: Project, home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = check_definitions.rule_result

    def broken(spec: dg.AssetCheckSpec, *given: object) -> dg.AssetCheckResult:
        if spec.name == "consent":
            raise KeyError("lost")
        return shown(spec, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(check_definitions, "rule_result", broken)
    result, found = evaluate(project, home)
    assert found.keys() == declared(project).keys()
    assert not found["consent"].passed
    assert "lost" in str(found["consent"].description)
    assert found["anchor_share"].passed
    assert not result.success


def test_a_verdict_that_was_deleted_fails_every_check(project: Project, home: dg.DagsterInstance) -> None:
    verdict_file(project).unlink()
    assert_none_was_judged(project, *evaluate(project, home), "has no verdict")


def test_a_verdict_that_cannot_be_read_fails_every_check(project: Project, home: dg.DagsterInstance) -> None:
    verdict_file(project).write_text('{"format": 1')
    assert_none_was_judged(project, *evaluate(project, home), "ValidationError")


def test_a_verdict_on_another_selection_fails_every_check(project: Project, home: dg.DagsterInstance) -> None:
    told = json.loads(verdict_file(project).read_text())
    told["digests"]["selection"] = "0" * 64
    verdict_file(project).write_text(json.dumps(told))
    assert_none_was_judged(project, *evaluate(project, home), "for another selection")


def test_a_verdict_of_another_policy_fails_every_check(project: Project, home: dg.DagsterInstance) -> None:
    stricter = project_at(project.root, DECLARATION + "  synthetic_share: {max: 0.01}\n")
    assert_none_was_judged(stricter, *evaluate(stricter, home), "have changed since")


def test_a_verdict_older_than_its_selection_fails_every_check(project: Project, home: dg.DagsterInstance) -> None:
    # As when a build stops between the two: the same documents, judged under a policy that no longer holds.
    told = json.loads(verdict_file(project).read_text())
    told["digests"]["policy"] = "0" * 64
    verdict_file(project).write_text(json.dumps(told))
    assert_none_was_judged(project, *evaluate(project, home), "have changed since")


def test_a_verdict_that_lacks_a_rule_fails_that_check_alone(project: Project, home: dg.DagsterInstance) -> None:
    told = json.loads(verdict_file(project).read_text())
    told["findings"] = [one for one in told["findings"] if one["rule"] not in ("licence", "near_duplicates")]
    verdict_file(project).write_text(json.dumps(told))
    result, found = evaluate(project, home)
    assert found.keys() == declared(project).keys()
    assert (found["licence"].passed, found["licence"].severity) == (False, ERROR)
    assert (found["near_duplicates"].passed, found["near_duplicates"].severity) == (False, WARN)
    assert found["anchor_share"].passed
    assert not result.success


def test_checks_of_a_cycle_that_was_never_built_all_say_so(project: Project, home: dg.DagsterInstance) -> None:
    result, found = evaluate(project, home, cycle="2019")
    assert_none_was_judged(project, result, found, "was never assembled; build corpus first")
    result, found = evaluate(project, home, KEYS.mix("greedy"))
    assert found["verified"].metadata["status"].value == "insufficient"
    assert "has no release" in str(found["verified"].description)
    assert not result.success
    shutil.rmtree(project.store_path / "sources")
    _, found = evaluate(project, home, KEYS.source("gazette"))
    assert found.keys() == declared(project, KEYS.source("gazette")).keys()
    assert not any(one.passed for one in found.values())


def test_a_damaged_release_is_told_with_what_is_damaged(project: Project, home: dg.DagsterInstance) -> None:
    [part] = project.store_path.glob(f"mix/lawful/{CYCLE}/0001/data/*.parquet")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1])
    result, found = evaluate(project, home, KEYS.mix("lawful"))
    assert not found["verified"].passed
    assert part.name in str(found["verified"].description)
    assert not result.success


def test_an_expectation_links_to_its_page_and_names_rows(built: tuple[Project, Results]) -> None:
    project, found = built
    asked = "expect_column_values_to_be_between__tokens"
    failed = [one for name, one in found.items() if name.startswith(f"sources/gazette:{asked}") and not one.passed]
    [violated] = failed
    assert violated.metadata["unexpected"].value == 60
    page = violated.metadata["data_docs"]
    assert isinstance(page, dg.PathMetadataValue)
    assert Path(str(page.path)).is_file()
    assert Path(str(page.path)).is_relative_to(project.store_path / "data_docs")
    table = violated.metadata["unexpected_rows"]
    assert isinstance(table, dg.TableMetadataValue)
    assert str(table.records[0].data["document"]).startswith("gazette/")
    spec = declared(project, KEYS.source("gazette"))[violated.check_name]
    assert "max_value: 5" in str(spec.description)
    assert "Declared in project.yaml." in str(spec.description)


def test_history_is_kept_per_partition_and_definitions_are_loadable(
    built: tuple[Project, Results], home: dg.DagsterInstance
) -> None:
    dg.Definitions.validate_loadable(definitions_for(built[0], key_prefix=()))
    key = dg.AssetCheckKey(KEYS.selection("greedy"), "stage_tokens")
    records = home.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert {record.partition for record in records} == {CYCLE}
