"""What the verifiers say of a ledger: its code, or `sound`."""

from __future__ import annotations

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import LedgerCheck, lines_of
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline_tests.custody.cases import Case

SOUND = "sound"


def first(made: Case) -> str:
    """The package's."""
    try:
        check = LedgerCheck(PublicKey.parsed(made.root, "root"))
        for line in lines_of([made.ledger]):
            check.take(line)
        check.check_head(note.parsed_bytes(made.head, "head"))
        if made.pin is not None:
            check.check_pin(note.parsed_bytes(made.pin, "pin"))
    except Flaw as flaw:
        return flaw.code
    return SOUND
