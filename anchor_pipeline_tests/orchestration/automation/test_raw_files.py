"""Raw files that are new, changed or gone start one build of the newest cycle, once they are finished."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline import steps
from anchor_pipeline.orchestration.automation import listings, raw_files
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows

WATCH = "automation: {mode: schedule, watch: true}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    small_project(tmp_path)
    return project_at(tmp_path, PROJECT.replace("uri: raw/gazette.jsonl", "uri: raw/gazette*.jsonl") + WATCH)


class Sensor:
    """The sensor as the daemon ticks it; the cursor is all that passes from one tick to the next."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        self.repository = definitions_for(project, key_prefix=()).get_repository_def()
        self.sensor = self.repository.get_sensor_def("build_on_new_files")
        self.instance, self.cursor = instance, ""
        self.keys: list[str] = []
        self.skipped = ""

    def tick(self) -> list[dg.RunRequest]:
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor or None, repository_def=self.repository
        ) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor, self.skipped = str(data.cursor), data.skip_message or ""
        requests = list(data.run_requests or [])
        self.keys += [str(one.run_key) for one in requests]
        return requests

    def settle(self) -> list[dg.RunRequest]:
        """Ticks until nothing moves any more; what was asked for."""
        return [request for _ in range(4) for request in self.tick()]


@pytest.fixture
def sensor(project: Project, instance: dg.DagsterInstance) -> Sensor:
    """One that has asked for its first build."""
    one = Sensor(project, instance)
    assert len(one.settle()) == 1
    return one


def test_what_is_there_at_first_is_built_once(project: Project, instance: dg.DagsterInstance) -> None:
    one = Sensor(project, instance)
    assert one.tick() == []
    assert "same in two looks" in one.skipped
    (request,) = one.tick()
    newest = project.calendar.latest(raw_files.datetime.now(raw_files.UTC)).key
    assert request.partition_key == request.tags["anchor/cycle"] == newest
    assert request.tags["anchor/stage"] == "all"
    assert one.settle() == []
    assert one.skipped == "no raw files have changed"


def test_new_changed_and_removed_files_start_a_build_each(project: Project, sensor: Sensor) -> None:
    raw = project.root / "raw"
    write_rows(raw / "gazette2.jsonl", rows("more", 3, 7))
    assert len(sensor.settle()) == 1, "a new file"
    write_rows(raw / "gazette2.jsonl", rows("other", 3, 7))
    assert len(sensor.settle()) == 1, "a corrected file"
    (raw / "gazette2.jsonl").unlink()
    assert len(sensor.settle()) == 1, "a removed file"
    (raw / "logbooks.jsonl").unlink()
    assert len(sensor.settle()) == 1, "the last file of a source: the build refuses, and says so"
    assert len(set(sensor.keys)) == 5, "Dagster runs a key only once, also when files are what they were before"


def test_files_still_being_written_are_left_until_they_are_finished(project: Project, sensor: Sensor) -> None:
    with (project.root / "raw/gazette3.jsonl").open("w") as file:
        for number in range(5):
            file.write('{"id": "%d", "text": "a b c", "date": "2020-06-01"}\n' % number)  # noqa: UP031
            file.flush()
            assert sensor.tick() == []
            assert "waiting until these are the same in two looks: gazette" in sensor.skipped
    assert len(sensor.tick()) == 1
    assert sensor.tick() == []


def test_a_source_that_moves_holds_back_the_others_so_that_one_build_has_all(project: Project, sensor: Sensor) -> None:
    write_rows(project.root / "raw/drafts.jsonl", rows("new", 3, 8))
    sensor.tick()
    write_rows(project.root / "raw/logbooks.jsonl", rows("new", 3, 9))
    assert sensor.tick() == []
    assert len(sensor.settle()) == 1


def test_nothing_is_built_while_a_source_has_no_files_yet(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    small_project(tmp_path)
    late = tmp_path / "raw/drafts.jsonl"
    late.rename(tmp_path / "elsewhere")
    one = Sensor(project_at(tmp_path, PROJECT + WATCH), instance)
    assert one.settle() == []
    assert one.skipped == "waiting for files of: drafts"
    shutil.move(tmp_path / "elsewhere", late)
    assert len(one.settle()) == 1


def test_what_was_built_before_the_sensor_is_not_built_again(project: Project, instance: dg.DagsterInstance) -> None:
    cycle = raw_files.newest_cycle(project, raw_files.datetime.now(raw_files.UTC))
    assert cycle is not None
    place = steps.Workplace(project)
    steps.plan_all(place, list(project.stages), cycle)
    for stage in project.stages:
        if steps.current_verdict(place, stage, cycle).status == "pass":
            steps.release(place, stage, cycle)
    assert Sensor(project, instance).settle() == []


def test_a_source_that_cannot_be_listed_is_told_and_the_others_go_on(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    small_project(tmp_path)
    away = PROJECT.replace("uri: raw/drafts.jsonl", "uri: http://127.0.0.1:9/drafts.jsonl")
    one = Sensor(project_at(tmp_path, away + WATCH), instance)
    one.tick()
    assert "source drafts: " in one.skipped
    assert len(one.settle()) == 1, "what can be listed is built"
    assert one.settle() == [], "and not over and over"


def test_a_listing_that_hangs_does_not_hold_up_the_tick(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing, asked = listings.listing_digest, []

    def hanging(project: Project, name: str) -> str:
        asked.append(name)
        if name == "drafts":
            time.sleep(3)
        return listing(project, name)

    monkeypatch.setattr(listings, "listing_digest", hanging)
    monkeypatch.setattr(raw_files, "PATIENCE", 0.5)
    one = Sensor(project, instance)
    start = time.monotonic()
    one.tick()
    one.tick()
    assert time.monotonic() - start < 2.5
    assert asked.count("drafts") == 1, "it is waited for, not asked twice"


def test_a_source_of_many_files_needs_little_memory_in_the_cursor(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    small_project(tmp_path)
    many = tmp_path / "raw/many"
    many.mkdir()
    for number in range(5_000):
        (many / f"{number}.jsonl").write_text("{}\n")
    project = project_at(tmp_path, PROJECT.replace("uri: raw/gazette.jsonl", "uri: raw/many/") + WATCH)
    one = Sensor(project, instance)
    start = time.process_time()
    one.tick()
    assert time.process_time() - start < 5
    assert len(one.cursor) < 1000
    one.tick()
    (many / "77.jsonl").write_text("{} \n")
    assert len(one.settle()) == 1, "one changed file among thousands is seen"


@pytest.mark.parametrize("cursor", ["nonsense", '{"seen": 1, "other": 2}', "[]"])
def test_a_cursor_that_is_not_ours_starts_anew(project: Project, instance: dg.DagsterInstance, cursor: str) -> None:
    one = Sensor(project, instance)
    one.cursor = cursor
    assert len(one.settle()) == 1


def test_with_declarative_automation_only_the_changed_sources_are_asked_for(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    small_project(tmp_path)
    one = Sensor(project_at(tmp_path, PROJECT + "automation: {mode: declarative, watch: true}\n"), instance)
    one.settle()
    write_rows(tmp_path / "raw/drafts.jsonl", rows("new", 3, 8))
    (request,) = one.settle()
    assert request.asset_selection == [dg.AssetKey(["sources", "drafts"])]


def test_the_sensor_runs_by_itself_only_if_that_is_declared(tmp_path: Path) -> None:
    for text, expected in ((WATCH, "RUNNING"), ("automation: schedule\n", "STOPPED"), ("", "STOPPED")):
        defs = definitions_for(project_at(tmp_path, PROJECT + text), key_prefix=())
        assert defs.resolve_sensor_def("build_on_new_files").default_status.value == expected
    assert load_project(tmp_path).automation.watch is False
