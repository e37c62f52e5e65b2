"""The ledgers that a release's ledger continues, which it carries as well: custody/previous/0000 is the oldest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anchor_pipeline.custody.check_ledger import LedgerCheck, lines_of
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.release_files import previous_head, previous_ledger
from anchor_pipeline.custody.rotation import Bytes, check_continues, check_history
from anchor_pipeline.custody.statements import Continued

Chunks = Callable[[str], Iterator[bytes]]
"""Name of a file of the release to its bytes."""


def check_previous(carried: int, chunks: Chunks, text: Callable[[str], str], ledger: LedgerCheck) -> int:
    """Check the earlier ledgers that a release carries, and that they lead to its own; how many entries they have.

    Flaw for the first thing wrong with them; origin, head_size or fork if `ledger` continues something else.
    """
    earlier = check_history(
        [Bytes(lines_of(chunks(previous_ledger(place))), text(previous_head(place))) for place in range(carried)]
    )
    last = earlier[-1]
    stated = ledger.continues
    check_continues(stated, Continued(origin=last.origin, size=last.size, root_hash=last.root_at(last.size).hex()))
    if last.keys.root != ledger.first_root:
        raise Flaw("genesis", "entry 0", "the root of the ledger before did not begin this one")
    return sum(one.size for one in earlier)
