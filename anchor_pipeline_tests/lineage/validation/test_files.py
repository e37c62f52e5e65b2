"""`anchor validate-lineage`: what it says of sound, foreign and hostile files; whatever they hold, it never crashes."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from anchor_pipeline import steps
from anchor_pipeline.custody.documents import read_lines
from anchor_pipeline.errors import Refused
from anchor_pipeline.lineage.outbox import read_events
from anchor_pipeline.lineage.validation.files import validate_files
from anchor_pipeline.lineage.validation.formats import read_json
from anchor_pipeline.lineage.validation.report import MOST_KEPT, plain
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.lineage.openlineage_spec import SPEC, problems
from anchor_pipeline_tests.markdown import blocks
from anchor_pipeline_tests.object_store import ACCESS_KEY, Bucket
from anchor_pipeline_tests.projects import PROJECT, small_project
from anchor_pipeline_tests.test_object_storage import TWIN, on_s3

CUSTODY = "custody: {origin: example.org/small}\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a small project with custody: released, refused, and built again."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install anchor-pipeline[c2pa]")
    from anchor_pipeline.custody.begin import begin_custody

    folder = tmp_path_factory.mktemp("small")
    small_project(folder, PROJECT + CUSTODY)
    place = steps.Workplace(load_project(folder))
    assert place.custodian is not None
    begin_custody(place.custodian, ["pipeline", "steward"])
    cycle = place.project.calendar.at("2020")
    for _ in range(2):
        steps.plan_all(place, ["lawful", "greedy"], cycle)
        steps.release(place, "lawful", cycle)
    with pytest.raises(Refused):
        steps.release(place, "greedy", cycle)
    return folder / "store"


def events_of(store: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted(store.glob("lineage/events/*/*")) for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def test_everything_that_a_build_leaves_is_sound(store: Path, anchor: Run) -> None:
    folders = [store / name for name in ("lineage", "shards", "sources", "mix", "corpus")]
    code, out, _ = anchor("validate-lineage", *folders)
    assert code == 0, out
    assert out.splitlines()[-1] == "fine"
    code, out, _ = anchor("validate-lineage", "--json", *folders)
    told = json.loads(out)
    assert told["ok"] is True
    assert told["findings"] == []
    assert told["checked"]["shards compared with records"] == told["checked"]["shards"] == 3
    assert told["checked"]["lines compared with shards"] == told["checked"]["lines of documents"] > 0


@pytest.mark.skipif(not SPEC.is_dir(), reason="../shared/openlineage-spec is not there")
def test_every_event_of_a_build_is_valid_by_a_validator_of_another_hand(store: Path, anchor: Run) -> None:
    assert [found for event in events_of(store) for found in problems(event)] == []
    code, out, _ = anchor("validate-lineage", "--openlineage", SPEC, store / "lineage/events")
    # Without the shards there is nothing to compare them with; every facet was checked.
    assert (code, out.count("note"), "not checked" in out) == (0, 1, False), out


def test_events_of_a_build_say_what_is_known(store: Path) -> None:
    ends = {one["job"]["name"]: one for one in events_of(store) if one["eventType"] == "COMPLETE"}
    source = ends["sources/drafts"]["outputs"][0]["facets"]
    assert source["anchor_generator"]["name"] == "scribe"
    assert source["anchor_sourceTerms"]["licence"] == "CC0-1.0"
    assert source["anchor_shards"]["rows"] == 60
    assert source["columnLineage"]["fields"]["doc_id"]["inputFields"][0]["field"] == "id"
    assert ends["sources/logbooks"]["outputs"][0]["facets"]["ownership"]["owners"][0]["name"] == "harbour@example.org"
    mix, manifest = ends["mix/lawful"]["outputs"]
    assert mix["facets"]["anchor_verdict"]["status"] == "pass"
    drawn = {one["name"] for one in mix["facets"]["lineage"]["inputs"]}
    assert {"selection/lawful", "sources/logbooks"} <= drawn
    assert manifest["name"] == "mix/lawful/MANIFEST.json"
    assert {entry["kind"] for entry in ends["mix/lawful"]["run"]["facets"]["anchor_custodyEntry"]["entries"]} == {
        "intent",
        "completion",
    }
    failed = next(one for one in events_of(store) if one["job"]["name"] == "mix/greedy" and one["eventType"] == "FAIL")
    assert failed["inputs"][0]["facets"]["anchor_verdict"]["status"] == "fail"
    assert failed["run"]["facets"]["test"]["tests"]


def test_the_program_of_the_specification_checks_a_facet(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[3]
    [shown] = blocks(root / "docs/spec/lineage.md", "python")
    event = next(one for one in events_of(store) if one["job"]["name"] == "sources/drafts" and one["outputs"])
    monkeypatch.chdir(root)
    exec(compile(shown.text, shown.id, "exec"), {"event": event})
    event["outputs"][0]["facets"]["anchor_shards"]["rows"] = "many"
    with pytest.raises(ValidationError):
        exec(compile(shown.text, shown.id, "exec"), {"event": event})


def test_events_of_a_build_in_a_bucket_are_sound_too(tmp_path: Path, bucket: Bucket) -> None:
    place = steps.Workplace(load_project(on_s3(bucket, tmp_path, PROJECT.replace("stages:\n", TWIN.lstrip("\n")))))
    cycle = place.project.calendar.at("2020")
    steps.plan_all(place, ["lawful"], cycle)
    steps.release(place, "lawful", cycle)
    path = tmp_path / "events.jsonl"
    events = list(read_events(place.store))
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert validate_files([path]).findings == []
    if SPEC.is_dir():
        assert [found for event in events for found in problems(event)] == []
    assert ACCESS_KEY not in path.read_text()
    ends = {one["job"]["name"]: one for one in events if one["eventType"] == "COMPLETE"}
    [raw], [mix] = ends["sources/gazette"]["inputs"], ends["mix/lawful"]["outputs"]
    assert (raw["namespace"], raw["name"]) == (bucket.url, "raw/gazette.jsonl")
    assert mix["facets"]["storage"]["storageLayer"] == raw["facets"]["storage"]["storageLayer"] == "s3"
    named = {
        (one["namespace"], one["name"]) for one in ends["sources/gazette"]["outputs"][0]["facets"]["lineage"]["inputs"]
    }
    assert named == {(raw["namespace"], raw["name"])}
    twin = ends["sources/echoes"]["outputs"][0]["facets"]
    assert twin["anchor_generator"]["fittedOn"]["name"] == "sources/logbooks"
    assert "sources/logbooks" in {one["name"] for one in twin["lineage"]["inputs"]}


def test_what_is_wrong_is_told_with_its_line_and_exit_code(store: Path, tmp_path: Path, anchor: Run) -> None:
    [*_, one] = sorted(store.glob("lineage/events/*/*"))
    lines = one.read_text("utf-8").splitlines()
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([lines[0], "{", lines[0].replace('"eventType":"', '"eventType":"x'), "[1]", ""]))
    code, out, _ = anchor("validate-lineage", path)
    assert code == 1
    assert [line.split(": ")[1] for line in out.splitlines()[:3]] == ["line 2", "line 3", "line 4"]
    assert "is not one of ['START'" in out
    assert out.splitlines()[-1] == "3 findings"


def test_a_tampered_shard_and_what_names_it_are_both_told(store: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from anchor_pipeline.corpus.store import Store

    source = json.loads((store / "sources/gazette/snapshot.json").read_text())
    digest = source["units"][0]["shards"][0]["digest"]
    path = tmp_path / f"{digest}.parquet"
    rows = pq.read_table(Store(store).shard_path(digest)).to_pylist()
    rows[7]["text"] += " and more"
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(Store(store).shard_path(digest))), path)
    said = [str(one) for one in validate_files([path]).findings]
    assert any("row 8 (gazette/gaz7): digest is" in one for one in said)
    assert any("is named for another digest than its own" in one for one in said)


def test_a_tampered_list_of_documents_is_told_by_its_line(store: Path, tmp_path: Path) -> None:
    [listed] = store.glob("mix/lawful/2020/*/custody/documents.jsonl.gz")
    with listed.open("rb") as stream:
        lines = list(read_lines(stream, "list"))
    lines[3] = lines[3].replace(b'"kind":"', b'"kind":"x')
    lines[5], lines[6] = lines[6], lines[5]
    lines[9] = b"{}"
    path = tmp_path / "documents.jsonl.gz"
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        packed.write(b"".join(line + b"\n" for line in lines))
    report = validate_files([path, store / "shards"])
    assert [one.place for one in report.findings] == ["line 4", "line 7", "line 10"]
    path.write_bytes(listed.read_bytes()[:200])
    assert "cut off" in validate_files([path]).findings[0].what
    path.write_bytes(listed.read_bytes() + b"more")
    assert "something after the end" in validate_files([path]).findings[0].what


def test_a_snapshot_that_contradicts_itself(store: Path, tmp_path: Path) -> None:
    value = json.loads((store / "sources/gazette/snapshot.json").read_text())
    path = tmp_path / "snapshot.json"
    value["units"][0]["shards"][0]["rows"] += 1
    path.write_text(json.dumps(value))
    assert "but " in validate_files([path, store / "shards"]).findings[0].what
    value["files"][0]["unit"] = "other"
    value["files"][0]["quarantined"] = {"no_date": 10**6}
    path.write_text(json.dumps(value))
    said = [one.what for one in validate_files([path]).findings]
    assert ["which is not there" in said[0], "more rows quarantined" in said[1]] == [True, True]
    del value["settings"]
    path.write_text(json.dumps(value))
    assert "'settings' is a required property" in validate_files([path]).findings[0].what


def test_nothing_and_something_else_are_no_lineage(tmp_path: Path, anchor: Run) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "none.json").write_text("[]")
    code, out, _ = anchor(
        "validate-lineage", *(tmp_path / name for name in ("x.json", "empty.jsonl", "folder", "gone"))
    )
    assert code == 1
    assert ["nothing that belongs to lineage" in out, "is empty" in out, "a folder without" in out] == [True] * 3
    assert "gone: cannot be read" in out
    code, out, _ = anchor("validate-lineage", tmp_path / "none.json")
    assert (code, out.splitlines()[-1]) == (1, "nothing was checked")
    shutil.copy(tmp_path / "x.json", tmp_path / "folder")
    code, out, _ = anchor("validate-lineage", tmp_path / "folder")
    assert code == 1
    assert "1 other records passed over" in out


def test_many_findings_of_a_file_are_counted(tmp_path: Path, anchor: Run) -> None:
    (tmp_path / "x.jsonl").write_text("{\n" * (MOST_KEPT + 7))
    code, out, _ = anchor("validate-lineage", tmp_path / "x.jsonl")
    assert code == 1
    assert out.count("WRONG") == MOST_KEPT + 1
    assert "7 more" in out
    assert out.splitlines()[-1] == f"{MOST_KEPT + 7} findings"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"a": NaN}', "not a number of JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"1" * 10_000, "."),
        (b'{"eventTime": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", "."),
    ],
)
def test_json_that_is_hostile(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    findings = validate_files([path]).findings
    assert findings
    assert what in findings[0].what or what == "."


@pytest.mark.parametrize("depth", [200, 600, 900, 940, 960, 980])
def test_an_event_that_is_nested_deeply(tmp_path: Path, depth: int) -> None:
    facet = '{"_producer": "x:y", "_schemaURL": "x:z", "x": ' + "[" * depth + "]" * depth + "}"
    core = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    frame = f'"eventType": "START", "eventTime": "2021-07-01T00:00:00Z", "producer": "x:y", "schemaURL": "{core}"'
    run = f'"run": {{"runId": "0b7bd7d2-6d3d-4a63-8d2f-1d8f9d7d3b0e", "facets": {{"x": {facet}}}}}'
    (tmp_path / "x.json").write_text(f'{{{frame}, {run}, "job": {{"namespace": "a", "name": "b"}}}}')
    report = validate_files([tmp_path / "x.json"])
    assert report.counts["events"] or "nested too deeply" in report.findings[0].what


def test_a_folder_without_the_schemas_of_the_standard_is_wrong_usage(tmp_path: Path, anchor: Run) -> None:
    code, _, err = anchor("validate-lineage", "--openlineage", tmp_path, tmp_path / "x.json")
    assert code == 2
    assert "expected OpenLineage.json and facets/" in err


def test_what_is_shown_steers_no_terminal(tmp_path: Path, anchor: Run) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"eventTime": "\x1b[31m\u202e", "schemaURL": "\ud800"}))
    _, out, _ = anchor("validate-lineage", tmp_path / "x.json")
    assert "\x1b" not in out
    assert plain("a\x1b\n\u202e\ud800") == "a\\u001b\\u000a\\u202e\\ud800"


def test_read_json_reads_what_is_json() -> None:
    assert read_json(b' {"a": [1, 2.5, null, "\xc3\xa9"]}\n') == {"a": [1, 2.5, None, "é"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RELAXED = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _places(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [way, *(found for key, child in children for found in _places(child, (*way, key)))]


@RELAXED
@given(data=st.data())
def test_whatever_stands_in_a_record_gives_findings_and_no_crash(data: st.DataObject, store: Path) -> None:
    path = store.parent / "fuzzed.json"
    kinds = [events_of(store)[-1], json.loads((store / "sources/drafts/snapshot.json").read_text())]
    value = data.draw(st.sampled_from(kinds))
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(_places(value)[1:] or [()]))
        node = value
        for key in way[:-1]:
            node = node[key]
        if way:
            node[way[-1]] = data.draw(JSON)
    path.write_text(json.dumps(value))
    report = validate_files([path])
    assert report.findings or report.counts


@RELAXED
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_damaged_bytes_give_findings_and_no_crash(data: st.DataObject, seed: int, store: Path) -> None:
    names = [
        *sorted(store.glob("shards/*/*.parquet")),
        *sorted(store.glob("mix/lawful/2020/*/custody/documents.jsonl.gz")),
        *sorted(store.glob("lineage/events/*/*"))[-1:],
        *sorted(store.glob("mix/lawful/2020/*/data/*.parquet")),
    ]
    source = data.draw(st.sampled_from(names))
    raw, chance = bytearray(source.read_bytes()), random.Random(seed)
    for _ in range(data.draw(st.integers(1, 20))):
        # Most damage is to do with the footer, which says how to read the rest.
        place = chance.choice([chance.randrange(len(raw)), max(0, len(raw) - 1 - chance.randrange(3000)) % len(raw)])
        raw[place] = chance.randrange(256)
    if data.draw(st.booleans()):
        del raw[chance.randrange(len(raw)) :]
    path = store.parent / f"fuzzed{source.suffix}"
    path.write_bytes(raw)
    report = validate_files([path])
    assert report.findings or report.counts


@RELAXED
@given(raw=st.binary(max_size=300), suffix=st.sampled_from([".json", ".jsonl", ".parquet", ".jsonl.gz", ""]))
def test_any_bytes_at_all_give_findings_and_no_crash(raw: bytes, suffix: str, store: Path) -> None:
    path = store.parent / f"any{suffix}"
    path.write_bytes(raw)
    report = validate_files([path])
    assert report.findings
