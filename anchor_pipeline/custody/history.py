"""A project's ledgers, from the first to the one in use, and the check of them where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.rotation import check_continues
from anchor_pipeline.custody.statements import Continued, Genesis
from anchor_pipeline.errors import DamagedData, Refused

_MOST = 1000


@dataclass(frozen=True)
class Checked:
    """A ledger that holds."""

    check: LedgerCheck
    head: note.Checkpoint

    @property
    def beyond(self) -> int:
        """Entries after the last head: a process ended between the two, or is just there; the next step covers them."""
        return self.check.size - self.head.size


def history_of(ledger: Ledger) -> list[Ledger]:
    """The ledgers that `ledger` continues, oldest first, and itself; all of them are in one storage."""
    found = [ledger]
    while (before := _continued(found[0])) is not None:
        earlier = Ledger(ledger.storage, before.origin)
        if not earlier.size() or len(found) > _MOST:
            raise DamagedData(
                f"{ledger.storage.address}: ledger {before.origin}, which {found[0].origin} continues, is gone"
            )
        found.insert(0, earlier)
    return found


def check_stored(ledgers: Sequence[Ledger], root: PublicKey | None) -> list[Checked]:
    """Check ledgers that continue each other; Flaw for the first thing wrong, Refused if there is nothing signed."""
    checked: list[Checked] = []
    for ledger in ledgers:
        expected = None
        if checked:
            last = checked[-1].check
            if checked[-1].beyond:
                raise Flaw("head_size", "head", f"ledger {last.origin} has entries after the head that was continued")
            root = last.keys.root
            expected = Continued(origin=last.origin, size=last.size, root_hash=last.root_at(last.size).hex())
        checked.append(_check(ledger, root, expected))
    return checked


def _check(ledger: Ledger, root: PublicKey | None, expected: Continued | None) -> Checked:
    head, check = ledger.head(), LedgerCheck(root)
    if head is None:
        raise Refused(
            f"{ledger.storage.address}: ledger {ledger.origin} has no signed head; `anchor keys init` begins one"
        )
    for stored in ledger.entries():
        entry = check.take(stored.envelope)
        if isinstance(entry.predicate, Genesis):
            check_continues(entry.predicate.continues, expected)
        if check.size == head.size:
            check.check_head(head)
    if check.size < head.size:
        raise Flaw("head_size", "head", f"it is of {head.size:,} entries, there are {check.size:,}")
    return Checked(check, head)


def _continued(ledger: Ledger) -> Continued | None:
    for stored in ledger.entries(0, 1):
        try:
            predicate = read_entry(stored.envelope, "entry 0").predicate
        except Flaw as flaw:
            raise DamagedData(f"{ledger.storage.address}: ledger {ledger.origin}: {flaw}") from None
        return predicate.continues if isinstance(predicate, Genesis) else None
    return None
