"""What may be appended to a ledger: an entry that verifiers refuse would spoil it for ever, as nothing is taken out.

The same rules as in `check_ledger`, asked of the ledger's own storage before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import BY_ROOT, is_steward
from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.envelope import check_signature
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import ROOT, Signer
from anchor_pipeline.custody.statements import Approval, Ending, Intent, RootChange
from anchor_pipeline.custody.storage import LedgerRows
from anchor_pipeline.errors import DamagedData, Refused, Unavailable, UsageError


def check_admissible(table: LedgerRows, kind: str, envelope: bytes, signers: Sequence[Signer]) -> None:
    """Check an entry that was just signed with keys in force.

    Raises:
        UsageError: this identity may not sign this, or the entry is not one of this ledger's.
        Refused: the intent that it closes is closed already.

    """
    try:
        predicate = read_entry(envelope, kind).predicate
    except Flaw as flaw:
        raise UsageError(f"{kind} entry cannot be made: {flaw.detail}") from None
    if (predicate.by == ROOT) != (kind in BY_ROOT) or (
        isinstance(predicate, Approval) and not is_steward(predicate.by)
    ):
        raise UsageError(f"{predicate.by} may not sign a {kind} entry")
    if isinstance(predicate, RootChange):
        if [one.public.record() for one in signers[1:]] != [predicate.root.model_dump()]:
            raise UsageError("a root is replaced with the signatures of the old and the new one")
    elif len(signers) != 1:
        raise UsageError(f"a {kind} entry has one signer, not {len(signers)}")
    if isinstance(predicate, Ending):
        _check_ending(table, kind, predicate)


def check_sealed(envelope: bytes, signers: Sequence[Signer]) -> None:
    """Unavailable unless the signatures verify: a signer that erred once (a KMS, a bit in memory) spoils nothing."""
    try:
        found = read_entry(envelope, "entry").envelope
        for place, signer in enumerate(signers):
            check_signature(found, place, signer.public, "entry")
    except Flaw as flaw:
        raise Unavailable(f"the signer gave a signature that does not verify ({flaw}); nothing is appended") from None


def check_head_signed(head: note.Checkpoint, signer: Signer) -> None:
    """The same for a head."""
    try:
        note.check_signed(head, signer.public, "head")
    except Flaw as flaw:
        raise Unavailable(f"the signer gave a signature that does not verify ({flaw}); no head is signed") from None


def _check_ending(table: LedgerRows, kind: str, ending: Ending) -> None:
    stored = table.with_leaf(ending.intent)
    intent = None if stored is None else _intent(stored.envelope, f"entry {stored.index}")
    if stored is None or intent is None or (intent.run, intent.step) != (ending.run, ending.step):
        raise UsageError(f"a {kind} entry of run {ending.run} that never began in this ledger")
    if not table.is_open(ending.intent):
        raise Refused(
            f"run {ending.run} is closed in the ledger already, so its {kind} cannot be taken down: a later run took "
            "it for dead; run the step again"
        )
    if kind != "abandoned" and intent.by != ending.by:
        raise UsageError(f"run {ending.run} was begun by {intent.by}; {ending.by} cannot end it")
    try:
        size = note.parsed(ending.checkpoint, kind).size
    except Flaw as flaw:
        raise UsageError(f"{kind} entry cannot be made: {flaw.detail}") from None
    if size <= stored.index or table.head_of(size) != ending.checkpoint:
        raise UsageError(f"a {kind} entry has to carry a head of this ledger that covers its intent")


def _intent(envelope: bytes, where: str) -> Intent | None:
    try:
        found = read_entry(envelope, where).predicate
    except Flaw as flaw:
        raise DamagedData(f"ledger: {flaw}; check it with `anchor ledger verify`") from None
    return found if isinstance(found, Intent) else None
