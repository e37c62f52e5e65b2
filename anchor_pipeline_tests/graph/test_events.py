"""What the graph makes of events: late, repeated, foreign, circular or no events at all."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph import Graph, open_graph
from anchor_pipeline.graph.events import Read, read_events
from anchor_pipeline.lineage.ids import Rising
from anchor_pipeline.lineage.outbox import Batch, OpenLineageFile
from anchor_pipeline.record import Artefact, Recorder

BEGUN = datetime(2025, 6, 1, tzinfo=UTC)

_IDS = Rising()


def keep(store: Store, lines: list[bytes], day: str = "2025-06-01") -> str:
    """Put lines into the outbox as one batch; its path."""
    batch = Batch(day, str(_IDS.next(BEGUN)), len(lines))
    store.write(batch.path, b"".join(line + b"\n" for line in lines))
    return batch.path


def event(
    kind: str = "COMPLETE", run: str = "r", job: str = "corpus", minutes: int = 0, **parts: Any
) -> dict[str, Any]:
    """A run event of ours."""
    said = {
        "eventType": kind,
        "eventTime": (BEGUN + timedelta(minutes=minutes)).isoformat(),
        "producer": "https://anchor-pipeline.dev/v1",
        "run": {"runId": run},
        "job": {"namespace": "anchor://tests", "name": job},
        "inputs": [],
        "outputs": [],
    }
    return {**said, **parts}


def dataset(name: str, version: str | None = None, **facets: Any) -> dict[str, Any]:
    """A dataset of ours."""
    if version is not None:
        facets["version"] = {"datasetVersion": version}
    return {"namespace": "anchor://tests", "name": name, "facets": facets}


def said(graph: Graph) -> dict[str, list[Any]]:
    """Everything that events have told."""
    views = ("runs", "datasets", "edges", "exports")
    return {name: graph.connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in views}


def lines(events: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(one).encode() for one in events]


def test_what_a_recorder_writes_is_understood(tmp_path: Path) -> None:
    store = Store(tmp_path)
    recorder = Recorder(store, "tests", [OpenLineageFile(store)])
    with recorder.step("mix/main", outputs=[Artefact("planned")]) as step:
        step.input(Artefact("selection/main", "abc", 3))
        step.output(Artefact("mix/main", "def", 3))
    with pytest.raises(ZeroDivisionError), recorder.step("corpus"):
        _ = 1 / 0
    with open_graph(store) as graph:
        ask = graph.connection.execute
        assert ask("SELECT job, state, ours FROM runs ORDER BY job").fetchall() == [
            ("corpus", "FAIL", True), ("mix/main", "COMPLETE", True)
        ]  # fmt: skip
        assert ask("SELECT input, input_version, output, output_version FROM edges").fetchall() == [
            ("selection/main", "abc", "mix/main", "def")
        ]


def test_snapshots_that_are_gone_are_known_from_the_events_that_listed_their_shards(tmp_path: Path) -> None:
    store = Store(tmp_path)
    shards = {"anchor_shards": {"count": 2, "shards": [{"digest": "s1"}, {"digest": "s2"}]}}
    many = {"anchor_shards": {"count": 9999, "list": "sources/b/snapshot.json"}}
    whole = event(outputs=[dataset("sources/a", "one", **shards), dataset("sources/b", "two", **many)])
    foreign = event(run="x", producer="https://elsewhere", outputs=[dataset("sources/c", "one", **shards)])
    keep(store, lines([whole, whole, foreign]))
    keep(store, lines([event(run="again", outputs=[dataset("sources/a", "one", **shards)])]))
    with open_graph(store) as graph:
        assert graph.connection.execute("FROM snapshots").fetchall() == [("a", "one", False)]
        found = graph.connection.execute("FROM snapshot_shards ORDER BY ALL").fetchall()
    assert found == [("a", "one", "s1"), ("a", "one", "s2")]


def test_exports_are_named_with_what_they_were_written_from(tmp_path: Path) -> None:
    store = Store(tmp_path)
    source = {"dataSource": {"name": "there", "uri": "file:///there"}}
    whole = event(job="export/main", inputs=[dataset("mix/main", "abc")], outputs=[dataset("there", **source)])
    failed = event("FAIL", run="f", job="export/main", inputs=[dataset("mix/main", "abc")], outputs=[dataset("half")])
    foreign = event(run="x", job="export/x", producer="https://elsewhere", inputs=[dataset("mix/main", "abc")],
                    outputs=[dataset("theirs")])  # fmt: skip
    keep(store, lines([whole, failed, foreign]))
    with open_graph(store) as graph:
        (found,) = graph.exports_of(["abc"])
        assert (found.name, found.uri, found.release_digest, found.at) == ("there", "file:///there", "abc", BEGUN)
        assert graph.exports_of(["def"]) == []


def _story() -> list[dict[str, Any]]:
    a, b = dataset("a", "1"), dataset("b", "2")
    return [
        event("START", inputs=[a], outputs=[dataset("planned")]),
        event("RUNNING", minutes=1),
        event("COMPLETE", minutes=2, inputs=[a], outputs=[b]),
        # Dated after the end, as by a clock that was set.
        event("RUNNING", minutes=9),
        # Each from the other, and one from itself.
        event(run="s", inputs=[b], outputs=[a], job="back"),
        event(run="t", inputs=[a], outputs=[a], job="self", producer="https://elsewhere"),
        event("START", run="u", minutes=5, job="left"),
    ]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(0, 14))
def test_order_repetition_and_batches_mean_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int
) -> None:
    told = []
    for mixed in (False, True):
        store = Store(tmp_path_factory.mktemp("store"))
        events = lines(_story())
        if mixed:
            events += events
            random.Random(seed).shuffle(events)
            keep(store, events[cut:])
            open_graph(store).close()
            # An earlier day arrives later.
            keep(store, events[:cut], "2024-01-01")
        else:
            keep(store, events)
        with open_graph(store) as graph:
            told.append(said(graph))
    assert told[0] == told[1]


def test_the_end_of_a_run_outranks_what_is_dated_later(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, lines(_story()))
    with open_graph(store) as graph:
        found = graph.connection.execute("SELECT run, state, ours FROM runs ORDER BY run").fetchall()
        outputs = graph.connection.execute("SELECT DISTINCT output FROM edges ORDER BY ALL").fetchall()
    assert found == [("r", "COMPLETE", True), ("s", "COMPLETE", True), ("t", "COMPLETE", False), ("u", "START", True)]
    assert outputs == [("a",), ("b",)]


_BAD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"eventType": "COMPLETE"}',
    json.dumps(event(kind="DONE")).encode(),
    json.dumps(event(run=7)).encode(),  # type: ignore[arg-type]
    json.dumps(event(eventTime="yesterday")).encode(),
    json.dumps(event(inputs=[{"name": "a"}])).encode(),
    json.dumps(event(inputs="abc")).encode(),
    json.dumps(event(run="r", job="")).encode(),
    json.dumps({**event(), "run": {"runId": "r", "facets": {"parent": {"run": {"runId": ["x"]}}}}}).encode(),
    json.dumps({**event(), "run": {"runId": "r", "facets": {"tags": {"tags": "abc"}}}}).encode(),
    b"[" * 100_000,
    b"\xff\xfe",
]


def test_lines_that_are_no_events_are_counted_and_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = keep(store, [*_BAD, *lines([event(run="good")])])
    with open_graph(store) as graph:
        assert graph.updated.troubles == []
        assert graph.connection.execute("SELECT run FROM runs").fetchall() == [("good",)]
        told = graph.connection.execute("SELECT batch, line, reason FROM unusable ORDER BY line").fetchall()
    assert [(batch, line) for batch, line, _ in told] == [(path, line) for line in range(1, len(_BAD) + 1)]
    assert all(reason for _, _, reason in told)


@settings(max_examples=60, deadline=None)
@given(data=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["eventType", "eventTime", "run", "runId", "job", "name", "namespace", "inputs", "facets"]),
        inner, max_size=4,
    ),
))  # fmt: skip
def test_whatever_a_line_holds_nothing_breaks(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    mixed = {**event(), **data} if isinstance(data, dict) else data
    batch = Batch("2025-06-01", str(_IDS.next(BEGUN)), 1)
    store.write(batch.path, json.dumps(mixed).encode() + b"\n")
    found: Read = read_events(store, [batch])
    assert len(found.events) + len(found.unusable) == 1


def test_a_batch_that_lost_lines_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, lines([event(run="good")]))
    path = keep(store, lines([event(run="half"), event(run="lost")]))
    store.write(path, store.read(path).splitlines(keepends=True)[0])
    store.write("lineage/events/2025-06-01/note.txt", b"not ours")
    with open_graph(store) as graph:
        assert graph.connection.execute("SELECT run FROM runs").fetchall() == [("good",)]
        (trouble,) = graph.updated.troubles
    assert path in trouble
    assert "has 1 lines, but was written with 2" in trouble
