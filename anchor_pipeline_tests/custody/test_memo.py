"""What is remembered never stands in for something else: other bytes, another key, or an entry that came meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchor_pipeline.custody import entries, keys, stored_keys
from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.ledger import Ledger, begin
from anchor_pipeline.custody.memo import Memo
from anchor_pipeline.custody.sqlite_storage import SqliteStorage
from anchor_pipeline.errors import Refused
from anchor_pipeline_tests.custody.cases_rules import intent_fields
from anchor_pipeline_tests.custody.forge import ORIGIN, key, long

ROOT, PIPELINE, OTHER = key("root"), key("pipeline"), key("pipeline", 1)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known from other tests."""
    monkeypatch.setattr(entries, "_MEMO", Memo(16 << 20))
    monkeypatch.setattr(keys, "_SOUND", Memo(50_000))
    monkeypatch.setattr(stored_keys, "_MEMO", Memo(16))


def test_no_more_is_kept_than_there_is_room_for() -> None:
    memo = Memo[str](10)
    assert memo.keep("a", "1", 6) == "1"
    assert memo.keep("b", "2", 4) == "2"
    assert (memo.get("a"), memo.get("b")) == ("1", "2")
    memo.keep("c", "3", 1)
    assert (memo.get("a"), memo.get("b"), memo.get("c")) == (None, None, "3")
    assert memo.keep("d", "4", 11) == "4"
    assert memo.get("d") is None, "what is too large alone is not kept"


def test_an_entry_read_once_is_read_anew_if_one_byte_differs() -> None:
    for line in long(6).lines:
        read = read_entry(line, "entry")
        assert read_entry(bytes(bytearray(line)), "entry") is read
        changed = line.replace(b'"payload":"', b'"payload":"A', 1)
        for _ in range(2):
            with pytest.raises(Flaw, match="here"):
                read_entry(changed, "here")


@pytest.mark.parametrize("scheme", ["ed25519", "ml_dsa_65"])
def test_a_signature_that_verified_counts_for_this_key_message_and_signature_only(scheme: str) -> None:
    message = b"what was signed"
    signature = getattr(PIPELINE, scheme)(message)
    verifies, by_other = (getattr(one.public, f"verifies_{scheme}") for one in (PIPELINE, OTHER))
    assert verifies(signature, message)
    assert verifies(signature, message), "known by now"
    for _ in range(2):
        assert not by_other(signature, message)
        assert not verifies(bytes([signature[0] ^ 1]) + signature[1:], message)
        assert not verifies(signature, message + b".")
        # The same bytes in a row, cut at another place.
        assert not verifies(signature + message[:1], message[1:])
        assert not verifies(signature[:-1], signature[-1:] + message)


def check_entries(lines: list[bytes]) -> LedgerCheck:
    check = LedgerCheck(ROOT.public)
    for line in lines:
        check.take(line)
    return check


def test_a_ledger_checked_before_is_refused_once_it_is_changed() -> None:
    lines = long(8).lines
    assert check_entries(lines).size == len(lines)
    for number, line in enumerate(lines):
        changed = [*lines[:number], line.replace(b'"sig":"', b'"sig":"AAAA', 1), *lines[number + 1 :]]
        with pytest.raises(Flaw, match=f"entry {number}"):
            check_entries(changed)


def test_a_key_that_another_process_rotated_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    mine, theirs = (Ledger(SqliteStorage(path), ORIGIN) for _ in range(2))
    begin(mine, ROOT, [PIPELINE.public])
    other = OTHER.public.record()
    rotate = {"action": "rotate", "identity": "pipeline", "key": other, "replaces": PIPELINE.public.id, "reason": ""}
    with mine.storage.together():
        assert mine.append("intent", intent_fields(), [PIPELINE]) is not None
        known = mine.keys()
        theirs.append("key", rotate, [ROOT])
        with pytest.raises(Refused, match="not in force"):
            mine.append("intent", intent_fields(), [PIPELINE])
        with pytest.raises(Refused, match="not in force"):
            mine.sign_head(PIPELINE)
        assert mine.keys().in_force()["pipeline"] == OTHER.public
        assert mine.append("intent", intent_fields(), [OTHER]) is not None
    assert known.in_force()["pipeline"] == PIPELINE.public, "what was handed out stays what it was"


def test_ledgers_with_other_keys_in_one_process_are_told_apart(tmp_path: Path) -> None:
    one, two = (Ledger(SqliteStorage(tmp_path / name), ORIGIN) for name in ("one", "two"))
    begin(one, ROOT, [PIPELINE.public])
    begin(two, ROOT, [OTHER.public])
    assert one.keys().in_force()["pipeline"] == PIPELINE.public
    assert two.keys().in_force()["pipeline"] == OTHER.public
