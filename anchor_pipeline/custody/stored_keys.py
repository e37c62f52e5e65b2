"""Whose keys are in force, as the entries of a ledger say where they lie. Their signatures are checked by verifiers."""

from __future__ import annotations

from anchor_pipeline.custody.check_ledger import BY_ROOT
from anchor_pipeline.custody.envelope import opened
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.key_history import KeyHistory
from anchor_pipeline.custody.statements import read_statement
from anchor_pipeline.custody.storage import LedgerRows
from anchor_pipeline.errors import DamagedData, UsageError


def keys_in(table: LedgerRows) -> KeyHistory:
    """What the root's entries come to; DamagedData if one of them cannot be."""
    keys = KeyHistory()
    for entry in table.of_kinds(BY_ROOT):
        where = f"entry {entry.index}"
        try:
            keys.apply(entry.index, read_statement(opened(entry.envelope, where).payload, where)[1], where)
        except Flaw as flaw:
            raise DamagedData(f"ledger: {flaw}; check it with `anchor ledger verify`") from None
    return keys


def check_change(table: LedgerRows, index: int, payload: bytes, kind: str) -> None:
    """UsageError if a new entry of the root would change keys in a way that verifiers refuse."""
    try:
        keys_in(table).apply(index, read_statement(payload, kind)[1], kind)
    except Flaw as flaw:
        raise UsageError(f"the keys cannot be changed like this: {flaw.detail}") from None
