"""An entry as it is read from its bytes. A writer meets the same ones many times, and so do checks of many releases."""

from __future__ import annotations

from dataclasses import dataclass

from anchor_pipeline.custody.envelope import Envelope, opened
from anchor_pipeline.custody.memo import Memo
from anchor_pipeline.custody.statements import Predicate, read_statement


@dataclass(frozen=True)
class ReadEntry:
    """What an entry says; its signatures are not checked."""

    envelope: Envelope
    name: str
    """Of the predicate."""
    predicate: Predicate


_MEMO: Memo[ReadEntry] = Memo(16 << 20)
"""By the bytes of the entry, which are its weight."""


def read_entry(data: bytes, where: str) -> ReadEntry:
    """The entry in `data`; Flaw if it is none in its canonical spelling, or of a kind that is not known."""
    found = _MEMO.get(data)
    if found is None:
        envelope = opened(data, where)
        name, predicate = read_statement(envelope.payload, where)
        found = _MEMO.keep(data, ReadEntry(envelope, name, predicate), len(data))
    return found
