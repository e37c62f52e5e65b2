"""Dagster's SQLite storage with its connections kept open.

Dagster opens a connection for each event and closes it again, and SQLite folds its write-ahead log back into the
database whenever the last connection goes. With a check per rule and stage that was half of what a build cost (see
bench/NOTES.md). Here the databases of runs and of the event index keep their connection as long as the storage
lives, and so do the latest runs' own. Files and tables stay Dagster's, so an instance may be opened either way.
"""

from __future__ import annotations

import fcntl
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Internal, and the only place that overrides it; test_sqlite.py holds what we rely on.
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

_KEPT_RUNS = 4


class KeptRunStorage(SqliteRunStorage):
    """Runs, over one engine."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = _engine(conn_string)
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close what is open."""
        self._engine.dispose()


class KeptEventLogStorage(SqliteEventLogStorage):
    """Events: an engine for the index, and one for each of the latest runs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine_of(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine_of(self, shard: str) -> Engine:
        if shard not in self._engines:
            self._engines[shard] = _engine(self.conn_string_for_shard(shard))
        self._engines.move_to_end(shard)
        if len(self._engines) > _KEPT_RUNS + 1:
            oldest = next(name for name in self._engines if name != INDEX_SHARD_NAME)
            self._engines.pop(oldest).dispose()
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; asked for every check, and a table that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Remove all events; the databases are deleted, so nothing may hold them open."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


class SqliteStorage(DagsterSqliteStorage):
    """Runs, events and schedules below one folder, where Dagster's own storage has them."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Of two processes that make the tables at the same time, Dagster lets one fail.
        with _alone(base_dir):
            super().__init__(base_dir, inst_data)
        runs, events = self._run_storage, self._event_log_storage
        self._run_storage = KeptRunStorage(runs._conn_string)
        self._event_log_storage = KeptEventLogStorage(events._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> SqliteStorage:
        return cls.from_local(inst_data=inst_data, **config_value)


@contextmanager
def _alone(base_dir: str) -> Iterator[None]:
    """One process at a time; the system lets go when it ends, however it does."""
    folder = Path(base_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".opening").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _engine(address: str) -> Engine:
    engine = create_engine(
        address,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _lighter)
    return engine


def _lighter(connection: Any, _record: object) -> None:
    # With a write-ahead log a database stays whole at any kill; only a power cut may take the last events.
    connection.execute("PRAGMA synchronous=NORMAL")
