"""Events as the validator sees them: every one of a build is fine, and whatever is changed in one is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.own_facets import MOST_SHARDS_LISTED, list_digest
from anchor_pipeline.lineage.validation.events import Events
from anchor_pipeline.lineage.validation.report import Report
from anchor_pipeline.lineage.validation.schemas import Schemas
from anchor_pipeline_tests.lineage.builds import events_of, whole_build, whole_recorder
from anchor_pipeline_tests.lineage.openlineage_spec import SPEC, problems

ALONE = Schemas()
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    store = Store(tmp_path_factory.mktemp("store"))
    whole_build(whole_recorder(store))
    return events_of(store)


def checked(events: list[dict[str, Any]], schemas: Schemas = ALONE) -> Report:
    report = Report()
    checker = Events(schemas, report)
    for number, event in enumerate(events, start=1):
        checker.check(event, "events.jsonl", f"line {number}")
    checker.close()
    return report


def set_at(path: str, value: object) -> Change:
    def change(event: dict[str, Any]) -> None:
        *way, last = path.split("/")
        node: Any = event
        for key in way:
            node = node[int(key) if isinstance(node, list) else key]
        node[int(last) if isinstance(node, list) else last] = value

    return change


def test_every_event_of_a_build_is_fine(events: list[dict[str, Any]]) -> None:
    report = checked(events)
    assert report.findings == report.notes == []
    assert report.ok
    assert report.counts["events"] == len(events)
    if SPEC.is_dir():
        assert checked(events, Schemas(SPEC)).findings == []


PEPS = "outputs/0/facets"
WRONG = [
    ("eventType", "DONE"),
    ("eventTime", "2021-07-01 10:00"),
    ("eventTime", "2021-13-01T10:00:00Z"),
    ("producer", "anchor pipeline"),
    ("run/runId", "17"),
    ("job/name", None),
    ("inputs", {}),
    ("run/facets/nominalTime/nominalStartTime", "2021-07-01"),
    ("run/facets/parent/run", {}),
    ("run/facets/tags/tags", [{"key": "cycle"}]),
    ("job/facets/jobType/_producer", None),
    ("job/facets/sourceCodeLocation/url", "no address"),
    ("inputs/0/inputFacets/inputStatistics/rowCount", "many"),
    (f"{PEPS}/lifecycleStateChange/lifecycleStateChange", "CHANGE"),
    (f"{PEPS}/lineage/inputs/0/type", "TABLE"),
    (f"{PEPS}/columnLineage/fields/doc_id", {}),
    (f"{PEPS}/storage/storageLayer", 3),
    (f"{PEPS}/schema/fields/0", {"type": "string"}),
    (f"{PEPS}/anchor_sourceTerms/kind", "bought"),
    (f"{PEPS}/anchor_sourceTerms/expires", "tomorrow"),
    (f"{PEPS}/anchor_generator/decoding/heat", "1"),
    (f"{PEPS}/anchor_shards/shards/0/digest", "1"),
    (f"{PEPS}/anchor_shards/digest", "0" * 64),
    (f"{PEPS}/anchor_shards/rows", 17),
    (f"{PEPS}/anchor_shards/count", 1),
    (f"{PEPS}/anchor_shards/_schemaURL", "https://anchor-pipeline.dev/spec/lineage/9-0-0/X.json#/$defs/X"),
    ("run/facets/anchor_custodyEntry/entries", []),
    ("run/facets/anchor_custodyEntry/entries/0/leafHash", "short"),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{path}={str(value)[:20]}" for path, value in WRONG])
def test_what_is_wrong_in_an_event_is_found(events: list[dict[str, Any]], path: str, value: object) -> None:
    event = copy.deepcopy(next(one for one in events if one["eventType"] == "COMPLETE"))
    assert checked([event]).findings == []
    set_at(path, value)(event)
    assert checked([event]).findings != []
    assert not checked([event]).ok


def test_a_facet_in_the_wrong_place_or_of_the_wrong_name_is_found(events: list[dict[str, Any]]) -> None:
    event = copy.deepcopy(next(one for one in events if one["eventType"] == "COMPLETE"))
    event["run"]["facets"]["anchor_shards"] = event["outputs"][0]["facets"].pop("anchor_shards")
    event["outputs"][0]["facets"]["size"] = event["outputs"][0]["facets"].pop("storage")
    first, second = checked([event]).findings
    assert "line 1, run.facets.anchor_shards: a facet of another place" in str(first)
    assert "is not the schema of a facet named 'size'" in str(second)


def test_facets_of_others_are_noted_and_not_held_against_the_event(events: list[dict[str, Any]]) -> None:
    event = copy.deepcopy(events[0])
    own = {"_producer": "https://example.org", "_schemaURL": "https://example.org/1-0-0/X.json#/$defs/X", "x": 1}
    event["run"]["facets"]["example_x"] = own
    event["schemaURL"] = "https://openlineage.io/spec/1-0-5/OpenLineage.json#/$defs/RunEvent"
    report = checked([event])
    assert report.findings == []
    assert any("facet example_x not checked" in note.what for note in report.notes)
    assert any("says that it follows" in note.what for note in report.notes)
    del own["_producer"]
    assert not checked([event]).ok


def test_events_of_datasets_and_jobs_are_events_too() -> None:
    frame = {"eventTime": "2021-07-01T00:00:00Z", "producer": "https://example.org"}
    core = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
    named = {"namespace": "a", "name": "b"}
    fine = [
        {**frame, "schemaURL": f"{core}/DatasetEvent", "dataset": named},
        {**frame, "schemaURL": f"{core}/JobEvent", "job": named, "inputs": [named]},
    ]
    assert checked(fine).findings == checked(fine).notes == []
    assert checked([{**frame, "schemaURL": f"{core}/DatasetEvent", "dataset": {}}]).findings != []
    assert checked([{**frame, "schemaURL": f"{core}/JobEvent"}]).findings != []


def shards_facet(events: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    event = copy.deepcopy(next(one for one in events if one["eventType"] == "COMPLETE"))
    return event, event["outputs"][0]["facets"]["anchor_shards"]


def test_a_long_list_of_shards_lies_elsewhere(events: list[dict[str, Any]]) -> None:
    event, facet = shards_facet(events)
    del facet["shards"]
    assert ["few enough" in one.what for one in checked([event]).findings] == [True]
    facet["count"] = MOST_SHARDS_LISTED + 1
    assert checked([event]).findings == []
    del facet["list"]
    assert "nor where it lies" in checked([event]).findings[0].what


def test_a_list_of_shards_is_sorted_and_names_each_once(events: list[dict[str, Any]]) -> None:
    event, facet = shards_facet(events)
    facet["shards"].reverse()
    assert facet["digest"] == list_digest(facet["shards"])
    assert "not sorted" in checked([event]).findings[0].what


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("anchor_shares", set_at("shares/0/share", "0.5" + "0" * 5), "is not the share"),
        ("anchor_verdict", set_at("status", "pass"), "though synthetic_share refuses"),
    ],
)
def test_facets_that_contradict_themselves_are_found(
    events: list[dict[str, Any]], key: str, change: Change, said: str
) -> None:
    jobs = [one for one in events if one["job"]["name"] == "selection/pretrain"]
    event = copy.deepcopy(jobs[-1])
    change(event["outputs"][0]["facets"][key])
    assert [said in one.what for one in checked([event]).findings] == [True]


def test_runs_may_come_in_any_order_and_twice_but_not_end_twice(events: list[dict[str, Any]]) -> None:
    start, end = (one for one in events if one["job"]["name"] == "sources/bank")
    report = checked([end, start, end])
    assert report.findings == []
    assert report.counts["repeated events"] == 1
    failed = {**end, "eventType": "FAIL"}
    assert "ended as COMPLETE, and ends again as FAIL" in checked([start, end, failed]).findings[0].what
    assert "starts twice" in checked([start, {**start, "eventTime": "2020-01-01T00:00:00Z"}]).findings[0].what
    assert "ends before it starts" in checked([start, {**end, "eventTime": "2020-01-01T00:00:00Z"}]).findings[0].what
    other = {**end, "job": {**end["job"], "name": "other"}}
    assert "but before of" in checked([start, other]).findings[0].what
    assert "has not ended" in checked([start]).notes[0].what
    assert "has no START" in checked([end]).notes[0].what


@pytest.mark.skipif(not SPEC.is_dir(), reason="../shared/openlineage-spec is not there")
@pytest.mark.parametrize(("path", "value"), WRONG, ids=[path for path, _ in WRONG])
def test_the_stand_in_is_no_laxer_than_the_standard(events: list[dict[str, Any]], path: str, value: object) -> None:
    event = copy.deepcopy(next(one for one in events if one["eventType"] == "COMPLETE"))
    set_at(path, value)(event)
    if problems(json.loads(json.dumps(event))):
        assert checked([event]).findings != []
    assert checked([event], Schemas(Path(SPEC))).findings != []
