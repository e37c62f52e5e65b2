"""The file of the graph: lineage/graph.duckdb under the local root of the store, a cache that can always be rebuilt.

Many processes may read it, or one may write. DuckDB keeps them apart with a lock on the file and gives up at once;
who is kept out here waits instead. A process that is killed while it writes leaves the last transaction: DuckDB's
write-ahead log is replayed by whoever opens the file next.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import Unavailable
from anchor_pipeline.graph.tables import create, is_current

FILE = "lineage/graph.duckdb"

MEMORY = "1GB"
"""Beyond this DuckDB spills. The process itself, and what is fetched into it, come on top."""

WAIT_SECONDS = 60.0
_PAUSE = 0.05

_KEPT_OUT = ("could not set lock", "different configuration", "conflicting lock")

_Given = TypeVar("_Given")


class Damaged(Exception):
    """The file is of another version, or cannot be read: it has to be built anew."""


def file_of(store: Store) -> Path:
    """Where the graph of a store lies; for a store at a URL, in its cache folder on this machine."""
    return store.root / FILE


def connect(store: Store, *, write: bool, wait: float = WAIT_SECONDS) -> duckdb.DuckDBPyConnection:
    """Open the graph; Damaged if it cannot be used, Unavailable if others have it open for `wait` seconds.

    To write also makes the file if there is none; to read raises Damaged then.
    """
    path = file_of(store)
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise Damaged(f"{path}: is not there")
    return _waiting(lambda: _open(store, path, write), path, wait)


def remove(store: Store) -> None:
    """Delete the file and what belongs to it."""
    path = file_of(store)
    for name in (path, path.with_name(f"{path.name}.wal")):
        store.files.remove(name)


def scratch(store: Store) -> Path:
    """A folder that DuckDB makes if it has to spill; the name does not reach any result."""
    return store.path(f"tmp/graph-{os.getpid()}-{secrets.token_hex(4)}")


def release_scratch(connection: duckdb.DuckDBPyConnection) -> None:
    """Close a connection, and remove what it may have spilled."""
    ((folder,),) = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    connection.close()
    if Path(folder).name.startswith("graph-"):
        shutil.rmtree(folder, ignore_errors=True)


def _open(store: Store, path: Path, write: bool) -> duckdb.DuckDBPyConnection:
    fresh = write and not path.exists()
    try:
        connection = duckdb.connect(str(path), read_only=not write)
    except (duckdb.ConnectionException, duckdb.IOException) as error:
        if any(words in str(error).lower() for words in _KEPT_OUT):
            raise
        raise Damaged(f"{path}: {error}") from error
    except duckdb.Error as error:
        raise Damaged(f"{path}: {error}") from error
    try:
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        # It would be written to standard output.
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET temp_directory = '{str(scratch(store)).replace(chr(39), chr(39) * 2)}'")
        if fresh and not _has_tables(connection):
            create(connection)
        if is_current(connection):
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    raise Damaged(f"{path}: was made by another version")


def _has_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(connection.execute("SELECT 1 FROM duckdb_tables() LIMIT 1").fetchall())


def _waiting(attempt: Callable[[], _Given], path: Path, wait: float) -> _Given:
    """The outcome of `attempt`, tried again while somebody else has the file."""
    limit = time.monotonic() + wait
    while True:
        try:
            return attempt()
        except (duckdb.ConnectionException, duckdb.IOException):
            if time.monotonic() >= limit:
                raise Unavailable(
                    f"{path}: another process has been using the lineage graph for {wait:.0f} s; let it finish, "
                    "and run this again"
                ) from None
            time.sleep(_PAUSE)
