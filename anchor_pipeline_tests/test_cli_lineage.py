"""`anchor lineage`, and builds beside a collector: what they say, and that no result depends on the collector."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.lineage.builds import events_of
from anchor_pipeline_tests.lineage.collectors import free_port, key, running
from anchor_pipeline_tests.projects import small_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its first build is done, so that the next ones are short."""
    folder = tmp_path_factory.mktemp("project")
    small_project(folder)
    declared = load_project(folder)
    place, cycle = steps.Workplace(declared), declared.calendar.at("2020")
    steps.plan_all(place, ("lawful", "greedy"), cycle)
    return folder


@pytest.fixture
def anchor(anchor: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, where nothing of the environment configures OpenLineage."""
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE_"):
            monkeypatch.delenv(name)
    return anchor


def store_of(project: Path) -> Store:
    return steps.Workplace(load_project(project)).store


def status(anchor: Run, project: Path) -> dict[str, Any]:
    code, out, _ = anchor("lineage", "status", project, "--json")
    assert code == 0
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.mark.parametrize("stage", ["lawful", "greedy"])
def test_exit_code_and_results_are_the_same_whatever_the_collector_does(
    anchor: Run, project: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    command = ("plan", project, "--cycle", "2020", "--stage", stage, "--json")
    code, out, err = anchor(*command)
    assert "lineage" not in err
    with running() as collector:
        for mode in ("500", "slow", "400", "ok"):
            monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
            collector.mode = mode
            begun = time.monotonic()
            assert anchor(*command)[:2] == (code, out)
            assert time.monotonic() - begun < 25, "the collector takes 30 s to answer"
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{free_port()}")
    assert anchor(*command)[:2] == (code, out)


def test_a_build_tells_in_one_line_what_is_left_and_flush_sends_it(
    anchor: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{port}")
    code, _, err = anchor("build", project, "--cycle", "2020", "--stage", "lawful")
    assert code == 0
    pending = status(anchor, project)["events"]["pending"]
    last = err.splitlines()[-1]
    flush = f"anchor lineage flush {load_project(project).path}"
    assert last == f"lineage: {pending} events wait for the collector (connection refused); {flush}"
    code, out, err = anchor("lineage", "flush", project, "--deadline", "5")
    assert code == 3
    assert out == f"0 events sent to http://127.0.0.1:{port}/api/v1/lineage, {pending} left, 0 refused\n"
    assert err == "not everything could be delivered: connection refused\n"
    with running(port) as collector:
        code, out, err = anchor("lineage", "flush", project)
        assert (code, err) == (0, "")
        assert out == f"{pending} events sent to {collector.url}/api/v1/lineage, 0 left, 0 refused\n"
        assert status(anchor, project)["events"]["pending"] == 0
        arrived = len(collector.taken)
        assert anchor("lineage", "flush", project, "--all")[0] == 0
        recorded = {key(event) for event in events_of(store_of(project))}
        assert {key(event) for event in collector.taken[arrived:]} == recorded


def test_a_build_delivers_all_by_itself(anchor: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as collector:
        monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
        code, _, err = anchor("build", project, "--cycle", "2020", "--stage", "lawful")
        assert (code, "lineage:" in err) == (0, False)
        told = status(anchor, project)
        assert told["collector"] == {
            "address": f"{collector.url}/api/v1/lineage",
            "reachable": True,
            "said": "it answers",
        }
        assert told["events"]["pending"] == 0
        assert told["events"]["kept"] == told["events"]["delivered"] == len(events_of(store_of(project)))


def test_status_tells_what_waits_and_what_was_refused(
    anchor: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as collector:
        monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
        anchor("lineage", "flush", project)
        collector.mode = lambda event: {"corpus": "422", "sources/gazette": "503"}.get(event["job"]["name"], "ok")
        anchor("plan", project, "--cycle", "2020", "--stage", "lawful")
        assert anchor("lineage", "flush", project, "--deadline", "15")[0] == 3
        told = status(anchor, project)
        assert (told["events"]["pending"], told["events"]["rejected"]) == (2, 2)
        assert {note["job"] for note in told["rejected"]} == {"corpus"}
        assert told["last_error"]["reason"] == "HTTP 503 Service Unavailable"
        assert told["oldest_pending"]["age_seconds"] < 600
        _, out, _ = anchor("lineage", "status", project)
        assert "2 pending" in out
        assert "oldest     waits since " in out
        assert "START corpus (run " in out
        assert "HTTP 422" in out
        collector.mode = "ok"
        assert anchor("lineage", "flush", project, "--all")[0] == 0
        assert status(anchor, project)["events"]["rejected"] == 0


def test_without_a_collector_status_is_calm_and_flush_says_what_to_configure(anchor: Run, project: Path) -> None:
    code, out, _ = anchor("lineage", "status", project)
    assert code == 0
    assert out.startswith("collector  no collector is configured (OPENLINEAGE_URL or openlineage.yml)\n")
    code, _, err = anchor("lineage", "flush", project)
    assert code == 2
    assert "OPENLINEAGE_URL" in err


def test_switched_off_is_no_failure(anchor: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    code, out, err = anchor("lineage", "flush", project)
    assert (code, out, err) == (0, "delivery is switched off (OPENLINEAGE_DISABLED); nothing was sent\n", "")
    assert "lineage:" not in anchor("plan", project, "--cycle", "2020", "--stage", "lawful")[2]


def test_a_configuration_that_cannot_be_used_is_a_usage_error(
    anchor: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(project / "no.yml"))
    assert anchor("lineage", "flush", project)[0] == 2
    told = status(anchor, project)
    assert told["collector"]["reachable"] is False
    assert "OPENLINEAGE_CONFIG names" in told["collector"]["said"]
    code, _, err = anchor("plan", project, "--cycle", "2020", "--stage", "lawful")
    assert code == 0
    assert "OPENLINEAGE_CONFIG names" in err
