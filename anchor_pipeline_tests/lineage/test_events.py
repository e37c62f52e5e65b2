"""What the events of each outcome say; runs without the published schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline import __version__
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.lineage.producer import schema_url
from anchor_pipeline.record import Artefact, Recorder
from anchor_pipeline_tests.lineage.builds import CYCLE, DAGSTER, by_job, events_of, finding, whole_build, whole_recorder

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

SCHEMAS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityAssertionsDatasetFacet": "1-1-0",
    "DataQualityMetricsDatasetFacet": "1-0-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DocumentationDatasetFacet": "1-1-0",
    "DocumentationJobFacet": "1-1-0",
    "ErrorMessageRunFacet": "1-0-1",
    "InputStatisticsInputDatasetFacet": "1-0-0",
    "JobTypeJobFacet": "2-0-4",
    "LifecycleStateChangeDatasetFacet": "1-0-1",
    "LineageDatasetFacet": "1-0-0",
    "NominalTimeRunFacet": "1-0-1",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "OwnershipDatasetFacet": "1-0-1",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
    "SchemaDatasetFacet": "1-2-0",
    "SourceCodeLocationJobFacet": "1-1-0",
    "StorageDatasetFacet": "1-0-1",
    "TagsDatasetFacet": "1-0-0",
    "TagsRunFacet": "1-0-0",
    "TestRunFacet": "1-0-1",
}
"""The versions that the published schemas hold; a newer openlineage-python may name others."""

OWN = (
    "AnchorCustodyEntryRunFacet",
    "AnchorGeneratorDatasetFacet",
    "AnchorShardsDatasetFacet",
    "AnchorSharesDatasetFacet",
    "AnchorSourceTermsDatasetFacet",
    "AnchorVerdictDatasetFacet",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    whole_build(whole_recorder(store))
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def _facets(node: Any) -> list[dict[str, Any]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    own = [node] if isinstance(node, dict) and "_schemaURL" in node else []
    return own + [facet for child in children for facet in _facets(child)]


def test_frame_of_every_event(built: Store) -> None:
    for event in events_of(built):
        assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["eventTime"])
        assert event["producer"] == f"https://anchor-pipeline.dev/v{__version__}"
        assert event["job"]["namespace"] == "anchor://assistant"
        assert event["job"]["facets"]["jobType"]["processingType"] == "BATCH"
        assert event["run"]["facets"]["processing_engine"]["version"] == __version__
        for facet in _facets(event):
            assert facet["_producer"] == event["producer"]


def test_every_facet_names_the_published_version_of_its_schema(built: Store) -> None:
    used = {facet["_schemaURL"] for event in events_of(built) for facet in _facets(event)}
    address = "https://openlineage.io/spec/facets"
    files = {"LineageDatasetFacet": "LineageFacet"}
    named = {f"{address}/{version}/{files.get(name, name)}.json#/$defs/{name}" for name, version in SCHEMAS.items()}
    own = {schema_url(name) for name in OWN}
    assert used == named | own


def test_every_run_starts_before_it_ends_and_ends_once(built: Store) -> None:
    runs: dict[str, list[dict[str, Any]]] = {}
    for event in events_of(built):
        runs.setdefault(event["run"]["runId"], []).append(event)
    assert len(runs) == 8
    for start, end in runs.values():
        assert start["eventType"] == "START"
        assert end["eventType"] in ("COMPLETE", "FAIL", "ABORT")
        assert start["eventTime"] <= end["eventTime"]


def test_success(built: Store) -> None:
    start, end = by_job(built, "sources/peps")
    assert UUID7.fullmatch(start["run"]["runId"])
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    [read], [made] = end["inputs"], end["outputs"]
    assert (read["namespace"], read["name"]) == ("s3://bucket", "peps.jsonl")
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 120
    assert start["inputs"] == [read]
    assert start["outputs"] == []
    assert (made["namespace"], made["name"]) == ("anchor://assistant", "sources/peps")
    assert made["facets"]["version"]["datasetVersion"] == "b" * 64
    assert made["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert made["facets"]["dataQualityMetrics"]["columnMetrics"]["tokens"]["sum"] == 9_999
    fields = made["facets"]["schema"]["fields"]
    assert [(field["name"], field["type"]) for field in fields] == [("doc_id", "string"), ("tokens", "int64")]
    statistics = made["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (118, 4000, 1)
    run = end["run"]["facets"]
    assert run["nominalTime"]["nominalStartTime"] == "2021-07-01T00:00:00.000000Z"
    assert run["nominalTime"]["nominalEndTime"] == "2021-10-01T00:00:00.000000Z"
    assert run["parent"]["run"]["runId"] == DAGSTER.id
    assert run["parent"]["job"] == {"facets": {}, "namespace": "dagster", "name": "mix_job"}
    tags = {tag["key"]: tag["value"] for tag in run["tags"]["tags"]}
    assert tags == {"cycle": "2021-Q3", "policy": "f" * 64}
    assert end["job"]["facets"]["documentation"]["description"] == "Read peps"


def test_reuse_names_the_output_but_claims_no_writing(built: Store) -> None:
    end = by_job(built, "sources/bank")[-1]
    assert end["eventType"] == "COMPLETE"
    assert {"key": "reused", "value": "true", "source": "ANCHOR_PIPELINE"} in end["run"]["facets"]["tags"]["tags"]
    [made] = end["outputs"]
    assert made["facets"]["version"]["datasetVersion"] == "c" * 64
    assert made["outputFacets"] == {}


def test_checks_on_an_output_are_a_run_of_their_own_that_reads_it(built: Store) -> None:
    selection = by_job(built, "selection/pretrain")[-1]
    assert [dataset["name"] for dataset in selection["inputs"]] == ["corpus"]
    start, end = by_job(built, "selection/pretrain/checks")
    assert (start["eventType"], end["eventType"]) == ("START", "FAIL")
    assert end["run"]["facets"]["parent"]["run"]["runId"] == selection["run"]["runId"]
    assert "1 of 3 findings refuse. synthetic_share" in end["run"]["facets"]["errorMessage"]["message"]
    [checked] = end["inputs"]
    assert end["outputs"] == []
    assert checked["name"] == "selection/pretrain"
    good, missing, warned = checked["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (good["assertion"], good["success"], good["severity"]) == ("anchor_share", True, "error")
    assert (good["name"], good["expected"], good["actual"]) == ("anchor_share [support, text]", ">= 0.15", "0.1489")
    assert missing["success"] is False
    assert missing["params"]["status"] == "insufficient"
    assert "actual" not in missing
    assert (warned["success"], warned["severity"]) == (False, "warn")


def test_a_step_within_a_step_names_its_parent_and_the_root(built: Store) -> None:
    outer = by_job(built, "selection/pretrain")[0]["run"]["runId"]
    parent = by_job(built, "facts")[0]["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == outer
    assert parent["root"]["run"]["runId"] == outer


def test_refusal(built: Store) -> None:
    end = by_job(built, "mix/pretrain")[-1]
    assert end["eventType"] == "FAIL"
    error = end["run"]["facets"]["errorMessage"]
    assert error["message"].startswith("anchor_share: 14.89 %")
    assert error["programmingLanguage"] == "Python"
    assert "stackTrace" not in error
    assert "refused" in {tag["key"] for tag in end["run"]["facets"]["tags"]["tags"]}
    assert end["outputs"] == []
    [assertion] = end["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert assertion["success"] is False
    assert assertion["params"]["shortfall"] == "inf"


def test_failure_says_where_without_folders_of_this_machine(built: Store) -> None:
    end = by_job(built, "mix/sft")[-1]
    assert end["eventType"] == "FAIL"
    error = end["run"]["facets"]["errorMessage"]
    assert error["message"] == "OSError: [Errno 28] No space left on device"
    assert re.fullmatch(r"lineage/builds\.py:\d+ in whole_build", error["stackTrace"])


def test_abort(built: Store) -> None:
    end = by_job(built, "mix/safety")[-1]
    assert end["eventType"] == "ABORT"
    assert end["run"]["facets"]["errorMessage"]["message"] == "KeyboardInterrupt"


def test_findings_of_a_dataset_that_is_not_listed_make_it_an_input(store: Store) -> None:
    with Recorder(store, "assistant").step("corpus") as step:
        step.findings([finding()], of="sources/peps")
    end = events_of(store)[-1]
    assert [dataset["name"] for dataset in end["inputs"]] == ["sources/peps"]
    assert "dataQualityAssertions" in end["inputs"][0]["inputFacets"]


def test_no_secret_and_no_folder_of_this_machine_reaches_an_event(store: Store) -> None:
    leaky = Artefact("raw/a/x.zip", uri="zip://in/a.txt::s3://key:hunter2@bucket/x.zip?X-Amz-Signature=hunter2")
    local = Artefact("raw/b/b.txt", uri=str(store.root / "b.txt"))
    broken = "https://me:hunter2@example.org/x?sig=hunter2: 403; password=hunter2"
    message = f"{broken} ({store.root}/shards/aa)"
    with pytest.raises(DamagedData), Recorder(store, "assistant").step("sources/a", inputs=[leaky, local]):
        raise DamagedData(message)
    text = json.dumps(events_of(store))
    assert "hunter2" not in text
    assert str(store.root) not in text
    assert "<store>/shards/aa" in text
    assert [(d["namespace"], d["name"]) for d in events_of(store)[0]["inputs"]] == [
        ("s3://bucket", "x.zip!/in/a.txt"),
        ("anchor://assistant", "raw/b/b.txt"),
    ]


def test_long_and_odd_messages_become_json_that_anyone_reads(store: Store) -> None:
    with pytest.raises(ValueError, match="x"), Recorder(store, "assistant").step("corpus", cycle=CYCLE):
        raise ValueError("x" * 100_000 + "\udc80")
    with pytest.raises(ValueError, match="name"), Recorder(store, "assistant").step("corpus"):
        raise ValueError("name \udc80 is not UTF-8")
    first, second = (event["run"]["facets"]["errorMessage"]["message"] for event in events_of(store)[1::2])
    assert len(first) < 10_000
    assert second == "ValueError: name ? is not UTF-8"
