"""The ledgers that a release's ledger continues, which it carries as well: custody/previous/0000 is the oldest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anchor_pipeline.custody.check_ledger import LedgerCheck, lines_of
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.release_files import previous_head, previous_ledger
from anchor_pipeline.custody.rotation import Bytes, check_continues, check_history
from anchor_pipeline.custody.statements import Continued


@dataclass(frozen=True)
class Earlier:
    """What came before a ledger, checked; nothing, if it is the first or the others are not at hand."""

    ledgers: int = 0
    entries: int = 0
    root: PublicKey | None = None
    """In force at the end: it has to begin the next ledger."""
    last: Continued | None = None

    def check_continued_by(self, ledger: LedgerCheck) -> None:
        """Flaw origin, head_size or fork unless the ledger continues the last of these."""
        if self.ledgers:
            check_continues(ledger.continues, self.last)


def check_previous(
    carried: int, chunks: Callable[[str], Iterator[bytes]], text: Callable[[str], str], root: PublicKey | None
) -> Earlier:
    """The first `carried` earlier ledgers; Flaw for the first thing wrong with them.

    `root` is the key that a reader trusts, which has to have begun the oldest.
    """
    if not carried:
        return Earlier(root=root)
    names = [(previous_ledger(place), previous_head(place)) for place in range(carried)]
    checked = check_history([Bytes(lines_of(chunks(name)), text(head)) for name, head in names], root=root)
    last = checked[-1]
    head = Continued(origin=last.origin, size=last.size, root_hash=last.root_at(last.size).hex())
    return Earlier(carried, sum(one.size for one in checked), last.keys.root, head)
