"""Ledgers in PostgreSQL, beside the tables of Dagster: one writer of a ledger at a time, and nothing can be changed.

A role that may create tables makes them on first use. Any other role needs SELECT and INSERT, and nothing else:
docs/ledger.md has the statements. Triggers refuse UPDATE, DELETE and TRUNCATE to everybody, the owner included.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anchor_pipeline.custody.storage import TABLES
from anchor_pipeline.errors import DamagedData, Unavailable, UsageError
from anchor_pipeline.project.addresses import redacted, without_credentials

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_PATIENCE_S = 60
"""How long a writer waits for others."""

_CONNECT_S = 10

_NAMES = ("anchor_ledger_entries", "anchor_ledger_nodes", "anchor_ledger_heads")

_FUNCTION = """
CREATE OR REPLACE FUNCTION anchor_ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% of a ledger: it is only ever added to', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
"""

_TRIGGER = """
DROP TRIGGER IF EXISTS anchor_ledger_only_added_to ON {name};
CREATE TRIGGER anchor_ledger_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}
    FOR EACH STATEMENT EXECUTE FUNCTION anchor_ledger_refuse();
ALTER TABLE {name} ENABLE ALWAYS TRIGGER anchor_ledger_only_added_to;
"""

_SESSION = """
SELECT set_config(name, value, false) FROM (VALUES
    ('lock_timeout', '{patience}s'), ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
    ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'),
    ('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END)
) AS wanted (name, value) WHERE name IN (SELECT name FROM pg_settings)
"""
"""A commit is on disk when it returns; the server drops sessions of machines that are gone, and no idle ones."""


def tables_sql() -> str:
    """What makes the tables and their triggers; doing it again changes nothing."""
    return TABLES.format(blob="BYTEA") + _FUNCTION + "".join(_TRIGGER.format(name=name) for name in _NAMES)


class _Rows:
    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()

    def all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        self._cursor.execute(sql.replace("?", "%s"), values)
        return self._cursor.fetchall()

    def run(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """A statement for each of some rows."""
        self._cursor.executemany(sql.replace("?", "%s"), rows)


class PostgresStorage:
    """A database at `postgresql://user:password@host/database`."""

    def __init__(self, address: str) -> None:
        if not address.startswith(("postgresql://", "postgres://")):
            raise UsageError("the ledger's address is not that of a PostgreSQL database: expected postgresql://…")
        self._address = address

    @property
    def address(self) -> str:
        """The URL without user, password and options."""
        return without_credentials(self._address)

    @contextmanager
    def writing(self, origin: str) -> Iterator[_Rows]:
        """The one writer of the ledger; writers of others go on."""
        with self._told(), self._connected() as connection:
            self._make_tables(connection)
            # READ COMMITTED: what is read after the lock was got includes what its last holder committed.
            connection.set_session(isolation_level="READ COMMITTED")
            rows = _Rows(connection)
            rows.all("SELECT pg_advisory_xact_lock(?)", lock_number("ledger", origin))
            yield rows
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[_Rows]:
        """What is there now; a ledger that has no tables yet is empty."""
        with self._told(), self._connected() as connection:
            self._make_tables(connection)
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            yield _Rows(connection)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A connection for each transaction: what is set for one must not be left to the next."""
        yield

    @contextmanager
    def running(self, run: str) -> Iterator[None]:
        """Hold a lock of a session of its own, which the server lets go when the session's process is gone."""
        with self._told():
            opened = self._connected()
            connection = opened.__enter__()
        try:
            with self._told():
                connection.autocommit = True
                _Rows(connection).all("SELECT pg_advisory_lock(?)", lock_number("run", run))
            yield
        finally:
            opened.__exit__(None, None, None)

    def is_running(self, run: str) -> bool:
        """Whether some session holds the lock of the run; looking does not take it."""
        number = lock_number("run", run) % 2**64
        sql = (
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
            " AND classid::bigint = ? AND objid::bigint = ?"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with self._told(), self._connected() as connection:
            return bool(_Rows(connection).all(sql, number >> 32, number % 2**32))

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        import psycopg2

        connection = psycopg2.connect(self._address, connect_timeout=_CONNECT_S, application_name="anchor ledger")
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SESSION.format(patience=_PATIENCE_S))
            connection.commit()
            yield connection
        finally:
            # Whatever was not committed is undone.
            connection.close()

    def _make_tables(self, connection: Connection) -> None:
        import psycopg2.errors

        rows = _Rows(connection)
        found = rows.all("SELECT to_regclass(?) IS NOT NULL", _NAMES[-1])[0][0]
        connection.commit()
        if found:
            return
        try:
            rows.all("SELECT pg_advisory_xact_lock(?)", lock_number("tables", ""))
            with connection.cursor() as cursor:
                cursor.execute(tables_sql())
            connection.commit()
        except psycopg2.errors.InsufficientPrivilege as error:
            raise UsageError(
                f"{self.address}: there are no tables for a ledger, and this role may not make them; "
                "docs/ledger.md has the statements for the owner of the database"
            ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """PostgreSQL's errors in the words of ours, without credentials."""
        import psycopg2

        try:
            yield
        except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedTable) as error:
            said = _first_line(error)
            raise UsageError(f"{self.address}: this role may not read or write the ledger ({said})") from error
        except (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.errors.DiskFull) as error:
            said = _first_line(error)
            raise Unavailable(f"{self.address}: the ledger cannot be read or written just now ({said})") from error
        except psycopg2.Error as error:
            said = _first_line(error)
            raise DamagedData(f"{self.address}: no sound ledger ({said}); restore it from a backup") from error


def lock_number(kind: str, name: str) -> int:
    """The number of an advisory lock, a signed integer of 64 bits."""
    digest = hashlib.sha256(f"anchor {kind}\n{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _first_line(error: Exception) -> str:
    return redacted(str(error).strip()).partition("\n")[0]


if __name__ == "__main__":
    sys.stdout.write(tables_sql())
