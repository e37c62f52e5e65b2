"""Runs, events and schedules lie where the environment says, and the password of the database shows nowhere."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._cli.instance import instance_cli
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import serialize_value

from anchor_pipeline.errors import Unavailable, UsageError
from anchor_pipeline.orchestration.storage import POSTGRES_URL, open_instance
from anchor_pipeline_tests.orchestration.conftest import CONFIGURATION
from anchor_pipeline_tests.orchestration.postgres import PASSWORD, Postgres


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME with the dagster.yaml of this repository."""
    (tmp_path / "dagster.yaml").write_bytes(CONFIGURATION.read_bytes())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv(POSTGRES_URL, raising=False)
    return tmp_path


def storages(instance: dg.DagsterInstance) -> set[str]:
    parts = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    return {
        word
        for part in parts
        for word in ("Sqlite", "Postgres")
        for kind in type(part).__mro__
        if word in kind.__name__
    }


def test_all_three_storages_are_postgres_when_the_variable_is_set(
    home: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_URL, postgres.dagster_database())
    with dg.DagsterInstance.get() as instance:
        assert storages(instance) == {"Postgres"}
    assert not list(home.rglob("*.db"))


@pytest.mark.parametrize("value", [None, ""])
def test_all_three_storages_are_sqlite_in_the_home_otherwise(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv(POSTGRES_URL, value)
    with dg.DagsterInstance.get() as instance:
        assert storages(instance) == {"Sqlite"}
    assert (home / "history/runs.db").exists()
    assert (home / "schedules/schedules.db").exists()


def test_without_a_dagster_home_the_definitions_still_load_on_a_temporary_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What `dagster definitions validate` does in a checkout of this repository.
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv(POSTGRES_URL, raising=False)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), config_dir=str(CONFIGURATION.parent))):
        assert (tmp_path / "history/runs.db").exists()


def test_sqlite_needs_no_driver_of_postgres(home: Path) -> None:
    code = (
        "import sys, dagster as dg\n"
        "with dg.DagsterInstance.get() as instance: instance.get_runs(limit=1)\n"
        "print([name for name in ('psycopg2', 'dagster_postgres') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_password_is_in_nothing_that_is_shown_or_handed_on(
    home: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.dagster_database()
    monkeypatch.setenv(POSTGRES_URL, address)
    with dg.DagsterInstance.get() as instance:
        # The page "Configuration" of the UI, and what `dagster dev` puts into the command lines of its processes.
        told = instance.info_str() + serialize_value(instance.get_ref())
    assert POSTGRES_URL in told
    assert PASSWORD not in told
    assert address.partition("@/")[0] not in told


def test_a_run_worker_without_the_variable_stops_instead_of_writing_elsewhere(
    home: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_URL, postgres.dagster_database())
    with dg.DagsterInstance.get() as instance:
        handed_on = instance.get_ref()
    monkeypatch.delenv(POSTGRES_URL)
    with pytest.raises(dg.DagsterInvalidConfigError, match=POSTGRES_URL):
        dg.DagsterInstance.from_ref(handed_on)
    assert not list(home.rglob("*.db"))


@pytest.mark.parametrize(
    "address",
    [
        "postgres://dagster:hidden@db/dagster",
        "mysql://dagster:hidden@db/dagster",
        "postgresql://dagster:hidden@db",
        "postgresql://dagster:hidden@db:port/dagster",
        "dagster:hidden@db/dagster",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_without_showing_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(POSTGRES_URL, address)
    with pytest.raises(UsageError, match="postgresql://USER:PASSWORD@HOST:PORT/DATABASE") as refused:
        dg.DagsterInstance.get()
    assert "hidden" not in str(refused.getrepr(style="long").reprcrash)
    assert refused.value.__cause__ is None


@pytest.mark.slow  # Dagster tries again for ten seconds
def test_a_server_that_is_down_is_named_without_the_password(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(POSTGRES_URL, "postgresql://dagster:hidden@127.0.0.1:9/dagster")
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable, match=f"{POSTGRES_URL}.*127.0.0.1") as failed:
        open_instance()
    assert failed.value.__suppress_context__
    told = caplog.text + str(failed.value)
    assert "127.0.0.1" in told
    assert "hidden" not in told


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_tables_are_brought_up_to_date_by_the_command_of_dagster(
    home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        monkeypatch.setenv(POSTGRES_URL, server.database())
    done = CliRunner().invoke(instance_cli, ["migrate"], catch_exceptions=False)
    assert done.exit_code == 0
    _, _, after = done.output.partition("after migration")
    current = [line.split()[-1] for line in after.splitlines() if "current:" in line]
    latest = [line.split()[-1] for line in after.splitlines() if "latest:" in line]
    assert len(current) == 3
    assert current == latest
    assert PASSWORD not in done.output
