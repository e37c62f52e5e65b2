"""The asset graph reads like the picture, every materialisation brings its numbers, and a refusal is red everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

# Internal: what the partitions view of the UI asks. A release of Dagster that changes it fails here first.
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from anchor_pipeline import steps
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.looks.links import STORE_URL_BASE, link
from anchor_pipeline.orchestration.looks.presentation import owners
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.orchestration.running import CYCLE, KEYS, run
from anchor_pipeline_tests.projects import PROJECT, small_project, write_rows

DECLARATION = PROJECT.replace(
    "    generator: {name: scribe",
    "    risk: medium\n    steward: writers\n    generator: {name: scribe",
).replace("    uri: raw/gazette.jsonl\n", "    uri: file://me:secret@localhost/raw/gazette.jsonl\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    found = load_project(small_project(tmp_path_factory.mktemp("project")))
    gazette = found.root / "raw/gazette.jsonl"
    undated = '{"id": "undated", "text": "somebody said something some day", "date": ""}\n'
    gazette.write_text(gazette.read_text() + undated)
    return found


@pytest.fixture(scope="module")
def result(project: Project, home: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """One run of all stages: one is released, the other refused."""
    return run(project, home, "build_all")


def said(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, dg.MetadataValue]:
    [one] = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    return dict(one.materialization.metadata)


def numbers(metadata: dict[str, dg.MetadataValue]) -> dict[str, float]:
    numeric = (dg.IntMetadataValue, dg.FloatMetadataValue)
    return {name: value.value or 0 for name, value in metadata.items() if isinstance(value, numeric)}


def test_groups_owners_tags_and_kinds_are_those_declared(tmp_path: Path) -> None:
    project = load_project(small_project(tmp_path, DECLARATION))
    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    groups = {key: graph.get(key).group_name for key in KEYS.all_of(project)}
    assert set(groups.values()) == {"sources", "corpus", "selection", "mix", "inventory"}
    assert all(key.path[0] == group for key, group in groups.items())
    drafts = graph.get(KEYS.source("drafts"))
    assert {"synthetic", "json"} <= drafts.kinds
    assert drafts.owners == ["team:writers"]
    tags = {name: value for name, value in drafts.tags.items() if not name.startswith("dagster/")}
    assert tags == {"domain/sea": "", "licence": "CC0-1.0", "modality": "text", "risk": "medium"}
    assert graph.get(KEYS.source("logbooks")).owners == ["harbour@example.org"]
    mix = graph.get(KEYS.mix("greedy"))
    assert str(mix.description).startswith("Wants more text than the cap")
    assert mix.owners == ["harbour@example.org", "team:writers"]
    assert mix.tags["domain/sea"] == ""
    assert mix.tags["stage"] == "greedy"


def test_an_address_is_shown_without_credentials(tmp_path: Path) -> None:
    project = load_project(small_project(tmp_path, DECLARATION))
    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    assert "secret" not in str(graph.get(KEYS.source("gazette")).metadata)
    assert "localhost/raw/gazette.jsonl" in str(graph.get(KEYS.source("gazette")).metadata["dagster/uri"])


def test_code_references_lead_to_the_declared_line_and_to_the_step(project: Project) -> None:
    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    lines = project.path.read_text().splitlines()
    for key, begins, step in (
        (KEYS.source("drafts"), "  drafts:", steps.ingest),
        (KEYS.mix("greedy"), "  greedy:", steps.release),
    ):
        value = graph.get(key).metadata["dagster/code_references"]
        assert isinstance(value, dg.CodeReferencesMetadataValue)
        declared, code = value.code_references
        assert isinstance(declared, dg.LocalFileCodeReference)
        assert isinstance(code, dg.LocalFileCodeReference)
        assert declared.file_path == str(project.path)
        assert lines[(declared.line_number or 0) - 1] == begins
        assert (
            Path(code.file_path)
            .read_text()
            .splitlines()[(code.line_number or 0) - 1]
            .startswith(f"def {step.__name__}(")
        )


def test_columns_are_those_written_with_their_meaning(project: Project, result: dg.ExecuteInProcessResult) -> None:
    import pyarrow.parquet as pq

    graph = definitions_for(project, key_prefix=()).resolve_asset_graph()
    written = {
        KEYS.mix("lawful"): next(project.store_path.glob(f"mix/lawful/{CYCLE}/0001/data/*.parquet")),
        KEYS.corpus: project.store_path / f"corpus/{CYCLE}/documents.parquet",
    }
    for key, file in written.items():
        schema = graph.get(key).metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema | dg.TableSchemaMetadataValue)
        columns = schema.schema.columns if isinstance(schema, dg.TableSchemaMetadataValue) else schema.columns
        assert {column.name for column in columns} == set(pq.read_schema(file).names)
        assert all(column.description for column in columns)


@pytest.mark.parametrize(
    ("steward", "shown"),
    [("a@b.org", ["a@b.org"]), ("team:x", ["team:x"]), ("x", ["team:x"]), (None, None), (" ", None),
     ("team:", ["team:team:"]), ("Ann <ann@b.org>", ["team:Ann <ann@b.org>"]), ("me@localhost", ["team:me@localhost"])],
)  # fmt: skip
def test_any_steward_is_an_owner_that_dagster_takes(steward: str | None, shown: list[str] | None) -> None:
    assert owners(steward) == shown
    dg.AssetSpec("a", owners=owners(steward))


def test_sources_tell_what_was_not_taken(result: dg.ExecuteInProcessResult) -> None:
    gazette = said(result, KEYS.source("gazette"))
    found = numbers(gazette)
    assert (found["read"], found["quarantined"], found["dagster/row_count"]) == (61, 1, 60)
    assert found["tokens/text"] > 60 * 30
    table = gazette["quarantined_by_reason"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["rows"] for record in table.records] == [1]
    page = gazette["data_docs"]
    assert isinstance(page, dg.PathMetadataValue)
    assert Path(str(page.path)).is_file()


def test_the_corpus_tells_what_became_of_every_row(result: dg.ExecuteInProcessResult) -> None:
    found = numbers(said(result, KEYS.corpus))
    assert found["read"] == found["kept"] + found["duplicate"] + found["quarantined"] + found["later"]
    assert found["read"] == 161


def test_selection_and_mix_tell_amounts_and_shares_per_domain(
    project: Project, result: dg.ExecuteInProcessResult
) -> None:
    selection, mix = said(result, KEYS.selection("lawful")), said(result, KEYS.mix("lawful"))
    drawn, released = numbers(selection), numbers(mix)
    for found in (drawn, released):
        assert 0.15 <= found["anchor_share/sea"] <= 1
        assert found["domain_share/sea"] == 1
        assert 0 < found["tokens/text"] <= 2000
        assert found["rules_judged"] == 17, "without probes, bands, detectors, evaluation sets and an earlier release"
    assert drawn["dagster/row_count"] == released["dagster/row_count"]
    assert released["kind/anchor"] == pytest.approx(drawn["anchor_share/stage"], abs=1e-6)
    cells = selection["drawn"]
    assert isinstance(cells, dg.TableMetadataValue)
    assert sum(int(str(record.data["drawn"])) for record in cells.records) == drawn["tokens/text"]
    assert "17 of 27 rules judged" in str(mix["rules"].value)
    for linked in (selection["report"], mix["report"], mix["release"]):
        assert isinstance(linked, dg.PathMetadataValue)
        assert Path(str(linked.path)).exists()


def test_numbers_have_the_same_keys_in_a_refused_and_a_lawful_cycle(result: dg.ExecuteInProcessResult) -> None:
    lawful, greedy = (numbers(said(result, KEYS.selection(stage))).keys() for stage in ("lawful", "greedy"))
    assert lawful == greedy


def test_a_refusal_is_red_at_every_level(
    project: Project, home: dg.DagsterInstance, result: dg.ExecuteInProcessResult
) -> None:
    run_ = home.get_run_by_id(result.run_id)
    assert run_ is not None
    assert run_.status == dg.DagsterRunStatus.FAILURE
    assert [str(event.step_key) for event in result.get_step_failure_events()] == ["check_selection_greedy"]
    key = KEYS.mix("greedy")
    partitions = definitions_for(project, key_prefix=()).resolve_asset_graph().get(key).partitions_def
    status = get_and_update_asset_status_cache_value(home, key, partitions)
    assert status is not None
    assert list(status.deserialize_failed_partition_subsets(partitions).get_partition_keys()) == [CYCLE]


def test_a_mix_that_refuses_by_itself_says_why_on_the_page_of_its_run(
    project: Project, home: dg.DagsterInstance, result: dg.ExecuteInProcessResult
) -> None:
    alone = run(project, home, "build_greedy", selection=[KEYS.mix("greedy")])
    [failure] = alone.get_step_failure_events()
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert "refused: " in str(told.description)
    table = told.metadata["findings"]
    assert isinstance(table, dg.TableMetadataValue)
    assert any("40,000" in str(record.data["finding"]) for record in table.records)
    assert isinstance(told.metadata["report"], dg.PathMetadataValue)


def test_links_can_be_clicked_where_the_store_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    assert link(store, "data_docs/a b.html#x") == dg.MetadataValue.path(str(tmp_path / "data_docs/a b.html"))
    monkeypatch.setenv(STORE_URL_BASE, "https://me:secret@docs.example.org/store/")
    clicked = link(store, "data_docs/a b.html#x")
    assert clicked == dg.MetadataValue.url("https://docs.example.org/store/data_docs/a%20b.html#x")


def test_a_corrected_source_makes_a_release_that_says_what_it_replaces(
    tmp_path: Path, home: dg.DagsterInstance
) -> None:
    project = load_project(small_project(tmp_path))
    assert run(project, home, "build_lawful").success
    first = project.root / "raw/gazette.jsonl"
    write_rows(
        first,
        [{"id": "n", "text": "other words " * 20 + str(i), "date": "2020-01-01"} | {"id": f"n{i}"} for i in range(60)],
    )
    told = said(run(project, home, "build_lawful"), KEYS.mix("lawful"))
    assert told["replaces"].value == "revision 1"
    assert told["revision"].value == 2
