"""The ledger: append a signed entry, sign a head over all of them. Nothing is ever changed or taken away.

Heads only grow: before one is signed, the entries since the last are read back and hashed again, the tree that is
stored has to give the last head's root, and what the signer remembers beside its keys has to be a beginning of it.
(A certificate log died of one flipped bit in a hash that was signed without looking; another signed two histories.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from anchor_pipeline.custody import note
from anchor_pipeline.custody.admission import check_admissible, check_head_signed, check_sealed
from anchor_pipeline.custody.check_ledger import BY_ROOT
from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.envelope import seal
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.head_memory import HeadMemory
from anchor_pipeline.custody.key_history import KeyHistory
from anchor_pipeline.custody.keys import ROOT, PublicKey, Signer
from anchor_pipeline.custody.merkle import Frontier, Subtree, full_subtrees, leaf_hash, root_at
from anchor_pipeline.custody.statements import statement
from anchor_pipeline.custody.storage import LedgerRows, Storage, Stored
from anchor_pipeline.custody.stored_keys import check_change, keys_in
from anchor_pipeline.errors import DamagedData, Refused, UsageError


def _now() -> datetime:
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """A time as entries have it: UTC, six decimals."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Entry:
    """An entry that was appended."""

    index: int
    leaf: str
    """Leaf hash, hexadecimal."""


class Ledger:
    """One ledger in a storage. Safe to use from many processes at once: one line, whoever writes."""

    def __init__(
        self,
        storage: Storage,
        origin: str,
        *,
        memory: HeadMemory | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        if not note.is_origin(origin):
            raise UsageError(
                f"{origin!r} cannot name a ledger: expected letters, digits, '.', '_', '/', '-', 200 at most"
            )
        self.storage, self.origin = storage, origin
        self._memory, self._clock = memory, clock

    def append(
        self,
        kind: str,
        fields: dict[str, Any],
        signers: Sequence[Signer],
        *,
        only_if: Callable[[LedgerRows], bool] | None = None,
    ) -> Entry | None:
        """Sign and append an entry; on disk when this returns. None if `only_if` said no, under the writer's lock.

        Raises:
            Refused: the key is not in force in this ledger, or the step is closed already.
            UsageError: the entry would be too large, or no verifier would accept it.
            DamagedData: the last entry is not what was appended.
            Unavailable: the storage cannot be written, or the signer does not sign.

        """
        with self.storage.writing(self.origin) as rows:
            table = LedgerRows(rows, self.origin)
            if only_if is not None and not only_if(table):
                return None
            size = table.size()
            self._check_may_sign(table, kind, signers)
            previous, time = self._last(table, size)
            predicate = {
                **fields,
                "sequence": size,
                "previous": previous,
                # Order is by sequence; a clock that was set back must not make an entry look older than its past.
                "time": max(stamp(self._clock()), time),
                "origin": self.origin,
                "by": signers[0].public.identity,
            }
            try:
                envelope = seal(statement(kind, predicate), signers)
            except ValueError as error:
                raise UsageError(f"{kind} entry cannot be made: {error}") from None
            check_admissible(table, kind, envelope, signers)
            check_sealed(envelope, signers)
            if kind in BY_ROOT:
                check_change(table, size, envelope, kind)
            leaf = leaf_hash(envelope)
            table.add_entry(size, kind, fields.get("intent"), leaf.hex(), envelope)
            table.add_nodes(self._frontier(table, size).append(leaf))
        return Entry(size, leaf.hex())

    def sign_head(self, signer: Signer) -> note.Checkpoint:
        """The head over all entries, signed anew only if there are new ones.

        Raises:
            DamagedData: what is stored is not what was appended, or not what was signed before. Nothing is signed.
            Refused: the key is not in force in this ledger, or nothing is in it yet.
            Unavailable: the storage cannot be written, or the signer does not sign.

        """
        with self.storage.writing(self.origin) as rows:
            table = LedgerRows(rows, self.origin)
            last = self._last_head(table)
            size = table.size()
            tree = self._read_back(table, last, size)
            keys = keys_in(table)
            if last is not None and last.size == size:
                head = last
                if keys_flaw := _unsigned(head, keys):
                    raise self._damaged(f"has a head of {size:,} entries that nobody signed ({keys_flaw})")
            else:
                self._check_in_force(keys, signer)
                head = note.signed(self.origin, size, tree.root(), signer)
                check_head_signed(head, signer)
                table.add_head(size, head.encoded())
            if self._memory is not None:
                # Within the lock, so that heads are remembered in their order; the entries are on disk already.
                self._memory.keep(head)
        return head

    def head(self) -> note.Checkpoint | None:
        """The last head that was signed."""
        with self.storage.reading() as rows:
            return self._last_head(LedgerRows(rows, self.origin))

    def head_of(self, size: int) -> note.Checkpoint | None:
        """The head that was signed over the first `size` entries."""
        with self.storage.reading() as rows:
            text = LedgerRows(rows, self.origin).head_of(size)
        return None if text is None else note.parsed(text, f"head of {size:,} entries")

    def size(self) -> int:
        """Entries there are."""
        with self.storage.reading() as rows:
            return LedgerRows(rows, self.origin).size()

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[Stored]:
        """Entries from `start` up to `end`, as they lie there."""
        with self.storage.reading() as rows:
            table = LedgerRows(rows, self.origin)
            yield from table.entries(start, table.size() if end is None else end)

    def unfinished(self) -> list[Stored]:
        """Intents that nothing closes."""
        with self.storage.reading() as rows:
            return LedgerRows(rows, self.origin).unfinished()

    def keys(self) -> KeyHistory:
        """Whose keys are in force."""
        with self.storage.reading() as rows:
            return keys_in(LedgerRows(rows, self.origin))

    @contextmanager
    def subtree(self) -> Iterator[Subtree]:
        """Reads full subtrees, for proofs."""
        with self.storage.reading() as rows:
            yield LedgerRows(rows, self.origin).node

    def _check_may_sign(self, table: LedgerRows, kind: str, signers: Sequence[Signer]) -> None:
        if kind == "genesis":
            if table.size():
                raise Refused(f"{self.storage.address}: ledger {self.origin} has begun already")
            self._check_never_was()
            return
        keys = keys_in(table)
        if keys.root is None:
            self._check_never_was()
            raise self._not_begun()
        self._check_in_force(keys, signers[0])

    def _check_in_force(self, keys: KeyHistory, signer: Signer) -> None:
        key = signer.public
        if keys.in_force().get(key.identity) != key:
            raise Refused(
                f"{self.storage.address}: key {key.id[:16]}… of {key.identity} is not in force in ledger {self.origin}"
                "; `anchor keys list` says which are"
            )

    def _last(self, table: LedgerRows, size: int) -> tuple[str, str]:
        """Leaf hash and time of the last entry; empty if there is none."""
        for entry in table.entries(max(size - 1, 0), size):
            # The next entry will name it: what follows on a damaged one could never be put right.
            leaf, where = leaf_hash(entry.envelope), f"entry {entry.index}"
            try:
                if leaf.hex() != entry.leaf or table.node(0, entry.index) != leaf:
                    raise self._damaged(f"has an entry {entry.index} that is not the one appended")
                return entry.leaf, read_entry(entry.envelope, where).predicate.time
            except (Flaw, KeyError) as error:
                raise self._damaged(f"lacks a sound entry {entry.index} ({error})") from None
        return "", ""

    def _last_head(self, table: LedgerRows) -> note.Checkpoint | None:
        text = table.last_head()
        try:
            return None if text is None else note.parsed(text, "last head")
        except Flaw as flaw:
            raise self._damaged(f"has a last head that is none ({flaw.detail})") from None

    def _frontier(self, table: LedgerRows, size: int) -> Frontier:
        try:
            return Frontier(size, table.nodes(full_subtrees(size)))
        except KeyError as error:
            raise self._damaged(f"lacks {error}") from None

    def _read_back(self, table: LedgerRows, last: note.Checkpoint | None, size: int) -> Frontier:
        """The tree over all entries, those since the last head hashed again."""
        signed = last.size if last else 0
        if size == signed == 0:
            self._check_never_was()
            raise self._not_begun()
        if signed > size:
            raise self._damaged(f"holds {size:,} entries, a head of {signed:,} was signed")
        tree = self._frontier(table, signed)
        root = tree.root()
        if last is not None and root != last.root:
            raise self._damaged(f"is not the one whose head of {signed:,} entries was signed")
        try:
            for entry in table.entries(signed, size):
                leaf = leaf_hash(entry.envelope)
                if leaf.hex() != entry.leaf or entry.index != tree.size:
                    raise self._damaged(f"has an entry {entry.index} that is not the one appended")
                made = tree.append(leaf)
                if table.nodes([(level, index) for level, index, _ in made]) != [found for *_, found in made]:
                    raise self._damaged(f"has a tree that does not fit entry {entry.index}")
            if self._memory is not None:
                # The root over the entries before is at hand, and nearly always the one asked for.
                self._memory.check(self.origin, size, lambda at: root if at == signed else root_at(at, table.node))
        except KeyError as error:
            raise self._damaged(f"lacks {error}") from None
        if tree.size != size:
            raise self._damaged(f"lacks entry {tree.size}")
        return tree

    def _check_never_was(self) -> None:
        """An emptied ledger must not pass for one that has not begun."""
        if self._memory is not None:
            self._memory.check(self.origin, 0, lambda size: b"")

    def _not_begun(self) -> Refused:
        where = f"{self.storage.address}: there is no ledger {self.origin} yet"
        return Refused(f"{where}; begin it with `anchor keys init`")

    def _damaged(self, what: str) -> DamagedData:
        return DamagedData(
            f"{self.storage.address}: ledger {self.origin} {what}; nothing is signed: restore the ledger, and find out "
            "who changed it (`anchor ledger verify`)"
        )


def _unsigned(head: note.Checkpoint, keys: KeyHistory) -> str:
    """What is wrong with the signatures of a head; nothing if they are sound."""
    try:
        note.check_signatures(head, keys.in_force(head.size).values(), "head")
    except Flaw as flaw:
        return flaw.detail
    return ""


def begin(
    ledger: Ledger,
    root: Signer,
    identities: Sequence[PublicKey],
    *,
    authority: str | None = None,
    continues: dict[str, Any] | None = None,
) -> Entry:
    """Append the genesis: the root names itself, and the keys of the identities; Refused if the ledger has begun."""
    if root.public.identity != ROOT:
        raise UsageError(f"a ledger is begun by the identity {ROOT}, not {root.public.identity}")
    fields = {
        "root": root.public.record(),
        "keys": [{"identity": key.identity, "key": key.record()} for key in identities],
        "authority": authority,
        "continues": continues,
    }
    entry = ledger.append("genesis", fields, [root])
    assert entry is not None
    return entry
