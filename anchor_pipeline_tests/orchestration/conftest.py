"""A Dagster instance of its own for each test, on disk or on a PostgreSQL server, as a deployment has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.orchestration.storage import POSTGRES_URL
from anchor_pipeline_tests.orchestration.postgres import Postgres, running_postgres

CONFIGURATION = Path(__file__).parents[2] / "dagster.yaml"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def storage() -> str:
    """A module whose tests must hold on both overrides this by one with `params=["sqlite", "postgres"]`."""
    return "sqlite"


@pytest.fixture
def instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, storage: str
) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_bytes(CONFIGURATION.read_bytes())
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv(POSTGRES_URL, raising=False)
    if storage == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        monkeypatch.setenv(POSTGRES_URL, server.dagster_database())
    with dg.DagsterInstance.get() as found:
        assert any(storage.capitalize() in kind.__name__ for kind in type(found.run_storage).__mro__)
        yield found
