"""Where a ledger's entries lie: tables in SQLite, or in PostgreSQL beside Dagster's. Only ever added to.

    entries(origin, idx, kind, closes, leaf, envelope)    kind and closes are for look-ups; nobody trusts them
    nodes(origin, level, idx, hash)                       full subtrees of the Merkle tree
    heads(origin, size, note)                             every head that was signed

The primary keys make a fork impossible even if two writers got past the lock: there is one entry with an index, and
one that closes an intent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from anchor_pipeline.errors import DamagedData

TABLES = """
CREATE TABLE IF NOT EXISTS anchor_ledger_entries (
    origin TEXT NOT NULL, idx BIGINT NOT NULL, kind TEXT NOT NULL, closes TEXT, leaf TEXT NOT NULL,
    envelope {blob} NOT NULL, PRIMARY KEY (origin, idx));
CREATE TABLE IF NOT EXISTS anchor_ledger_nodes (
    origin TEXT NOT NULL, level INTEGER NOT NULL, idx BIGINT NOT NULL, hash {blob} NOT NULL,
    PRIMARY KEY (origin, level, idx));
CREATE TABLE IF NOT EXISTS anchor_ledger_heads (
    origin TEXT NOT NULL, size BIGINT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (origin, size));
CREATE INDEX IF NOT EXISTS anchor_ledger_kind ON anchor_ledger_entries (origin, kind);
CREATE UNIQUE INDEX IF NOT EXISTS anchor_ledger_leaf ON anchor_ledger_entries (origin, leaf);
CREATE UNIQUE INDEX IF NOT EXISTS anchor_ledger_closes ON anchor_ledger_entries (origin, closes);
"""


class Rows(Protocol):
    """A transaction: what was read in it is what holds while it lasts."""

    def all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query; `?` stands for a value."""

    def run(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """A statement for each of some rows of values."""


class Storage(Protocol):
    """A database that ledgers lie in."""

    @property
    def address(self) -> str:
        """Where it is, without credentials."""

    def writing(self, origin: str) -> AbstractContextManager[Rows]:
        """The one writer of a ledger: all or nothing, on disk when the block is left. Unavailable if it cannot be."""

    def reading(self) -> AbstractContextManager[Rows]:
        """What is there now. Unavailable if it cannot be reached."""

    def together(self) -> AbstractContextManager[None]:
        """What this thread does within may use one connection; each transaction counts for itself all the same."""

    def running(self, run: str) -> AbstractContextManager[None]:
        """Held as long as a run lasts; let go by the system when its process dies."""

    def is_running(self, run: str) -> bool:
        """Whether some process holds `running(run)`."""


@dataclass(frozen=True)
class Stored:
    """An entry as it lies there, not checked."""

    index: int
    leaf: str
    envelope: bytes


class LedgerRows:
    """The tables of one ledger within a transaction."""

    def __init__(self, rows: Rows, origin: str) -> None:
        self._rows, self._origin = rows, origin

    def size(self) -> int:
        """Entries there are."""
        found = self._all("SELECT MAX(idx) FROM anchor_ledger_entries WHERE origin = ?")
        return 0 if found[0][0] is None else int(found[0][0]) + 1

    def entries(self, start: int, end: int) -> Iterator[Stored]:
        """Entries start..end, as far as there are."""
        for at in range(start, end, _AT_ONCE):
            found = self._all(
                "SELECT idx, leaf, envelope FROM anchor_ledger_entries WHERE origin = ? AND idx >= ? AND idx < ?"
                " ORDER BY idx",
                at,
                min(at + _AT_ONCE, end),
            )
            for index, leaf, envelope in found:
                yield Stored(int(index), str(leaf), _bytes(envelope))

    def of_kinds(self, kinds: Sequence[str]) -> list[Stored]:
        """Entries with one of some kinds of predicates, in order."""
        marks = ", ".join("?" for _ in kinds)
        # `+`: sorted afterwards. SQLite would go through the whole ledger in its order otherwise, at every entry.
        sql = (
            f"SELECT idx, leaf, envelope FROM anchor_ledger_entries WHERE origin = ? AND kind IN ({marks})"
            " ORDER BY +idx"
        )
        found = self._all(sql, *kinds)
        return [Stored(int(index), str(leaf), _bytes(envelope)) for index, leaf, envelope in found]

    def unfinished(self) -> list[Stored]:
        """Intents that no entry closes."""
        found = self._all(
            "SELECT i.idx, i.leaf, i.envelope FROM anchor_ledger_entries i WHERE i.origin = ? AND i.kind = 'intent'"
            " AND NOT EXISTS (SELECT 1 FROM anchor_ledger_entries e WHERE e.origin = i.origin AND e.closes = i.leaf)"
            " ORDER BY +i.idx"
        )
        return [Stored(int(index), str(leaf), _bytes(envelope)) for index, leaf, envelope in found]

    def with_leaf(self, leaf: str) -> Stored | None:
        """The entry with a leaf hash."""
        found = self._all("SELECT idx, leaf, envelope FROM anchor_ledger_entries WHERE origin = ? AND leaf = ?", leaf)
        return Stored(int(found[0][0]), str(found[0][1]), _bytes(found[0][2])) if found else None

    def is_open(self, leaf: str) -> bool:
        """Whether there is such an intent, and no entry closes it."""
        found = self._all("SELECT kind FROM anchor_ledger_entries WHERE origin = ? AND leaf = ?", leaf)
        closed = self._all("SELECT 1 FROM anchor_ledger_entries WHERE origin = ? AND closes = ?", leaf)
        return found == [("intent",)] and not closed

    def node(self, level: int, index: int) -> bytes:
        """Root of a full subtree; KeyError if it is not there."""
        found = self._all(
            "SELECT hash FROM anchor_ledger_nodes WHERE origin = ? AND level = ? AND idx = ?", level, index
        )
        if not found:
            raise KeyError(f"node {level}/{index}")
        return _bytes(found[0][0])

    def nodes(self, places: Sequence[tuple[int, int]]) -> list[bytes]:
        """The same of several: (level, index)."""
        if not places:
            return []
        marks = " OR ".join("level = ? AND idx = ?" for _ in places)
        sql = f"SELECT level, idx, hash FROM anchor_ledger_nodes WHERE origin = ? AND ({marks})"
        rows = self._all(sql, *(number for place in places for number in place))
        found = {(int(level), int(index)): _bytes(made) for level, index, made in rows}
        for level, index in places:
            if (level, index) not in found:
                raise KeyError(f"node {level}/{index}")
        return [found[place] for place in places]

    def last_head(self) -> str | None:
        """The largest head that was signed."""
        found = self._all("SELECT note FROM anchor_ledger_heads WHERE origin = ? ORDER BY size DESC LIMIT 1")
        return str(found[0][0]) if found else None

    def head_of(self, size: int) -> str | None:
        """The head that was signed over the first `size` entries."""
        found = self._all("SELECT note FROM anchor_ledger_heads WHERE origin = ? AND size = ?", size)
        return str(found[0][0]) if found else None

    def add_entry(self, index: int, kind: str, closes: str | None, leaf: str, envelope: bytes) -> None:
        """Add an entry."""
        sql = "INSERT INTO anchor_ledger_entries (origin, idx, kind, closes, leaf, envelope) VALUES (?, ?, ?, ?, ?, ?)"
        self._rows.run(sql, [(self._origin, index, kind, closes, leaf, envelope)])

    def add_nodes(self, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Add full subtrees: (level, index, hash)."""
        sql = "INSERT INTO anchor_ledger_nodes (origin, level, idx, hash) VALUES (?, ?, ?, ?)"
        self._rows.run(sql, [(self._origin, *node) for node in nodes])

    def add_head(self, size: int, text: str) -> None:
        """Add a signed head."""
        self._rows.run(
            "INSERT INTO anchor_ledger_heads (origin, size, note) VALUES (?, ?, ?)", [(self._origin, size, text)]
        )

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._rows.all(sql, self._origin, *values)


def _bytes(value: Any) -> bytes:
    """What a column of bytes holds; a damaged SQLite file may hold anything there."""
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    raise DamagedData("ledger: something else than bytes where an entry or a hash should be; restore the ledger")


_AT_ONCE = 500
