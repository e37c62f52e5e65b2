"""Steps try input and output again, a bounded number of times and ever later, and nothing else."""

# No postponed annotations here: Dagster looks at the type of `context` itself.
import errno
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.errors import DamagedData, Refused, Unavailable
from anchor_pipeline.orchestration import retries
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.retries import guarded
from anchor_pipeline.outcome import Watcher
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.projects import PROJECT, small_project


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "POLICY", retries.POLICY._replace(delay=0.01))


def attempts(instance: dg.DagsterInstance, error: Exception, fails: int) -> tuple[int, dg.ExecuteInProcessResult]:
    """How often a step was tried whose first `fails` attempts end in `error`."""
    tried: list[int] = []

    @dg.asset
    @guarded
    def step(context: dg.AssetExecutionContext) -> None:
        tried.append(context.retry_number)
        if len(tried) <= fails:
            raise error

    result = dg.materialize([step], instance=instance, raise_on_error=False, run_config=QUIET)
    return len(tried), result


def test_a_storage_that_comes_back_is_no_failure(instance: dg.DagsterInstance) -> None:
    tried, result = attempts(instance, Unavailable("the bucket does not answer"), fails=2)
    assert (tried, result.success) == (3, True)


def test_a_storage_that_stays_away_fails_the_step_after_three_more_attempts(instance: dg.DagsterInstance) -> None:
    tried, result = attempts(instance, Unavailable("the bucket does not answer"), fails=99)
    assert (tried, result.success) == (4, False)
    assert result.get_step_failure_events()[0].step_failure_data.user_failure_data.description == (  # type: ignore[union-attr]
        "the bucket does not answer"
    )


@pytest.mark.parametrize(
    "error",
    [Refused("a rule fails"), DamagedData("altered"), ValueError("a bug"), OSError(errno.ENOSPC, "full")],
    ids=repr,
)
def test_what_waiting_does_not_mend_is_told_at_once(instance: dg.DagsterInstance, error: Exception) -> None:
    tried, result = attempts(instance, error, fails=1)
    assert (tried, result.success) == (1, False)


def test_waits_grow_and_are_spread() -> None:
    policy = retries.POLICY._replace(delay=10)
    waits = {number: [policy.calculate_delay(number) for _ in range(200)] for number in (1, 2, 3)}
    assert max(waits[1]) <= min(waits[2]) <= max(waits[2]) <= min(waits[3]) <= 80
    assert all(len(set(values)) > 100 for values in waits.values())


FOLDERS = ("store/sources/", "store/corpus/", "store/selection/", "store/mix/")


def test_a_disk_that_stumbles_once_at_each_step_costs_no_build(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load_project(small_project(tmp_path / "project"))
    left, sync = set(FOLDERS), LocalFiles.sync_folder

    def failing(files: LocalFiles, path: Path) -> None:
        for folder in [one for one in left if one in str(path)]:
            left.discard(folder)
            raise OSError(errno.EIO, "input/output error", str(path))
        sync(files, path)

    monkeypatch.setattr(LocalFiles, "sync_folder", failing)
    watcher = Watcher()
    result = build(project, instance, watcher)
    assert result.success
    assert not left
    assert restarts(result) == len(FOLDERS)
    assert watcher.errors == [], "the command does not report what was mended"
    assert len(list(project.store_path.glob("mix/lawful/2020/*/MANIFEST.json"))) == 1


def test_a_check_whose_evidence_cannot_be_read_just_now_is_tried_again(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load_project(small_project(tmp_path / "project"))
    current, calls = steps.current_verdict, []

    def stumbling(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 1:
            raise Unavailable("the storage does not answer")
        return current(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "current_verdict", stumbling)
    result = build(project, instance)
    assert result.success
    found = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert found["anchor_share"].passed


def build(project: Project, instance: dg.DagsterInstance, *observers: Watcher) -> dg.ExecuteInProcessResult:
    job = definitions_for(project, observers, key_prefix=()).resolve_job_def("build_lawful")
    return job.execute_in_process(instance=instance, partition_key="2020", raise_on_error=False, run_config=QUIET)


class Stumbling(BaseHTTPRequestHandler):
    """Says at any time what raw files there are, but does not hand them out at first."""

    folder: Path
    refusals = 0

    def do_GET(self) -> None:
        kind = type(self)
        if kind.refusals > 0:
            kind.refusals -= 1
            self.send_error(503)
        else:
            self.wfile.write(self.head())

    def do_HEAD(self) -> None:
        self.head()

    def head(self) -> bytes:
        data = (self.folder / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return data

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Project, type[Stumbling]]]:
    """The small project, with one source on a web server."""
    small_project(tmp_path / "project")
    handler = type("Handler", (Stumbling,), {"folder": tmp_path / "project/raw"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/gazette.jsonl"
    yield project_at(tmp_path / "project", PROJECT.replace("raw/gazette.jsonl", address)), handler
    server.shutdown()
    server.server_close()


def restarts(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.event_type_value == "STEP_RESTARTED" for event in result.all_events)


def test_raw_files_that_cannot_be_fetched_just_now_are_asked_for_again(
    web: tuple[Project, type[Stumbling]], instance: dg.DagsterInstance
) -> None:
    project, server = web
    server.refusals = 2
    result = build(project, instance)
    assert result.success
    assert 1 <= restarts(result) <= 3


def test_raw_files_that_stay_away_are_recorded_and_refused_not_an_error(
    web: tuple[Project, type[Stumbling]], instance: dg.DagsterInstance
) -> None:
    project, server = web
    server.refusals = 99
    result = build(project, instance)
    assert restarts(result) == 3
    found = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert "503" in str(found["readable"].description)
    assert not found["conservation"].passed
    failed = [event.step_key for event in result.get_step_failure_events()]
    assert failed == ["check_selection_lawful"], "the build went on to its verdict"
    assert list(project.store_path.glob("mix/**/MANIFEST.json")) == []
