"""Proof that an entry is in a ledger, as one file: C2SP tlog-proof, https://c2sp.org/tlog-proof.

c2sp.org/tlog-proof@v1
index 7
<base64 hash, from the leaf's sibling upwards>
…

<the signed head>
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from anchor_pipeline.custody import note
from anchor_pipeline.custody.canonical import b64, unb64
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.merkle import inclusion_proof, leaf_hash, root_from_inclusion
from anchor_pipeline.errors import Refused, UsageError

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True)
class LogProof:
    """A proof, its head's signatures not yet checked."""

    index: int
    path: tuple[bytes, ...]
    head: note.Checkpoint

    def encoded(self) -> str:
        """The file's text."""
        lines = [HEADER, f"index {self.index}", *map(b64, self.path)]
        return "\n".join(lines) + "\n\n" + self.head.encoded()

    def check(self, entry: bytes, where: str = "proof") -> None:
        """Flaw head_root unless the head is one of a ledger with this very entry at this place."""
        if root_from_inclusion(self.index, self.head.size, leaf_hash(entry), self.path) != self.head.root:
            raise Flaw("head_root", where, f"it does not lead from entry {self.index} to the head")


def prove_entry(ledger: Ledger, index: int, head: note.Checkpoint | None = None) -> LogProof:
    """That entry `index` is under the last head; UsageError if it is not."""
    head = head or ledger.head()
    if head is None:
        raise Refused(f"ledger {ledger.origin} has no signed head yet; the next step signs one")
    if not 0 <= index < head.size:
        raise UsageError(f"entry {index} is not under the last head, which covers entries 0 to {head.size - 1}")
    with ledger.subtree() as subtree:
        return LogProof(index, tuple(inclusion_proof(index, head.size, subtree)), head)


def parsed_proof(text: str, where: str) -> LogProof:
    """The proof in a file; Flaw if it is none. A line of extra data, which proves nothing, is left out."""
    before, blank, rest = text.partition("\n\n")
    lines = before.split("\n")
    if not blank or lines[0] != HEADER:
        raise Flaw("malformed", where, f"expected {HEADER}, index and hashes, a blank line, then the head")
    if len(lines) > 1 and lines[1].startswith("extra "):
        unb64(lines.pop(1)[6:], where)
    found = _INDEX.fullmatch(lines[1]) if 1 < len(lines) <= 66 else None
    if found is None:
        raise Flaw("malformed", where, "expected a line `index N` and at most 64 hashes")
    return LogProof(int(found[1]), tuple(unb64(line, where, 32) for line in lines[2:]), note.parsed(rest, where))
