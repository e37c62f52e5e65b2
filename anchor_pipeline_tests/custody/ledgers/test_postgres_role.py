"""A role that may only add and read, made with the statements of docs/ledger.md, can build and nothing else."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from anchor_pipeline.custody.postgres_storage import PostgresStorage
from anchor_pipeline.errors import AnchorError, UsageError
from anchor_pipeline_tests.custody.ledgers.world import ORIGIN, World, new_world
from anchor_pipeline_tests.markdown import blocks
from anchor_pipeline_tests.orchestration.postgres import Postgres

DOCS = Path(__file__).parents[3] / "docs/ledger.md"


@pytest.fixture
def database(postgres: Postgres) -> str:
    return postgres.database()


def as_builder(owner: str) -> str:
    """The address of the same database for the role of the page."""
    parts = urlsplit(owner)
    _, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"anchor_builds:choose%20one@{host}"))


def grant(postgres: Postgres, owner: str) -> None:
    printed = [sys.executable, "-m", "anchor_pipeline.custody.postgres_storage"]
    tables = subprocess.run(printed, check=True, capture_output=True, text=True).stdout
    with closing(psycopg2.connect(owner)) as connection, connection.cursor() as cursor:
        cursor.execute(tables)
        cursor.execute(tables)  # Doing it twice changes nothing.
        connection.commit()
    role, *rest = blocks(DOCS, "sql")[0].text.strip().split(";\n")
    # Roles belong to the server, which several tests share.
    postgres.execute(f"DO $$ BEGIN {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    superuser = f"postgresql://postgres@/{urlsplit(owner).path[1:]}?{urlsplit(owner).query}"
    with closing(psycopg2.connect(superuser)) as connection, connection.cursor() as cursor:
        cursor.execute(";\n".join(rest))
        connection.commit()


def test_a_role_that_may_add_and_read_can_build_and_nothing_else(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    grant(postgres, database)
    world = new_world(as_builder(database), tmp_path / "keys")
    world.step()
    assert world.checked().size == 3
    for statement in (
        "UPDATE anchor_ledger_entries SET leaf = ''",
        "DELETE FROM anchor_ledger_heads",
        "TRUNCATE anchor_ledger_nodes",
        "DROP TABLE anchor_ledger_nodes",
        "ALTER TABLE anchor_ledger_entries DISABLE TRIGGER USER",
        "CREATE TABLE other (x int)",
    ):
        with (
            pytest.raises(AnchorError, match=r"permission denied|must be owner"),
            world.storage.writing(ORIGIN) as rows,
        ):
            rows.run(statement, [()])
    owner = World(database, world.folder)
    with pytest.raises(AnchorError, match="only ever added to"), owner.storage.writing(ORIGIN) as rows:
        rows.run("TRUNCATE anchor_ledger_nodes", [()])
    world.step()
    assert world.checked().size == 5


def test_without_tables_such_a_role_is_told_what_to_do(postgres: Postgres, tmp_path: Path, database: str) -> None:
    other = postgres.database()
    grant(postgres, database)
    superuser = f"postgresql://postgres@/{urlsplit(other).path[1:]}?{urlsplit(other).query}"
    with closing(psycopg2.connect(superuser)) as connection, connection.cursor() as cursor:
        cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.commit()
    with pytest.raises(UsageError, match=r"docs/ledger.md has the statements"):
        new_world(as_builder(other), tmp_path / "keys")


def test_an_address_that_is_none_is_refused_without_being_told() -> None:
    with pytest.raises(UsageError) as told:
        PostgresStorage("mysql://me:secret-word@host/db")
    assert "secret-word" not in str(told.value)


def test_two_ledgers_of_one_database_do_not_wait_for_each_other(database: str, tmp_path: Path) -> None:
    storage = PostgresStorage(database)
    with storage.writing("example.org/one") as first, storage.writing("example.org/two") as second:
        assert first.all("SELECT 1") == second.all("SELECT 1") == [(1,)]


def test_a_commit_waits_for_the_disk_whatever_the_server_is_set_to(postgres: Postgres, database: str) -> None:
    name = urlsplit(database).path[1:]
    postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with PostgresStorage(database).writing(ORIGIN) as rows:
        assert rows.all("SHOW synchronous_commit") == [("on",)]
        assert rows.all("SHOW transaction_isolation") == [("read committed",)]
