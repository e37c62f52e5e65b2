"""Delivery beside a build: it happens, and the build neither waits for it nor fails by it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.background import GRACE, STALL, Courier
from anchor_pipeline.lineage.delivery import Delivered, deliver
from anchor_pipeline.lineage.outbox import OpenLineageFile
from anchor_pipeline.record import Recorder
from anchor_pipeline_tests.lineage.builds import events_of, whole_build
from anchor_pipeline_tests.lineage.collectors import Collector, free_port, key, running


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with running() as collector:
        monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
        yield collector


def build(store: Store) -> tuple[Courier, float]:
    """A build with a courier beside it, and the seconds that it had to wait for the courier at its end."""
    with Courier(store) as courier:
        recorder = Recorder(store, "assistant", [OpenLineageFile(store), courier])
        whole_build(recorder)
        with recorder.step("mix/last"):
            time.sleep(0.3)
        ended = time.monotonic()
    return courier, time.monotonic() - ended


def test_everything_is_delivered_when_the_build_ends(store: Store, collector: Collector) -> None:
    courier, seconds = build(store)
    assert courier.left_behind()[0] == 0
    assert {key(event) for event in collector.taken} == {key(event) for event in events_of(store)}
    assert seconds < GRACE + 0.5


def test_events_are_delivered_while_the_build_runs(store: Store, collector: Collector) -> None:
    with Courier(store) as courier, Recorder(store, "assistant", [OpenLineageFile(store), courier]).step("corpus"):
        until = time.monotonic() + 20
        while not collector.taken and time.monotonic() < until:
            time.sleep(0.01)
        assert [event["eventType"] for event in collector.taken] == ["START"]


def test_what_an_earlier_build_left_behind_is_delivered_too(store: Store, collector: Collector) -> None:
    with Recorder(store, "assistant").step("corpus"):
        pass
    build(store)
    assert {key(event) for event in collector.taken} == {key(event) for event in events_of(store)}


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("slow", "it has not answered yet"),
        ("drip", "it has not answered yet"),
        ("500", "HTTP 500"),
        ("drop", "dropped"),
    ],
)
def test_a_collector_in_trouble_does_not_hold_the_build_up(
    store: Store, collector: Collector, mode: str, why: str
) -> None:
    collector.mode = mode
    courier, seconds = build(store)
    left, reason = courier.left_behind()
    assert left == len(events_of(store)) == 18
    assert why in reason
    assert seconds < STALL + 0.5
    collector.mode = "ok"
    assert deliver(store, deadline=20, eager=True) == Delivered(sent=18)


def test_a_collector_that_is_down_does_not_hold_the_build_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{free_port()}")
    courier, seconds = build(store)
    assert courier.left_behind() == (18, "connection refused")
    assert seconds < STALL + 0.5


def test_a_wrong_configuration_does_not_stop_the_build_and_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "nonsense")
    courier, _ = build(store)
    left, reason = courier.left_behind()
    assert left == 18
    assert "the OpenLineage configuration cannot be used" in reason


def test_without_a_collector_there_is_no_thread_and_nothing_to_tell(store: Store) -> None:
    threads = threading.active_count()
    with Courier(store) as courier:
        assert threading.active_count() == threads
    build(store)
    assert courier.left_behind() == (0, "")
