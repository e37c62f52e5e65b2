"""The whole way from raw files to a mix: the same input gives the same digests, whatever the layout or the crashes."""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from anchor_pipeline import steps
from anchor_pipeline.errors import DamagedData, Refused
from anchor_pipeline.lineage.outbox import read_events
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.lineage.openlineage_spec import needs_spec, problems
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows


def release(folder: Path, stage: str = "lawful", cycle: str = "2020") -> Release:
    place = steps.Workplace(load_project(folder))
    when = place.project.calendar.at(cycle)
    steps.plan_all(place, [stage], when)
    return steps.release(place, stage, when)


def test_a_rebuild_in_another_place_gives_the_same_digests(tmp_path: Path) -> None:
    small_project(tmp_path / "one")
    small_project(tmp_path / "other/place")
    first, second = release(tmp_path / "one"), release(tmp_path / "other/place")
    assert first.manifest == second.manifest
    assert release(tmp_path / "one").reused


def test_the_layout_of_raw_files_is_irrelevant(tmp_path: Path) -> None:
    small_project(tmp_path / "whole")
    expected = release(tmp_path / "whole")
    split = tmp_path / "split"
    small_project(split, PROJECT.replace("raw/gazette.jsonl", "raw/gazette*"))
    values = [json.loads(line) for line in (split / "raw/gazette.jsonl").read_text().splitlines()]
    random.Random(1).shuffle(values)
    (split / "raw/gazette.jsonl").unlink()
    write_rows(split / "raw/gazette-b.jsonl", values[:20])
    write_rows(split / "raw/gazette-a.jsonl", values[20:45])
    lines = "".join(json.dumps(value) + "\n" for value in values[45:])
    (split / "raw/gazette-c.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    found = release(split)
    assert found.manifest.parts == expected.manifest.parts
    assert found.digest == expected.digest


def test_another_seed_draws_other_documents(tmp_path: Path) -> None:
    small_project(tmp_path / "one")
    small_project(tmp_path / "two", PROJECT.replace("seed: 3", "seed: 4"))
    ids = [[row["doc_id"] for row in open_mix(release(tmp_path / name).path).rows()] for name in ("one", "two")]
    assert sorted(ids[0]) != sorted(ids[1])


def test_a_document_stays_in_from_cycle_to_cycle(tmp_path: Path) -> None:
    small_project(tmp_path)
    before = {row["doc_id"] for row in open_mix(release(tmp_path).path).rows()}
    after = {row["doc_id"] for row in open_mix(release(tmp_path, cycle="2021").path).rows()}
    assert before == after


def test_rows_of_the_future_wait_for_their_cycle(tmp_path: Path) -> None:
    small_project(tmp_path)
    now = (tmp_path / "raw/gazette.jsonl").read_text()
    write_rows(tmp_path / "raw/gazette.jsonl", rows("fut", 25, 9, date="2021-01-01"))
    with (tmp_path / "raw/gazette.jsonl").open("a") as file:
        file.write(now)
    mix = release(tmp_path)
    assert not any("fut" in row["doc_id"] for row in open_mix(mix.path).rows())
    place = steps.Workplace(load_project(tmp_path))
    assert steps.current_corpus(place, place.project.calendar.at("2020")).sources["gazette"].later == 25
    release(tmp_path, cycle="2021")
    assert steps.current_corpus(place, place.project.calendar.at("2021")).sources["gazette"].later == 0


def test_nothing_vanishes_and_unusable_rows_can_be_looked_at(tmp_path: Path) -> None:
    small_project(tmp_path)
    with (tmp_path / "raw/gazette.jsonl").open("ab") as file:
        file.write(b'{"id": "bad", "text": "caf\xe9", "date": "2020-01-01"}\n')
        file.write(b'{"id": "undated", "text": "words"}\n{"id": "gaz1", "text": "other words", "date": "2020-07-01"}\n')
        file.write(b'not json\n{"id": "empty", "text": " ", "date": "2020-01-01"}\n')
    release(tmp_path)
    place = steps.Workplace(load_project(tmp_path))
    counts = steps.current_corpus(place, place.project.calendar.at("2020")).sources["gazette"]
    reasons = {"bad_utf8": 1, "no_date": 1, "duplicate_id": 1, "unparsable_row": 1, "empty_text": 1}
    assert counts.quarantined == dict(sorted(reasons.items()))
    assert counts.balance == 0
    kept = pl.concat(
        [
            pl.read_parquet(path).select("source", "raw_row", "reason")
            for path in place.store.path("quarantine/gazette").iterdir()
        ]
    )
    assert sorted(kept["reason"]) == sorted(reasons)
    assert sorted(kept["raw_row"]) == [61, 62, 63, 64, 65]


def test_a_refused_stage_releases_nothing_and_says_why(tmp_path: Path) -> None:
    small_project(tmp_path)
    with pytest.raises(Refused, match=r"greedy 2020: refused: 2 of [0-9]+ evaluated rules fail"):
        release(tmp_path, "greedy")
    assert not (tmp_path / "store/mix").exists()
    events = list(read_events(steps.Workplace(load_project(tmp_path)).store))
    failed = [event for event in events if event["eventType"] == "FAIL"]
    assert any(event["job"]["name"] == "mix/greedy" for event in failed)


@needs_spec
def test_the_events_of_a_build_are_valid_openlineage(tmp_path: Path) -> None:
    small_project(tmp_path)
    release(tmp_path)
    with pytest.raises(Refused):
        release(tmp_path, "greedy")
    events = list(read_events(steps.Workplace(load_project(tmp_path)).store))
    assert [found for event in events for found in problems(event)] == []
    runs = {event["run"]["runId"] for event in events if event["eventType"] == "START"}
    ended = {event["run"]["runId"] for event in events if event["eventType"] != "START"}
    assert runs == ended
    outputs = {data["name"] for event in events for data in event.get("outputs", [])}
    assert {"sources/gazette", "corpus", "selection/lawful", "mix/lawful"} <= outputs


def test_a_folder_of_many_files_is_one_input_of_its_step(tmp_path: Path) -> None:
    small_project(tmp_path, PROJECT.replace("raw/gazette.jsonl", "raw/gazette/*.jsonl"))
    for i, row in enumerate(rows("many", 150, 7)):
        write_rows(tmp_path / f"raw/gazette/{i:03}.jsonl", [row])
    release(tmp_path)
    events = list(read_events(steps.Workplace(load_project(tmp_path)).store))
    (done,) = [one for one in events if one["job"]["name"] == "sources/gazette" and one["eventType"] == "COMPLETE"]
    assert [data["name"] for data in done["inputs"]] == ["raw/gazette"]
    assert done["inputs"][0]["inputFacets"]["inputStatistics"]["fileCount"] == 150


def test_a_swapped_selection_is_found_out(tmp_path: Path) -> None:
    small_project(tmp_path)
    place = steps.Workplace(load_project(tmp_path))
    cycle = place.project.calendar.at("2020")
    steps.plan_all(place, ["lawful", "greedy"], cycle)
    path = place.store.path("selection/lawful/2020/selection.parquet")
    path.write_bytes(place.store.read("selection/greedy/2020/selection.parquet"))
    with pytest.raises(DamagedData, match="not the selection that was made"):
        steps.release(place, "lawful", cycle)


def test_a_generated_source_is_written_once_and_changes_with_what_it_was_fitted_on(tmp_path: Path) -> None:
    text = PROJECT.replace(
        "    uri: raw/drafts.jsonl\n", "    generate: {twin: markov, fit: gazette, documents: 20, tokens: 15}\n"
    )
    text = text.replace('{name: scribe, version: "1"}', "{name: scribe}")
    text = "\n".join(line for line in text.splitlines() if "{column: date}, licence: CC0" not in line)
    small_project(tmp_path, text)
    place = steps.Workplace(load_project(tmp_path))
    cycle = place.project.calendar.at("2020")
    names = ["gazette", "drafts"]
    first = [steps.ingest(place, name, cycle) for name in names][1]
    assert first.snapshot.read == 20
    assert [steps.ingest(place, name, cycle) for name in names][1].reused
    write_rows(tmp_path / "raw/gazette.jsonl", rows("new", 60, 8))
    assert [steps.ingest(place, name, cycle) for name in names][1].snapshot.digest != first.snapshot.digest


WHOLE = """
import sys
from pathlib import Path
from anchor_pipeline_tests.test_steps import release
print("ready", flush=True)
release(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_build_killed_at_any_moment_can_be_built_again(tmp_path: Path) -> None:
    """kill -9 at moments spread over the build; what is there afterwards is nothing, or a whole release."""
    small_project(tmp_path / "undisturbed")
    begun = time.monotonic()
    expected = release(tmp_path / "undisturbed")
    length = time.monotonic() - begun
    chance = random.Random(5)
    for attempt in range(12):
        folder = tmp_path / f"killed{attempt}"
        small_project(folder)
        process = subprocess.Popen([sys.executable, "-c", WHOLE, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, length * 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in (folder / "store").glob("mix/lawful/2020/*"):
            assert all(check.ok for check in verify_mix(path))
        assert release(folder).digest == expected.digest
