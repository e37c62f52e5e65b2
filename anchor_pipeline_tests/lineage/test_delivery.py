"""Nothing recorded is lost, each run's events arrive in order, and a delivery ends when it has to."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.delivery import Delivered, deliver
from anchor_pipeline.lineage.outbox import batches_of, days
from anchor_pipeline.lineage.receipts import DELIVERED, Receipts
from anchor_pipeline.lineage.waiting import WAITING
from anchor_pipeline.record import Recorder
from anchor_pipeline_tests.lineage.builds import events_of, whole_build
from anchor_pipeline_tests.lineage.collectors import Collector, by_run, first_offers, free_port, key, running
from anchor_pipeline_tests.lineage.openlineage_spec import needs_spec, problems

SOON = 0.01
"""Seconds before a second attempt."""

SENDER = """
import sys
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.delivery import deliver
print("ready", flush=True)
deliver(Store(sys.argv[1]), deadline=60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With the 16 events of 8 runs."""
    store = Store(tmp_path / "store")
    whole_build(Recorder(store, "assistant", policy="f" * 64))
    return store


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with running() as collector:
        monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
        yield collector


def eager(store: Store, deadline: float = 20.0, **options: Any) -> Delivered:
    return deliver(store, deadline=deadline, eager=True, pause=SOON, **options)


def assert_all_arrived_in_order(store: Store, collector: Collector) -> None:
    recorded = [key(event) for event in events_of(store)]
    assert set(first_offers(collector.taken)) == set(recorded)
    arrived = first_offers([event for _, event, _ in collector.offered])
    assert by_run(arrived) == by_run(recorded)


def test_every_event_arrives_once_and_in_the_order_of_recording(store: Store, collector: Collector) -> None:
    assert eager(store) == Delivered(sent=16)
    assert [key(event) for event in collector.taken] == [key(event) for event in events_of(store)]
    assert eager(store) == Delivered()
    assert len(collector.offered) == 16


@needs_spec
def test_what_arrives_is_valid_and_says_what_was_recorded(store: Store, collector: Collector) -> None:
    eager(store)
    assert [found for event in collector.taken for found in problems(event)] == []
    for arrived, recorded in zip(collector.taken, events_of(store), strict=True):
        tags = arrived["run"]["facets"].pop("tags")["tags"]
        kept = recorded["run"]["facets"].pop("tags", {"tags": []})["tags"]
        assert [tag for tag in tags if tag["source"] != "OPENLINEAGE_CLIENT"] == kept
        assert arrived == recorded


@pytest.mark.parametrize("mode", ["500", "503", "408", "425", "429", "half", "header", "drop"])
def test_a_collector_in_trouble_gets_everything_once_it_is_well(store: Store, collector: Collector, mode: str) -> None:
    collector.mode = mode
    failed = eager(store)
    assert (failed.sent, failed.pending, failed.rejected) == (0, 16, 0)
    assert failed.error
    assert len(collector.offered) <= 5, "a collector in trouble is not hammered"
    collector.mode = "ok"
    assert eager(store).sent == 16
    assert_all_arrived_in_order(store, collector)


def test_a_collector_that_is_down_gets_everything_once_it_is_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{port}")
    assert eager(store) == Delivered(pending=16, error="connection refused")
    with running(port) as collector:
        assert eager(store) == Delivered(sent=16)
        assert_all_arrived_in_order(store, collector)


def test_a_collector_that_comes_back_in_time_gets_everything_in_the_same_call(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{port}")
    results: list[Delivered] = []
    call = threading.Thread(target=lambda: results.append(deliver(store, deadline=30, eager=True)))
    call.start()
    time.sleep(0.5)
    with running(port) as collector:
        call.join(30)
        assert results == [Delivered(sent=16)]
        assert_all_arrived_in_order(store, collector)


def test_a_single_stumble_costs_one_attempt(store: Store, collector: Collector) -> None:
    stumbles = iter(["500", "drop"])
    collector.mode = lambda event: next(stumbles, "ok") if event["job"]["name"] == "mix/sft" else "ok"
    assert eager(store) == Delivered(sent=16)
    assert len(collector.offered) == 18
    assert_all_arrived_in_order(store, collector)


def test_the_later_events_of_a_run_wait_for_its_earlier_ones(store: Store, collector: Collector) -> None:
    collector.mode = lambda event: "500" if event["job"]["name"] == "sources/peps" else "ok"
    stuck = eager(store, deadline=4)
    assert (stuck.sent, stuck.pending) == (14, 2)
    assert stuck.error == "HTTP 500 Internal Server Error"
    offered = {event["eventType"] for _, event, _ in collector.offered if event["job"]["name"] == "sources/peps"}
    assert offered == {"START"}
    collector.mode = "ok"
    assert eager(store) == Delivered(sent=2)
    assert_all_arrived_in_order(store, collector)


def test_runs_that_always_fail_do_not_keep_others_from_being_delivered(tmp_path: Path, collector: Collector) -> None:
    store = Store(tmp_path / "store")
    recorder = Recorder(store, "assistant")
    for number in range(8):
        with recorder.step(f"bad/{number}"):
            pass
    with recorder.step("good"):
        pass
    collector.mode = lambda event: "ok" if event["job"]["name"] == "good" else "500"
    for _ in range(3):
        deliver(store, deadline=20, pause=SOON)
    assert [event["eventType"] for event in collector.taken] == ["START", "COMPLETE"]


def test_an_event_that_is_refused_for_good_is_kept_and_no_longer_in_the_way(store: Store, collector: Collector) -> None:
    collector.mode = lambda event: "400" if event["job"]["name"] == "facts" and event["eventType"] == "START" else "ok"
    assert eager(store) == Delivered(sent=15, rejected=1)
    assert eager(store) == Delivered()
    [note] = Receipts(store).rejected()
    assert (note.job, note.type, note.reason) == ("facts", "START", "HTTP 400 Bad Request: said so")
    collector.mode = "ok"
    assert eager(store, everything=True) == Delivered(sent=16)
    assert Receipts(store).rejected() == []
    assert len(events_of(store)) == 16


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 415])
def test_a_wrong_configuration_refuses_no_event_for_good(store: Store, collector: Collector, status: int) -> None:
    collector.mode = str(status)
    failed = eager(store)
    assert (failed.pending, failed.rejected) == (16, 0)
    assert f"HTTP {status}" in str(failed.error)
    assert len(collector.offered) == 1


def test_a_redirect_that_would_lose_the_event_is_told(store: Store, collector: Collector) -> None:
    collector.mode = "301"
    lost = eager(store)
    assert lost.pending == 16
    assert lost.error == f"the collector redirects to {collector.url}/elsewhere; configure that address"


def test_a_collector_that_asks_for_time_gets_it(store: Store, collector: Collector) -> None:
    asked = iter(["429:1"])
    collector.mode = lambda _: next(asked, "ok")
    assert eager(store) == Delivered(sent=16)
    (first, *_), (second, *_) = collector.offered[:2]
    assert second - first >= 1.0


def test_a_collector_that_asks_for_too_much_time_is_left_alone(store: Store, collector: Collector) -> None:
    collector.mode = "429:3600"
    begun = time.monotonic()
    assert eager(store).error == "HTTP 429 Too Many Requests"
    assert time.monotonic() - begun < 5
    assert len(collector.offered) == 1


@pytest.mark.parametrize("mode", ["slow", "drip"])
def test_the_deadline_is_kept_whatever_the_collector_does(store: Store, collector: Collector, mode: str) -> None:
    collector.mode = mode
    begun = time.monotonic()
    late = eager(store, deadline=1.0)
    assert time.monotonic() - begun < 2.0
    assert (late.sent, late.pending) == (0, 16)
    assert late.error == "no answer in time"
    collector.mode = "ok"
    assert eager(store).sent == 16
    assert_all_arrived_in_order(store, collector)


def test_no_time_at_all_sends_nothing_and_says_so(store: Store, collector: Collector) -> None:
    assert eager(store, deadline=0) == Delivered(pending=16, error="the time was over before all were sent")
    assert collector.offered == []


def test_a_failure_is_not_repeated_at_once_by_the_next_call(store: Store, collector: Collector) -> None:
    collector.mode = lambda event: "500" if event["job"]["name"] == "facts" else "ok"
    hurry = threading.Event()
    hurry.set()
    assert deliver(store, deadline=20, stop=hurry).error == "HTTP 500 Internal Server Error"
    again = deliver(store, deadline=20, stop=hurry)
    assert (again.pending, again.error) == (2, "HTTP 500 Internal Server Error")
    assert [event["eventType"] for _, event, _ in collector.offered if event["job"]["name"] == "facts"] == ["START"]
    collector.mode = "ok"
    assert eager(store).sent == 2
    assert b"500" not in store.read(WAITING)


def test_a_batch_that_cannot_be_read_is_told_and_does_not_stop_the_rest(store: Store, collector: Collector) -> None:
    broken = batches_of(store, days(store)[0])[3]
    store.write(broken.path, b"{}\n")
    result = eager(store)
    assert (result.sent, result.rejected, result.error) == (15, 1, None)
    [note] = Receipts(store).rejected()
    assert broken.path in note.reason


def test_two_deliverers_at_once_send_everything(store: Store, collector: Collector) -> None:
    results: list[Delivered] = []
    calls = [threading.Thread(target=lambda: results.append(eager(store))) for _ in range(2)]
    for call in calls:
        call.start()
    for call in calls:
        call.join(30)
    assert [result.pending for result in results] == [0, 0]
    assert_all_arrived_in_order(store, collector)
    assert eager(store) == Delivered()


@pytest.mark.parametrize("after", [0, 3, 11])
def test_a_deliverer_that_is_killed_loses_nothing(store: Store, collector: Collector, after: int) -> None:
    reached = threading.Event()

    def mode(_: object) -> str:
        if len(collector.offered) < after:
            return "ok"
        reached.set()
        return "slow"

    collector.mode = mode
    sender = subprocess.Popen([sys.executable, "-c", SENDER, str(store.root)], stdout=subprocess.PIPE)
    assert reached.wait(60)
    sender.send_signal(signal.SIGKILL)
    assert sender.wait(10) == -signal.SIGKILL
    collector.mode = "ok"
    eager(store)
    assert_all_arrived_in_order(store, collector)
    assert eager(store) == Delivered()


def test_lost_or_damaged_notes_only_mean_that_events_arrive_again(store: Store, collector: Collector) -> None:
    eager(store)
    store.write(f"{DELIVERED}/{days(store)[0]}.json", b"[")
    assert eager(store) == Delivered(sent=16)
    assert eager(store) == Delivered()


def test_nothing_happens_without_a_collector(store: Store) -> None:
    assert eager(store) == Delivered()
    assert not store.exists(DELIVERED)


def test_old_days_are_closed_when_nothing_of_them_is_left(tmp_path: Path, collector: Collector) -> None:
    from datetime import UTC, datetime

    store = Store(tmp_path / "store")
    with Recorder(store, "assistant", clock=lambda: datetime(2020, 1, 2, tzinfo=UTC)).step("corpus"):
        pass
    assert eager(store).sent == 2
    assert deliver(store, deadline=5) == Delivered()
    assert store.exists(f"{DELIVERED}/2020-01-02.closed")
    # A clock that was wrong: what comes late is still found by whoever looks into every day.
    with Recorder(store, "assistant", clock=lambda: datetime(2020, 1, 2, tzinfo=UTC)).step("late"):
        pass
    assert eager(store).sent == 2
