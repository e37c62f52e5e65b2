"""Whose keys are in force, as the entries of a ledger say where they lie. Their signatures are checked by verifiers."""

from __future__ import annotations

from anchor_pipeline.custody.check_ledger import BY_ROOT
from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.key_history import KeyHistory
from anchor_pipeline.custody.memo import Memo
from anchor_pipeline.custody.storage import LedgerRows, Stored
from anchor_pipeline.errors import DamagedData, UsageError

_MEMO: Memo[KeyHistory] = Memo(16)
"""By the places and bytes of the root's entries: what another process has added is another key."""


def keys_in(table: LedgerRows) -> KeyHistory:
    """What the root's entries come to, for reading only; DamagedData if one of them cannot be."""
    entries = table.of_kinds(BY_ROOT)
    key = tuple((entry.index, entry.envelope) for entry in entries)
    found = _MEMO.get(key)
    return _MEMO.keep(key, _history(entries)) if found is None else found


def check_change(table: LedgerRows, index: int, envelope: bytes, kind: str) -> None:
    """UsageError if a new entry of the root would change keys in a way that verifiers refuse."""
    keys = _history(table.of_kinds(BY_ROOT))
    try:
        keys.apply(index, read_entry(envelope, kind).predicate, kind)
    except Flaw as flaw:
        raise UsageError(f"the keys cannot be changed like this: {flaw.detail}") from None


def _history(entries: list[Stored]) -> KeyHistory:
    keys = KeyHistory()
    for entry in entries:
        where = f"entry {entry.index}"
        try:
            keys.apply(entry.index, read_entry(entry.envelope, where).predicate, where)
        except Flaw as flaw:
            raise DamagedData(f"ledger: {flaw}; check it with `anchor ledger verify`") from None
    return keys
