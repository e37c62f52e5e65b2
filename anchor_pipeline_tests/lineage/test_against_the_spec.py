from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline_tests.lineage.builds import events_of, whole_build, whole_recorder
from anchor_pipeline_tests.lineage.openlineage_spec import SPEC, formats, needs_spec, problems, used_formats

pytestmark = needs_spec


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    store = Store(tmp_path_factory.mktemp("store"))
    whole_build(whole_recorder(store))
    return events_of(store)


def test_every_event_of_a_build_is_valid(events: list[dict[str, Any]]) -> None:
    assert [found for event in events for found in problems(event)] == []


def test_the_build_shows_every_facet_and_state(events: list[dict[str, Any]]) -> None:
    text = json.dumps(events)
    facets = "schema version dataQualityAssertions inputStatistics outputStatistics nominalTime parent jobType tags"
    more = "processing_engine errorMessage lifecycleStateChange documentation dataQualityMetrics columnLineage lineage"
    rest = "ownership storage sourceCodeLocation test anchor_sourceTerms anchor_generator anchor_shards anchor_shares"
    own = "anchor_verdict anchor_custodyEntry"
    assert [name for name in f"{facets} {more} {rest} {own}".split() if f'"{name}": {{' not in text] == []
    assert {event["eventType"] for event in events} == {"START", "COMPLETE", "FAIL", "ABORT"}


def test_every_format_of_the_schemas_is_checked() -> None:
    assert used_formats() - set(formats.checkers) == set()


def test_an_official_event_is_valid() -> None:
    # It names older versions of the schemas; everything else about it has to please the validator too.
    event = json.loads((SPEC / "tests" / "example_full_event.json").read_text("utf-8"))
    older = ("no published schema", "schemaURL: ")
    assert [found for found in problems(event) if not any(word in found for word in older)] == []


def _set(path: str, value: object) -> Any:
    def change(event: dict[str, Any]) -> None:
        *way, last = path.split("/")
        node: Any = event
        for key in way:
            node = node[int(key) if isinstance(node, list) else key]
        node[last] = value

    return change


def _misplace(event: dict[str, Any]) -> None:
    facet = event["inputs"][0]["inputFacets"].pop("inputStatistics")
    event["inputs"][0]["facets"]["inputStatistics"] = facet


@pytest.mark.parametrize(
    "wrong",
    [
        _set("eventType", "DONE"),
        _set("eventTime", "2021-07-01 10:00"),
        _set("eventTime", "2021-13-01T10:00:00Z"),
        _set("producer", "anchor pipeline"),
        _set("run/runId", "17"),
        _set("schemaURL", "https://openlineage.io/spec/1-0-0/OpenLineage.json"),
        _set("job/name", None),
        _set("run/facets/nominalTime/nominalStartTime", "2021-07-01"),
        _set("run/facets/parent/run", {}),
        _set("run/facets/tags/tags", [{"key": "cycle"}]),
        _set("job/facets/jobType/_producer", None),
        _set("job/facets/jobType/_schemaURL", "https://openlineage.io/spec/facets/9-9-9/JobTypeJobFacet.json"),
        _set("outputs/0/facets/lineage/inputs/0/type", "TABLE"),
        _set("outputs/0/facets/columnLineage/fields/doc_id", {}),
        _set("outputs/0/facets/storage/storageLayer", 3),
        _set("outputs/0/facets/anchor_sourceTerms/kind", "bought"),
        _set("outputs/0/facets/anchor_generator/decoding/heat", "1"),
        _set("outputs/0/facets/anchor_shards/shards/0/digest", "1"),
        _set("run/facets/anchor_custodyEntry/entries", []),
        _set("run/facets/anchor_shards", {"_producer": "x:y", "_schemaURL": "https://example.org/own.json"}),
        _set("job/facets/custom", {"_producer": "x:y", "_schemaURL": "https://example.org/own.json"}),
        _set("inputs/0/inputFacets/inputStatistics/rowCount", "many"),
        _set("outputs/0/facets/lifecycleStateChange/lifecycleStateChange", "CHANGE"),
        _misplace,
    ],
)
def test_a_wrong_event_is_found(events: list[dict[str, Any]], wrong: Any) -> None:
    event = copy.deepcopy(next(e for e in events if e["eventType"] == "COMPLETE"))
    assert problems(event) == []
    wrong(event)
    assert problems(event) != []
