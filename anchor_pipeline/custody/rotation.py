"""A ledger that goes on in a new one: one history, checked across.

The new ledger's genesis names the last head of the old one, and is signed by the same root. The old ledger stays as
it is; entries that came after its last head would show, as that head is no longer of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import ROOT, PublicKey, Signer
from anchor_pipeline.custody.ledger import Entry, Ledger, begin
from anchor_pipeline.custody.observer import close_abandoned
from anchor_pipeline.custody.statements import Continued, Genesis
from anchor_pipeline.errors import Refused, UsageError


@dataclass(frozen=True)
class Bytes:
    """A ledger as it is handed over: its entries in order, and the head over all of them."""

    entries: Iterable[bytes]
    head: str


def rotate_ledger(old: Ledger, new: Ledger, root: Signer, signer: Signer) -> Entry:
    """Begin `new` where `old` ends, with the keys in force there; gives the new genesis.

    Steps of `old` whose process is gone are closed by `signer`.

    Raises:
        Refused: a step still runs in `old`, `root` is not its root, or `new` has begun already.
        DamagedData: `old` is not what was signed.

    """
    if old.origin == new.origin:
        raise UsageError(f"the new ledger needs another name than {old.origin}")
    keys = old.keys()
    if keys.root != root.public:
        raise Refused(f"key {root.public.id[:16]}… is not the root of ledger {old.origin}")
    if new.size():
        raise Refused(f"ledger {new.origin} has begun already")
    if old.unfinished():
        close_abandoned(old, signer)
    if running := len(old.unfinished()):
        raise Refused(f"{running} steps still run in ledger {old.origin}; rotate when they have ended")
    head = old.sign_head(root)
    if old.size() != head.size or old.unfinished():
        raise Refused(f"a step began in ledger {old.origin} just now; rotate when it has ended")
    others = [key for identity, key in sorted(keys.in_force().items()) if identity != ROOT]
    continues = {"origin": head.origin, "size": head.size, "root_hash": head.root.hex()}
    entry = begin(new, root, others, authority=keys.authority(), continues=continues)
    new.sign_head(root)
    return entry


def check_history(
    ledgers: Sequence[Bytes], *, root: PublicKey | None = None, pins: Sequence[note.Checkpoint] = ()
) -> list[LedgerCheck]:
    """Ledgers that continue each other, the oldest first; Flaw for the first thing wrong.

    `root` is the key that the oldest has to begin with. Of pins, each is held against the ledger of its origin.
    """
    checked: list[LedgerCheck] = []
    expected: Continued | None = None
    for one in ledgers:
        if checked:
            last = checked[-1]
            root = last.keys.root
            expected = Continued(origin=last.origin, size=last.size, root_hash=last.root_at(last.size).hex())
        checked.append(_check(one, root, expected))
    if not checked:
        raise Flaw("genesis", "ledger", "no ledger at all")
    for pin in pins:
        (([one for one in checked if one.origin == pin.origin]) or checked[-1:])[0].check_pin(pin)
    return checked


def _check(ledger: Bytes, root: PublicKey | None, expected: Continued | None) -> LedgerCheck:
    check = LedgerCheck(root)
    for data in ledger.entries:
        entry = check.take(data)
        if isinstance(entry.predicate, Genesis):
            check_continues(entry.predicate.continues, expected)
    if check.size == 0:
        raise Flaw("genesis", "ledger", "no entry at all")
    check.check_head(note.parsed(ledger.head, "head"))
    return check


def check_continues(stated: Continued | None, expected: Continued | None) -> None:
    """Flaw unless a genesis continues just the ledger before it, or, as the oldest, none."""
    where = "entry 0"
    if stated is None and expected is None:
        return
    if stated is None or expected is None:
        what = "nothing" if stated is None else f"ledger {stated.origin}, which is not there"
        raise Flaw("origin", where, f"it continues {what}")
    if stated.origin != expected.origin:
        raise Flaw("origin", where, f"it continues {stated.origin}, the ledger before it is {expected.origin}")
    if stated.size != expected.size:
        raise Flaw("head_size", where, f"it continues {stated.size:,} entries, the ledger before has {expected.size:,}")
    if stated.root_hash != expected.root_hash:
        raise Flaw("fork", where, f"the {expected.size:,} entries before are not those that it continues")
