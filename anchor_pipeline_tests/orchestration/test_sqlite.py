"""What our SQLite storage promises: Dagster's own files, opened once, and read and written by several at a time."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from anchor_pipeline.orchestration.sqlite import KeptEventLogStorage, KeptRunStorage
from anchor_pipeline.orchestration.storage import POSTGRES_URL
from anchor_pipeline_tests.orchestration.conftest import CONFIGURATION

RUNS = 12


@dg.asset(check_specs=[dg.AssetCheckSpec(f"check_{number}", asset="thing") for number in range(5)])
def thing() -> Any:
    yield dg.MaterializeResult()
    for number in range(5):
        yield dg.AssetCheckResult(check_name=f"check_{number}", passed=number > 0, severity=dg.AssetCheckSeverity.WARN)


def ours(home: Path) -> dg.DagsterInstance:
    (home / "dagster.yaml").write_bytes(CONFIGURATION.read_bytes())
    return dg.DagsterInstance.from_config(str(home))


def stock(home: Path) -> dg.DagsterInstance:
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return dg.DagsterInstance.from_config(str(home))


def history(instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """What is known of the asset, its checks and its runs."""
    storage = instance.event_log_storage
    checks = {
        name: [
            str(record.status.value)
            for record in storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey("thing"), name), limit=100
            )
        ]
        for name in ("check_0", "check_1")
    }
    logs = [str(len(instance.all_logs(run.run_id))) for run in instance.get_runs()]
    built = [record.run_id for record in instance.fetch_materializations(thing.key, limit=100).records]
    return {**checks, "logs": logs, "built": built}


@pytest.fixture(autouse=True)
def sqlite_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(POSTGRES_URL, raising=False)


@pytest.mark.parametrize(("writer", "reader"), [(ours, stock), (stock, ours), (ours, ours)])
def test_what_one_storage_wrote_the_other_reads_and_continues(
    tmp_path: Path, writer: Callable[[Path], dg.DagsterInstance], reader: Callable[[Path], dg.DagsterInstance]
) -> None:
    with writer(tmp_path) as instance:
        assert dg.materialize([thing], instance=instance).success
        written = history(instance)
    with reader(tmp_path) as instance:
        assert history(instance) == written
        assert dg.materialize([thing], instance=instance).success
        assert history(instance)["check_0"] == ["FAILED"] * 2
        assert history(instance)["check_1"] == ["SUCCEEDED"] * 2


def test_it_is_what_the_configuration_of_this_repository_gives(tmp_path: Path) -> None:
    with ours(tmp_path) as instance:
        assert isinstance(instance.event_log_storage, KeptEventLogStorage)
        assert isinstance(instance.run_storage, KeptRunStorage)
    with stock(tmp_path) as instance:
        assert not isinstance(instance.event_log_storage, KeptEventLogStorage)


def test_a_run_opens_few_connections_and_many_runs_leave_few_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3.dbapi2, "connect", lambda *a, **k: opened.append(a) or connect(*a, **k))
    with ours(tmp_path) as instance:
        dg.materialize([thing], instance=instance)
        opened.clear()
        dg.materialize([thing], instance=instance)
        assert 0 < len(opened) <= 3  # the new run's own database; Dagster's way takes some sixty
        for _ in range(RUNS):
            dg.materialize([thing], instance=instance)
        assert len(open_databases(tmp_path)) <= 7
        assert all(run.is_success for run in instance.get_runs())
        assert len(history(instance)["built"]) == RUNS + 2
    assert open_databases(tmp_path) == set()


def open_databases(home: Path) -> set[str]:
    """Databases below `home` that this process holds open."""
    links = (link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists())
    return {path.name for path in links if path.suffix == ".db" and path.is_relative_to(home.resolve())}


def test_two_processes_write_at_the_same_time_and_nothing_is_lost(tmp_path: Path) -> None:
    with ours(tmp_path):
        pass
    code = (
        "import sys, dagster as dg\n"
        "from anchor_pipeline_tests.orchestration.test_sqlite import thing\n"
        "with dg.DagsterInstance.from_config(sys.argv[1]) as instance:\n"
        "    for _ in range(6): assert dg.materialize([thing], instance=instance).success\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    with ours(tmp_path) as instance:
        assert len(history(instance)["built"]) == 12
        assert history(instance)["check_1"] == ["SUCCEEDED"] * 12


def test_a_wiped_instance_is_empty_and_can_be_used_again(tmp_path: Path) -> None:
    with ours(tmp_path) as instance:
        dg.materialize([thing], instance=instance)
        instance.wipe()
        assert history(instance) == {"check_0": [], "check_1": [], "logs": [], "built": []}
        dg.materialize([thing], instance=instance)
        assert len(history(instance)["built"]) == 1
