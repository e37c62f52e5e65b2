"""Ledgers in a SQLite file: one writer at a time, and on disk before anything counts."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anchor_pipeline.custody.storage import TABLES
from anchor_pipeline.errors import DamagedData, Unavailable

_PATIENCE_S = 60.0
"""How long a writer waits for others."""

_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS anchor_{action}_{table} BEFORE {action} ON anchor_ledger_{table}
BEGIN SELECT RAISE(ABORT, 'a ledger is only ever added to'); END;
"""
_TABLES = TABLES.format(blob="BLOB") + "".join(
    _TRIGGER.format(action=action, table=table)
    for action in ("update", "delete")
    for table in ("entries", "nodes", "heads")
)


class _Rows:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """A statement for each of some rows."""
        self._connection.executemany(sql, rows)


class _Kept:
    """A connection, and which file it is to: another may get the name."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection | None = None
        self.file: tuple[int, int] | None = None

    def close(self) -> None:
        """Close it, if there is one; what was not committed is undone."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class SqliteStorage:
    """A file, made with its tables when it is first written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[tuple[int, int], _Kept] = {}
        """By process and thread: a connection must not be used in a child process, nor be closed there."""

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    @contextmanager
    def writing(self, origin: str) -> Iterator[_Rows]:
        """The one writer of the file."""
        with _told(self.path), self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Rows(connection)
            except BaseException:
                # SQLite has rolled back by itself after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[_Rows]:
        """What is there now; a file that is not there yet is not made."""
        if not self.path.exists():
            with sqlite3.connect(":memory:") as empty:
                empty.executescript(_TABLES)
                yield _Rows(empty)
            empty.close()
            return
        with _told(self.path), self._connected() as connection:
            connection.execute("BEGIN")
            yield _Rows(connection)
            connection.execute("COMMIT")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep the connection for what this thread does within: to open and close one costs more than to use it.

        For moments, not for the length of a step: while one is open, part of the ledger lies in the file beside it.
        """
        me = os.getpid(), threading.get_ident()
        if me in self._kept:
            yield
            return
        kept = self._kept[me] = _Kept()
        try:
            yield
        finally:
            if os.getpid() == me[0]:
                del self._kept[me]
                with _told(self.path):
                    kept.close()

    @contextmanager
    def running(self, run: str) -> Iterator[None]:
        """Hold a lock on a file, which the system lets go when the process dies."""
        with _told(self.path):
            self._locks.mkdir(parents=True, exist_ok=True)
            path = self._locks / run
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)

    def is_running(self, run: str) -> bool:
        """Whether some process holds the lock of the run."""
        try:
            handle = os.open(self._locks / run, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            (self._locks / run).unlink(missing_ok=True)
            return False
        finally:
            os.close(handle)

    @property
    def _locks(self) -> Path:
        return self.path.with_name(f"{self.path.name}-running")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        kept = self._kept.get((os.getpid(), threading.get_ident()))
        if kept is None:
            kept = _Kept()
            try:
                yield self._opened(kept)
            finally:
                kept.close()
            return
        try:
            yield self._opened(kept)
        except BaseException:
            # Whatever it was: the next transaction begins with a connection of its own.
            kept.close()
            raise

    def _opened(self, kept: _Kept) -> sqlite3.Connection:
        """The connection kept if it is to the file that has the name now, else a new one."""
        if kept.connection is not None and kept.file == _file_at(self.path):
            return kept.connection
        kept.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = kept.connection = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
        kept.file = _file_at(self.path)
        # A write-ahead log lets readers read beside a writer; FULL flushes it at every commit.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'anchor_ledger_heads'").fetchall():
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        return connection


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's errors in the words of ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Unavailable(f"{path}: the ledger cannot be read or written just now ({error})") from error
    except sqlite3.DatabaseError as error:
        # SQLite says this of a disk that fails to read as well.
        raise DamagedData(
            f"{path}: no sound ledger ({error}); see to the disk and try again, or restore it from a backup"
        ) from error
    except OSError as error:
        raise Unavailable(f"{path}: the ledger cannot be written ({error.strerror or error})") from error
