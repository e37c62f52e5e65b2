"""Every test here is done on a SQLite file and on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline_tests.custody.ledgers.world import World, new_world
from anchor_pipeline_tests.orchestration.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where no ledger is yet."""
    if request.param == "sqlite":
        return str(tmp_path / "data/ledger.sqlite")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def world(address: str, tmp_path: Path) -> World:
    return new_world(address, tmp_path / "keys")
