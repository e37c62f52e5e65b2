"""Transactions that share a connection to a SQLite file: other processes, threads and files are noticed as without."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.sqlite_storage import SqliteStorage
from anchor_pipeline.errors import DamagedData, Unavailable
from anchor_pipeline_tests.custody.ledgers.world import World, new_world


@pytest.fixture
def place(tmp_path: Path) -> World:
    return new_world(str(tmp_path / "data/ledger.sqlite"), tmp_path / "keys")


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that is opened."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", counted)
    return made


def test_a_step_opens_two_connections_and_leaves_nothing_beside_the_file(
    place: World, connects: list[sqlite3.Connection]
) -> None:
    place.step()
    assert len(connects) == 2
    assert not list(Path(place.address).parent.glob("*-wal"))
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connects[-1].execute("SELECT 1")


def test_what_another_process_appends_meanwhile_is_seen(place: World) -> None:
    mine = place.ledger
    with mine.storage.together():
        before = mine.size()
        place.step()
        assert mine.size() == before + 2
        assert mine.sign_head(place.pipeline).size == before + 2


def _write_and_fail(ledger: Ledger) -> None:
    with ledger.storage.writing(ledger.origin) as rows:
        rows.run("INSERT INTO anchor_ledger_heads (origin, size, note) VALUES (?, ?, ?)", [("x", 1, "")])
        _ = 1 / 0


def test_each_transaction_counts_for_itself(place: World) -> None:
    mine = place.ledger
    with mine.storage.together():
        with pytest.raises(ZeroDivisionError):
            _write_and_fail(mine)
        with mine.storage.reading() as rows:
            assert rows.all("SELECT 1 FROM anchor_ledger_heads WHERE origin = 'x'") == []
        with mine.storage.together():
            mine.size()
        place.step()


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_another_file_of_the_name_is_noticed(place: World, tmp_path: Path, how: str) -> None:
    copy = tmp_path / "copy"
    shutil.copy(place.address, copy)
    place.step()
    mine = place.ledger
    with mine.storage.together():
        assert mine.size() == 3
        if how == "replaced":
            copy.replace(place.address)
        else:
            Path(place.address).unlink()
        assert mine.size() == (1 if how == "replaced" else 0)
        with pytest.raises(DamagedData):
            mine.sign_head(place.pipeline)


def test_a_connection_that_failed_is_not_used_again(place: World, connects: list[sqlite3.Connection]) -> None:
    mine = place.ledger
    with mine.storage.together():
        mine.size()
        with pytest.raises(Unavailable), mine.storage.reading() as rows:
            rows.all("SELECT * FROM nowhere")
        mine.size()
    assert len(connects) == 2


def test_threads_do_not_share(place: World, connects: list[sqlite3.Connection]) -> None:
    mine = place.ledger
    sizes: list[int] = []
    with mine.storage.together():
        mine.size()
        other = threading.Thread(target=lambda: sizes.append(mine.size()))
        other.start()
        other.join()
        mine.size()
    assert sizes == [1]
    assert len(connects) == 2


def _child(ledger: Ledger, connects: list[sqlite3.Connection]) -> int:
    before = len(connects)
    with ledger.storage.together():
        return 0 if ledger.size() == 1 and len(connects) == before + 1 else 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_process_opens_its_own_and_leaves_that_of_its_parent(
    place: World, connects: list[sqlite3.Connection]
) -> None:
    mine = place.ledger
    with mine.storage.together():
        mine.size()
        child = os.fork()
        if child == 0:
            code = 2
            try:
                code = _child(mine, connects)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        place.step()
        assert mine.size() == 3
    assert place.checked().size == 3


def test_nothing_is_made_for_a_ledger_that_nobody_writes(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "data/ledger.sqlite")
    with storage.together():
        assert Ledger(storage, "example.org/none").size() == 0
    assert not (tmp_path / "data").exists()
