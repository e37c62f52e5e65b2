"""Check a ledger from its bytes alone: every entry, their order, who may sign what, and the head over all of them.

Nothing is believed that was not computed here. Entries are taken one by one, so a ledger may be larger than memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from anchor_pipeline.custody import note
from anchor_pipeline.custody.canonical import MOST_BYTES
from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.envelope import Envelope, check_signature
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.key_history import KeyHistory
from anchor_pipeline.custody.keys import ROOT, PublicKey
from anchor_pipeline.custody.merkle import Frontier, leaf_hash
from anchor_pipeline.custody.statements import (
    Approval,
    Continued,
    Ending,
    Genesis,
    Intent,
    Predicate,
    RootChange,
)

BY_ROOT = ("genesis", "key", "root", "authority")
"""What the root signs, and nobody else."""


@dataclass(frozen=True)
class CheckedEntry:
    """An entry that holds."""

    index: int
    leaf: bytes
    name: str
    """Of the predicate."""
    predicate: Predicate
    key: PublicKey
    """Whose signature it has."""


@dataclass
class LedgerCheck:
    """A ledger as far as it was checked: feed it entries with `take`, then a head with `check_head`."""

    pinned_root: PublicKey | None = None
    """The root key that a reader trusts; without one the ledger's own root vouches for itself only."""
    keys: KeyHistory = field(default_factory=KeyHistory)
    origin: str = ""
    unfinished: dict[str, CheckedEntry] = field(default_factory=dict)
    """Intents not closed, by leaf hash."""
    _tree: Frontier = field(default_factory=Frontier)
    _roots: list[bytes] = field(default_factory=list)
    _last: tuple[str, str] = ("", "")
    """Leaf hash and time of the last entry."""
    _intents: dict[str, CheckedEntry] = field(default_factory=dict)
    _heads: set[str] = field(default_factory=set)
    """Digests of notes that were found good."""

    continues: Continued | None = None
    """The last head of the ledger that this one goes on from, as its genesis says."""

    @property
    def size(self) -> int:
        """Entries taken."""
        return self._tree.size

    def root_at(self, size: int) -> bytes:
        """Root over the first `size` entries, 1 or more."""
        return self._roots[size - 1]

    def take(self, data: bytes) -> CheckedEntry:
        """The next entry; Flaw if it must not follow on those before."""
        where = f"entry {self.size}"
        read = read_entry(data, where)
        envelope, name, predicate = read.envelope, read.name, read.predicate
        leaf = leaf_hash(data)
        self._check_place(name, predicate, where)
        key = self._check_signer(name, predicate, envelope, where)
        entry = CheckedEntry(self.size, leaf, name, predicate, key)
        self._check_step(entry, where)
        self.keys.apply(self.size, predicate, where)
        if isinstance(predicate, Genesis):
            self.continues = predicate.continues
        self._tree.append(leaf)
        self._roots.append(self._tree.root())
        self._last = leaf.hex(), predicate.time
        return entry

    def check_head(self, head: note.Checkpoint, where: str = "head") -> None:
        """Flaw unless `head` is of exactly the entries taken, and signed with a key in force."""
        if self.size == 0:
            raise Flaw("genesis", "ledger", "no entry at all")
        if head.size != self.size:
            raise Flaw("head_size", where, f"it is of {head.size:,} entries, there are {self.size:,}")
        self._check_head(head, where)

    def check_pin(self, pin: note.Checkpoint) -> None:
        """Flaw unless a head seen earlier is a beginning of this ledger; its signatures were checked then."""
        if pin.origin != self.origin:
            raise Flaw("origin", "pinned head", f"of {pin.origin}, this ledger is {self.origin}")
        if pin.size > self.size:
            raise Flaw("head_rollback", "head", f"{self.size:,} entries, {pin.size:,} were seen before")
        if pin.size and self.root_at(pin.size) != pin.root:
            raise Flaw("fork", "pinned head", f"the first {pin.size:,} entries are not those seen before")

    def _check_place(self, name: str, predicate: Predicate, where: str) -> None:
        if (self.size == 0) != (name == "genesis"):
            raise Flaw("genesis", where, f"a {name} entry")
        if predicate.sequence != self.size:
            raise Flaw("sequence", where, f"it states {predicate.sequence}")
        previous, time = self._last
        if predicate.previous != previous:
            raise Flaw("previous", where, f"it names {predicate.previous or 'none'}, expected {previous or 'none'}")
        if predicate.time < time:
            raise Flaw("time", where, f"{predicate.time}, the one before {time}")
        if self.size == 0:
            if not note.is_origin(predicate.origin):
                raise Flaw("malformed", where, f"{predicate.origin[:200]!r} cannot name a ledger")
            self.origin = predicate.origin
        elif predicate.origin != self.origin:
            raise Flaw("origin", where, f"of {predicate.origin}, this is {self.origin}")

    def _check_signer(self, name: str, predicate: Predicate, envelope: Envelope, where: str) -> PublicKey:
        if (predicate.by == ROOT) != (name in BY_ROOT):
            raise Flaw("role", where, f"a {name} entry by {predicate.by}")
        if len(envelope.signatures) != (2 if name == "root" else 1):
            raise Flaw("malformed", where, f"{len(envelope.signatures)} pairs of signatures")
        if isinstance(predicate, Genesis):
            key = PublicKey.of(predicate.root.model_dump(), where)
            if self.pinned_root is not None and key != self.pinned_root:
                raise Flaw("root_not_pinned", where, f"root {key.id}, trusted is {self.pinned_root.id}")
        else:
            key = self.keys.signer(envelope.signatures[0].keyid, predicate.by, where)
        check_signature(envelope, 0, key, where)
        if isinstance(predicate, RootChange):
            check_signature(envelope, 1, PublicKey.of(predicate.root.model_dump(), where), where)
        return key

    def _check_step(self, entry: CheckedEntry, where: str) -> None:
        predicate = entry.predicate
        if isinstance(predicate, Approval) and not is_steward(predicate.by):
            raise Flaw("role", where, f"an approval by {predicate.by}")
        if isinstance(predicate, Intent):
            self._intents[entry.leaf.hex()] = self.unfinished[entry.leaf.hex()] = entry
        if isinstance(predicate, Ending):
            self._check_ending(entry, predicate, where)
            del self.unfinished[predicate.intent]

    def _check_ending(self, entry: CheckedEntry, ending: Ending, where: str) -> None:
        intent = self._intents.get(ending.intent)
        if intent is None:
            raise Flaw("intent_missing", where, ending.intent)
        begun = intent.predicate
        assert isinstance(begun, Intent)
        if (begun.run, begun.step) != (ending.run, ending.step):
            raise Flaw("intent_missing", where, f"the intent is of {begun.step}, run {begun.run}")
        if ending.intent not in self.unfinished:
            raise Flaw("closed_twice", where, ending.intent)
        if entry.name != "abandoned" and begun.by != ending.by:
            raise Flaw("role", where, f"begun by {begun.by}, ended by {ending.by}")
        self._check_entrys_head(ending.checkpoint, intent.index, where)

    def _check_entrys_head(self, text: str, intent: int, where: str) -> None:
        digest = hashlib.sha256(text.encode()).hexdigest()
        try:
            head = note.parsed(text, where)
            if not intent < head.size <= self.size:
                raise Flaw("head_size", where, f"{head.size:,} entries, the intent is entry {intent}")
            if digest not in self._heads:
                self._check_head(head, where)
                self._heads.add(digest)
        except Flaw as flaw:
            raise Flaw("checkpoint_in_entry", where, flaw.detail) from None

    def _check_head(self, head: note.Checkpoint, where: str) -> None:
        if head.origin != self.origin:
            raise Flaw("head_malformed", where, f"of {head.origin}, this ledger is {self.origin}")
        if head.size == 0 or head.root != self.root_at(head.size):
            raise Flaw("head_root", where, "its root is not that of the entries")
        note.check_signatures(head, self.keys.in_force(head.size).values(), where)


def is_steward(identity: str) -> bool:
    """Whether an identity may approve: `steward`, or one of several, `steward-…`."""
    return identity == "steward" or identity.startswith("steward-")


def lines_of(data: Iterable[bytes]) -> Iterator[bytes]:
    """The entries in chunks of a `ledger.jsonl`; Flaw truncated if the last one has no newline, or too_large."""
    rest, index = b"", 0
    for chunk in data:
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        yield from pieces
        index += len(pieces)
        if len(rest) > MOST_BYTES:
            raise Flaw("too_large", f"entry {index}", f"more than {MOST_BYTES:,} bytes")
    if rest:
        raise Flaw("truncated", f"entry {index}", "no newline at its end")


def check_ledger(
    entries: Iterable[bytes],
    head: str,
    *,
    root: PublicKey | None = None,
    pins: Sequence[note.Checkpoint] = (),
) -> LedgerCheck:
    """A whole ledger with the head over it; Flaw for the first thing wrong."""
    ledger = LedgerCheck(root)
    for data in entries:
        ledger.take(data)
    if ledger.size == 0:
        raise Flaw("genesis", "ledger", "no entry at all")
    ledger.check_head(note.parsed(head, "head"))
    for pin in pins:
        ledger.check_pin(pin)
    return ledger
