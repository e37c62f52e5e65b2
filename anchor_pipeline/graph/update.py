"""Bring the graph up to date with its store: only what is new is read.

Shards, releases and batches of events never change, so their names tell what was read. Each group of them is one
transaction together with the note that it was read: a process that is killed loses one group, and the next one
goes on from there. What cannot be read is told, left out, and tried again by the next update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import duckdb

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.graph.events import add_events, new_batches, read_events
from anchor_pipeline.graph.releases import Found, add_releases, new_releases, read_manifest
from anchor_pipeline.graph.snapshots import add_shards, add_snapshot, changed_snapshots, new_shards
from anchor_pipeline.lineage.outbox import Batch
from anchor_pipeline.mix.manifest import Manifest

_SHARDS = 1024
"""Read in one transaction: up to 64 GB of content, of which only the other columns are read."""

_MEMBERS = 4_000_000
"""Rows of releases read in one transaction, unless one alone has more."""

_BATCHES = 1_000

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class News:
    """What lies in the store and not in the graph."""

    batches: list[Batch]
    shards: list[str]
    snapshots: dict[str, tuple[str, bytes]]
    """By source: SHA-256 and bytes of its snapshot."""
    releases: list[Found]

    def __bool__(self) -> bool:
        return bool(self.batches or self.shards or self.snapshots or self.releases)


@dataclass
class Updated:
    """What an update has added."""

    batches: int = 0
    shards: int = 0
    snapshots: int = 0
    releases: int = 0
    rebuilt: bool = False
    """There was no graph yet, or one of another version, or a damaged one."""
    troubles: list[str] = field(default_factory=list)
    """What could not be read, and is not in the graph."""


def news_of(store: Store, connection: duckdb.DuckDBPyConnection) -> News:
    """What an update would have to read."""
    known: dict[str, dict[str, str]] = {kind: {} for kind in ("batch", "shard", "snapshot", "release")}
    for kind, name, version in connection.execute("SELECT kind, name, version FROM state").fetchall():
        known[kind][name] = version
    return News(
        new_batches(store, set(known["batch"])),
        new_shards(store, set(known["shard"])),
        changed_snapshots(store, known["snapshot"]),
        new_releases(store, known["release"]),
    )


def apply(store: Store, connection: duckdb.DuckDBPyConnection, news: News) -> Updated:
    """Read what is new into the tables."""
    updated = Updated()
    updated.shards = _in_groups(_Groups(connection, updated, "shard {}"), news.shards, _SHARDS, _add_shards(store))
    updated.batches = _in_groups(_Groups(connection, updated, "{0.path}"), news.batches, _BATCHES, _add_batches(store))
    for source, (version, data) in sorted(news.snapshots.items()):
        with _transaction(connection):
            if trouble := add_snapshot(connection, source, data):
                updated.troubles.append(trouble)
                continue
            _note(connection, "snapshot", {source: version})
            updated.snapshots += 1
    manifests = _manifests(store, news.releases, updated)
    for group in _by_rows(manifests):
        groups = _Groups(connection, updated, "{0[0].folder}")
        updated.releases += _in_groups(groups, group, len(group), _add_releases(store))
    return updated


_Add = Callable[[duckdb.DuckDBPyConnection, Sequence[_Item]], None]


@dataclass(frozen=True)
class _Groups:
    connection: duckdb.DuckDBPyConnection
    updated: Updated
    what: str


def _in_groups(groups: _Groups, items: Sequence[_Item], size: int, add: _Add[_Item]) -> int:
    """Add items, `size` in a transaction; where that fails, one by one, and what fails alone is told."""
    added = 0
    for start in range(0, len(items), size):
        group = items[start : start + size]
        try:
            with _transaction(groups.connection):
                add(groups.connection, group)
            added += len(group)
        except (DamagedData, *_UNREADABLE) as error:
            if len(group) > 1:
                added += _in_groups(groups, group, 1, add)
            else:
                reason = " ".join(str(error).split())
                groups.updated.troubles.append(f"{groups.what.format(group[0])}: cannot be read ({reason})")
    return added


_UNREADABLE = (
    duckdb.IOException,
    duckdb.InvalidInputException,
    duckdb.BinderException,
    duckdb.ConversionException,
    duckdb.ConstraintException,
    duckdb.OutOfRangeException,
)
"""What DuckDB says of a file that is missing, no Parquet file, or has not the columns or values it should."""


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _note(connection: duckdb.DuckDBPyConnection, kind: str, versions: dict[str, str]) -> None:
    names = list(versions)
    connection.execute("DELETE FROM state WHERE kind = ? AND name IN (SELECT unnest(?))", [kind, names])
    connection.execute(
        "INSERT INTO state SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[])", [kind, names, list(versions.values())]
    )


def _add_shards(store: Store) -> _Add[str]:
    def add(connection: duckdb.DuckDBPyConnection, digests: Sequence[str]) -> None:
        add_shards(connection, digests, store.local_shards(digests))
        _note(connection, "shard", dict.fromkeys(digests, ""))

    return add


def _add_batches(store: Store) -> _Add[Batch]:
    def add(connection: duckdb.DuckDBPyConnection, batches: Sequence[Batch]) -> None:
        add_events(connection, read_events(store, batches))
        _note(connection, "batch", {batch.path: str(batch.count) for batch in batches})

    return add


def _add_releases(store: Store) -> _Add[tuple[Found, Manifest, str]]:
    def add(connection: duckdb.DuckDBPyConnection, releases: Sequence[tuple[Found, Manifest, str]]) -> None:
        add_releases(connection, store, releases)
        _note(connection, "release", {found.folder: found.stamp for found, _, _ in releases})

    return add


def _manifests(store: Store, releases: Sequence[Found], updated: Updated) -> Iterator[tuple[Found, Manifest, str]]:
    for found in releases:
        try:
            read = read_manifest(store, found)
        except DamagedData as error:
            updated.troubles.append(str(error))
            continue
        if read is not None:
            yield found, *read


def _by_rows(
    releases: Iterator[tuple[Found, Manifest, str]],
) -> Iterator[list[tuple[Found, Manifest, str]]]:
    """Groups of releases with no more than _MEMBERS rows together."""
    group: list[tuple[Found, Manifest, str]] = []
    rows = 0
    for release in releases:
        if group and rows + release[1].rows > _MEMBERS:
            yield group
            group, rows = [], 0
        group.append(release)
        rows += release[1].rows
    if group:
        yield group
