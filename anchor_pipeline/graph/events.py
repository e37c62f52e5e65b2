"""What the OpenLineage events of the store say: runs, datasets and what was made from what.

Every event stands for itself in the tables; what a run is follows from all of its events together, whatever order
they came in. An event that is there twice is kept once, one of another producer is kept and marked as not ours, and
a line that is no run event is noted with its reason and changes nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.graph.tables import OURS
from anchor_pipeline.lineage.outbox import Batch, batches_of, days

_TIME = pa.timestamp("us", tz="UTC")
_EVENTS = pa.schema(
    [("run", pa.string()), ("type", pa.string()), ("at", _TIME), ("namespace", pa.string()), ("job", pa.string()),
     ("ours", pa.bool_()), ("cycle", pa.string()), ("parent", pa.string()), ("event", pa.string())]
)  # fmt: skip
_IO = pa.schema([(name, pa.string()) for name in ("event", "run", "direction", "namespace", "name", "version", "uri")])
_LISTED = pa.schema([(name, pa.string()) for name in ("source", "digest", "shard_digest")])
_UNUSABLE = pa.schema([("batch", pa.string()), ("line", pa.int32()), ("reason", pa.string())])

_SNAPSHOT_SHARDS = """
    INSERT INTO snapshot_shards SELECT DISTINCT source, digest, shard_digest FROM _new ANTI JOIN snapshots
    USING (source, digest) ORDER BY ALL
"""
_SNAPSHOTS = """
    INSERT INTO snapshots SELECT DISTINCT source, digest, false FROM _new ANTI JOIN snapshots USING (source, digest)
    ORDER BY ALL
"""

_TYPES = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")


@dataclass
class Read:
    """Rows read from batches."""

    events: list[dict[str, Any]] = field(default_factory=list)
    io: list[dict[str, Any]] = field(default_factory=list)
    unusable: list[dict[str, Any]] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    """Shards of a snapshot, where an event lists them (facet anchor_shards)."""


def new_batches(store: Store, known: set[str]) -> list[Batch]:
    """Batches of the outbox that were not read yet, in order; a day may get older ones from another machine."""
    return [batch for day in days(store) for batch in batches_of(store, day) if batch.path not in known]


def read_events(store: Store, batches: Iterable[Batch]) -> Read:
    """The rows that batches stand for. DamagedData for a file that cannot be read or holds too few lines."""
    found = Read()
    for batch in batches:
        lines = store.read(batch.path).splitlines()
        if len(lines) != batch.count:
            raise DamagedData(
                f"{batch.path}: has {len(lines)} lines, but was written with {batch.count}; restore it from a backup, "
                "or move it away"
            )
        for number, line in enumerate(lines, start=1):
            try:
                _take(found, json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                reason = f"{type(error).__name__}: {error}"[:200]
                found.unusable.append({"batch": batch.path, "line": number, "reason": reason})
    return found


def add_events(connection: duckdb.DuckDBPyConnection, read: Read) -> None:
    """Put rows into the tables, events that are there already left out. In the transaction of the caller."""
    for name, rows, schema in (
        ("events", read.events, _EVENTS), ("io", read.io, _IO), ("unusable", read.unusable, _UNUSABLE),
    ):  # fmt: skip
        if not rows:
            continue
        columns = ", ".join(f'"{name}"' for name in schema.names)
        known = "ANTI JOIN (SELECT DISTINCT event FROM events) USING (event)" if name == "events" else ""
        if name == "io":
            # Of the events that were new; those are in place by now.
            known = "ANTI JOIN (SELECT DISTINCT event FROM io) USING (event)"
        connection.register("_new", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"INSERT INTO {name} ({columns}) SELECT DISTINCT {columns} FROM _new {known} ORDER BY ALL")
        connection.unregister("_new")
    if read.listed:
        connection.register("_new", pa.Table.from_pylist(read.listed, schema=_LISTED))
        connection.execute(_SNAPSHOT_SHARDS)
        connection.execute(_SNAPSHOTS)
        connection.unregister("_new")


def _take(found: Read, event: Mapping[str, Any]) -> None:
    kind, run, job = event["eventType"], event["run"], event["job"]
    if kind not in _TYPES:
        raise ValueError(f"eventType is {kind!r}")
    digest = canonical_digest(event)
    facets = run.get("facets") or {}
    row = {
        "run": _text(run["runId"]),
        "type": kind,
        "at": _moment(event["eventTime"]),
        "namespace": _text(job["namespace"]),
        "job": _text(job["name"]),
        "ours": str(event.get("producer", "")).startswith(OURS),
        "cycle": _tag(facets, "cycle"),
        "parent": ((facets.get("parent") or {}).get("run") or {}).get("runId"),
        "event": digest,
    }
    sides = [
        _dataset(digest, row["run"], direction, dataset)
        for direction, name in (("input", "inputs"), ("output", "outputs"))
        for dataset in event.get(name) or ()
    ]
    listed = [one for dataset in event.get("outputs") or () for one in _listed(dataset)]
    pa.Table.from_pylist([row], schema=_EVENTS)
    found.events.append(row)
    # What a START names as outputs is planned, and may never come to be.
    found.io += [one for one in sides if kind != "START" or one["direction"] == "input"]
    if row["ours"] and kind == "COMPLETE":
        found.listed += listed


def _dataset(event: str, run: str, direction: str, dataset: Mapping[str, Any]) -> dict[str, Any]:
    facets = dataset.get("facets") or {}
    version = (facets.get("version") or {}).get("datasetVersion")
    uri = (facets.get("dataSource") or {}).get("uri")
    return {
        "event": event,
        "run": run,
        "direction": direction,
        "namespace": _text(dataset["namespace"]),
        "name": _text(dataset["name"]),
        "version": None if version is None else _text(version),
        "uri": None if uri is None else _text(uri),
    }


def _listed(dataset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The shards that an output lists, if it is the snapshot of a source."""
    folder, _, source = str(dataset["name"]).partition("/")
    facets = dataset.get("facets") or {}
    shards, version = facets.get("anchor_shards") or {}, facets.get("version") or {}
    if folder != "sources" or not source or not shards or not version:
        return []
    digest = _text(version["datasetVersion"])
    return [
        {"source": source, "digest": digest, "shard_digest": _text(one["digest"])} for one in shards.get("shards") or ()
    ]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a text, found {value!r}")
    # Lone surrogates can be spelt in JSON, and kept nowhere else.
    return value.encode("utf-8", "replace").decode()


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tag(facets: Mapping[str, Any], key: str) -> str | None:
    for tag in (facets.get("tags") or {}).get("tags") or ():
        if tag.get("key") == key:
            return _text(tag["value"])
    return None
