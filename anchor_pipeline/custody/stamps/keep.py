"""Stamps as they are kept in the store, made, upgraded and verified; and brought to the releases that they are about.

A service that does not answer is asked again the next time, and is never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.note import Checkpoint
from anchor_pipeline.custody.stamps.carry import carry_stamps
from anchor_pipeline.custody.stamps.names import folder_of, kept_stamps
from anchor_pipeline.custody.stamps.stamper import Stamper, Verdict, digest_of
from anchor_pipeline.errors import Refused, Unavailable

if TYPE_CHECKING:
    from anchor_pipeline.custody.custodian import Custodian


@dataclass(frozen=True)
class Kept:
    """A stamp and what it proves now."""

    size: int
    """Of the head that is stamped."""
    kind: str
    verdict: Verdict

    def path(self, origin: str) -> str:
        """Where it is in the store."""
        return f"{folder_of(origin)}/{self.size}.{self.kind}"


class Anchored(NamedTuple):
    """What was done for a project."""

    kept: list[Kept]
    carried: list[str]
    """Files that were put beside releases, as they are named in the store."""


def stamp_head(store: Store, head: Checkpoint, stampers: Sequence[Stamper]) -> list[Kept]:
    """Have a head stamped by each service that has not stamped it yet."""
    kept = []
    for stamper in stampers:
        path = f"{folder_of(head.origin)}/{head.size}.{stamper.kind}"
        data = store.find(path)
        if data is None:
            try:
                data = stamper.stamp(digest_of(head))
            except Unavailable as error:
                kept.append(Kept(head.size, stamper.kind, Verdict("pending", f"not stamped yet: {error}")))
                continue
            store.write(path, data)
        kept.append(Kept(head.size, stamper.kind, stamper.verify(data, digest_of(head))))
    return kept


def anchored(store: Store, custodian: Custodian, services: Sequence[Stamper] | None = None) -> Anchored:
    """Stamp the last head of a project's ledger, upgrade what is pending, and say what every stamp proves.

    The newest releases get the stamps of heads that their ledger reaches.
    """
    from anchor_pipeline.custody.stamps.services import declared_stampers

    ledger = custodian.ledger
    head = ledger.head()
    if head is None:
        raise Refused(f"ledger {ledger.origin} has no signed head; `anchor keys init` begins it")
    stampers = declared_stampers(custodian.declared, custodian.root) if services is None else services
    missing = [kept for kept in stamp_head(store, head, stampers) if not store.exists(kept.path(ledger.origin))]
    found = look_after(store, ledger.origin, stampers, ledger.head_of)
    return Anchored([*found, *missing], carry_stamps(store, ledger.origin, ledger.head_of))


def look_after(
    store: Store, origin: str, stampers: Sequence[Stamper], head_of: Callable[[int], Checkpoint | None]
) -> list[Kept]:
    """Upgrade what is pending, and say what each stamp proves; `head_of` gives the head of a size."""
    kept = []
    for size, kind in kept_stamps(store, origin):
        stamper = next((one for one in stampers if one.kind == kind), None)
        head = head_of(size)
        if stamper is None:
            continue
        if head is None:
            kept.append(Kept(size, kind, Verdict("failed", f"the ledger has no head of {size:,} entries")))
            continue
        path = f"{folder_of(origin)}/{size}.{kind}"
        data = store.read(path)
        verdict = stamper.verify(data, digest_of(head))
        if verdict.status == "pending" and (better := stamper.upgrade(data)) != data:
            store.write(path, better)
            verdict = stamper.verify(better, digest_of(head))
        kept.append(Kept(size, kind, verdict))
    return kept
