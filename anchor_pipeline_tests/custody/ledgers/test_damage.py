"""A ledger that somebody changed, cut or took back: nothing more is signed, and the message says what was found."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from anchor_pipeline.custody.head_memory import HeadMemory
from anchor_pipeline.custody.ledger import Ledger, begin
from anchor_pipeline.errors import AnchorError, DamagedData, Refused
from anchor_pipeline_tests.custody.ledgers.world import ORIGIN, World, intent_of, new_world, outcome

CHANGES = {
    "an envelope": "UPDATE anchor_ledger_entries SET envelope = (SELECT envelope FROM anchor_ledger_entries"
    " WHERE idx = 1) WHERE idx = 4",
    "the leaf column": "UPDATE anchor_ledger_entries SET leaf = 'ab' WHERE idx = 4",
    "a node": "UPDATE anchor_ledger_nodes SET hash = (SELECT hash FROM anchor_ledger_nodes WHERE level = 0 AND idx = 1)"
    " WHERE level = 0 AND idx = 4",
    "a missing node": "DELETE FROM anchor_ledger_nodes WHERE level = 2",
    "the last entry gone": "DELETE FROM anchor_ledger_entries WHERE idx = 4",
    "the last head": "UPDATE anchor_ledger_heads SET note = replace(note, '/', '+') WHERE size = 5",
    "no head left": "UPDATE anchor_ledger_heads SET note = 'nothing' WHERE size = 5",
    "all entries gone": "DELETE FROM anchor_ledger_entries",
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_signed_over_what_was_changed(world: World, change: str) -> None:
    world.step()
    world.step()
    world.alter(CHANGES[change])
    with pytest.raises((DamagedData, Refused)) as told:
        world.step()
    assert "ledger" in str(told.value)
    if "head" not in change:
        assert world.ledger.size() in (0, 4, 5), "nothing was appended to it either"
    with world.storage.reading() as rows:
        assert rows.all("SELECT MAX(size) FROM anchor_ledger_heads")[0][0] == 5, "and no head was signed"


def test_an_emptied_ledger_does_not_pass_for_a_new_one(world: World) -> None:
    world.step()
    world.alter(*(f"DELETE FROM anchor_ledger_{table}" for table in ("entries", "nodes", "heads")))
    with pytest.raises(DamagedData, match="has 0 entries, but a head of 3 was signed"):
        begin(world.ledger, world.root, [world.pipeline.public])
    with pytest.raises(AnchorError, match="a head of 3 was signed"):
        world.step()


@pytest.mark.parametrize("table", ["entries", "nodes", "heads"])
@pytest.mark.parametrize("change", ["UPDATE {} SET origin = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_or_take_away(world: World, table: str, change: str) -> None:
    if "://" not in world.address and change.startswith("TRUNCATE"):
        pytest.skip("SQLite has no TRUNCATE")
    world.step()
    before = [entry.envelope for entry in world.ledger.entries()]
    with pytest.raises(AnchorError, match="only ever added to"), world.storage.writing(ORIGIN) as rows:
        rows.run(change.format(f"anchor_ledger_{table}"), [()])
    assert [entry.envelope for entry in world.ledger.entries()] == before
    world.step()


def test_a_ledger_taken_back_to_an_older_one_is_noticed_beside_the_keys(tmp_path: Path) -> None:
    world = new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")
    world.step()
    shutil.copy(world.address, tmp_path / "old.sqlite")
    world.step()
    newest = Path(world.address).read_bytes()
    shutil.copy(tmp_path / "old.sqlite", world.address)
    with pytest.raises(DamagedData, match=r"a head of 5 was signed.*restored from an old copy"):
        world.step()
    Path(world.address).write_bytes(newest)
    world.step()
    world.checked()


def test_another_history_of_the_same_length_is_noticed_beside_the_keys(tmp_path: Path) -> None:
    """The old ledger is brought back and goes on from there, by somebody who has the keys but not the memory."""
    world = new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")
    shutil.copy(world.address, tmp_path / "old.sqlite")
    world.step()
    shutil.copy(tmp_path / "old.sqlite", world.address)
    forgetful = Ledger(world.storage, ORIGIN)
    for _ in range(2):
        forgetful.append("intent", _intent_fields(), [world.pipeline])
    forgetful.sign_head(world.pipeline)
    with pytest.raises(DamagedData, match="rewritten"):
        world.ledger.sign_head(world.pipeline)


def _intent_fields() -> dict[str, object]:
    from anchor_pipeline.custody.observer import _intent_fields

    return _intent_fields(intent_of())


def test_a_memory_ahead_of_a_head_that_was_not_committed_is_no_harm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head is remembered, then its commit fails: the same entries are signed again, and remembered."""
    real, ledger = HeadMemory.keep, world.ledger
    ledger.append("intent", _intent_fields(), [world.pipeline])

    def kept_then_lost(self: HeadMemory, head: object) -> None:
        real(self, head)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(HeadMemory, "keep", kept_then_lost)
    with pytest.raises(KeyboardInterrupt):
        ledger.sign_head(world.pipeline)
    monkeypatch.undo()
    assert sorted(world.heads()) == [1]
    assert ledger.sign_head(world.pipeline).size == 2
    world.checked()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE anchor_ledger_entries SET envelope = (SELECT envelope FROM anchor_ledger_entries WHERE idx = 1)"
        " WHERE idx = 3",
        "UPDATE anchor_ledger_entries SET leaf = 'ab' WHERE idx = 3",
        "UPDATE anchor_ledger_nodes SET hash = (SELECT hash FROM anchor_ledger_nodes WHERE level = 0 AND idx = 1)"
        " WHERE level = 0 AND idx = 3",
        "DELETE FROM anchor_ledger_nodes WHERE level = 2",
    ],
)
def test_what_was_appended_is_read_back_before_a_head_is_signed(world: World, change: str) -> None:
    world.step()
    world.ledger.append("intent", _intent_fields(), [world.pipeline])
    world.alter(change)
    with pytest.raises(DamagedData, match=r"nothing is signed"):
        world.ledger.sign_head(world.pipeline)
    assert max(world.heads()) == 3


def test_only_keys_in_force_sign_heads(world: World, tmp_path: Path) -> None:
    other = new_world(str(tmp_path / "other.sqlite"), tmp_path / "other_keys")
    world.ledger.append("intent", _intent_fields(), [world.pipeline])
    with pytest.raises(Refused, match="not in force"):
        world.ledger.sign_head(other.pipeline)
    assert world.ledger.sign_head(world.pipeline).size == 2


def test_a_file_that_is_no_database_is_damaged_data(tmp_path: Path) -> None:
    world = new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")
    Path(world.address).write_bytes(b"no database at all" * 100)
    with pytest.raises(DamagedData, match="or restore it from a backup"):
        world.step()


@pytest.mark.slow
def test_any_flipped_byte_of_the_file_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    """SQLite itself has no checksums: what it reads must hold, or be told as an error of ours."""
    world = new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")
    for _ in range(3):
        world.step()
    with sqlite3.connect(world.address) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    whole, memory = Path(world.address).read_bytes(), HeadMemory(tmp_path / "keys").path(ORIGIN)
    remembered = memory.read_bytes()
    noticed = 0
    for at in range(0, len(whole), 997):
        Path(world.address).write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        for suffix in ("-wal", "-shm"):
            Path(world.address + suffix).unlink(missing_ok=True)
        memory.write_bytes(remembered)
        try:
            world.step()
        except AnchorError:
            noticed += 1
    assert noticed > 0
    assert outcome().state == "complete"
