"""Put stamps beside the releases whose ledger they are of, as soon as they are made or become more.

A release never changes; a stamp is a file beside it that anybody may read or doubt. One is put there only if it holds,
whole or not at all, and takes the place of another only if it proves more. What cannot be done now is done the next
time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody import note
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.note import Checkpoint
from anchor_pipeline.custody.release_files import HEAD, STAMPS
from anchor_pipeline.custody.stamps.check import STRENGTH, read_stamp
from anchor_pipeline.custody.stamps.der import WrongStamp
from anchor_pipeline.custody.stamps.names import folder_of, kept_stamps
from anchor_pipeline.custody.stamps.stamper import digest_of
from anchor_pipeline.errors import DamagedData

MOST_HEADS = 100
"""The newest ones; a release carries no more."""
_NEWEST = 3
"""Releases of each stage that later stamps are brought to: a Bitcoin block takes hours, and others come in between."""
_NONE = -1

HeadOf = Callable[[int], Checkpoint | None]
"""The head of a ledger over so many entries."""

_log = logging.getLogger(__name__)


class Kept:
    """The stamps that the store keeps of a ledger, each read once, however many releases get it."""

    def __init__(self, store: Store, origin: str, head_of: HeadOf) -> None:
        self.store, self.origin, self.head_of = store, origin, head_of
        self._names = kept_stamps(store, origin)
        self._read: dict[str, tuple[bytes, int]] = {}

    def up_to(self, size: int) -> list[tuple[Checkpoint, str]]:
        """Those of the newest heads over `size` entries or fewer: the head, and the kind of the stamp."""
        heads = sorted({at for at, _ in self._names if at <= size})[-MOST_HEADS:]
        found = [(self.head_of(at), kind) for at, kind in self._names if at in heads]
        return [(head, kind) for head, kind in found if head is not None]

    def of(self, head: Checkpoint, kind: str) -> tuple[bytes, int]:
        """A stamp, and how much it proves."""
        name = f"{head.size}.{kind}"
        if name not in self._read:
            data = self.store.find(f"{folder_of(self.origin)}/{name}")
            self._read[name] = data or b"", _strength(data, head, kind)
        return self._read[name]


def carry_stamps(store: Store, origin: str, head_of: HeadOf) -> list[str]:
    """Bring the stamps that the store keeps of a ledger to the newest releases; says which files were written."""
    written, kept = list[str](), Kept(store, origin, head_of)
    for folder in newest_folders(store):
        try:
            written += carry_into(folder, _reached(store, folder, origin, head_of), kept)
        except DamagedData as error:
            _log.warning("%s: gets no outside stamps (%s)", store.address_of(folder), error)
    return written


def carry_into(folder: str, size: int, kept: Kept) -> list[str]:
    """The same for one release, whose ledger has `size` entries."""
    written, store, stamps = list[str](), kept.store, kept.up_to(size)
    carried = set(store.list(f"{folder}/{STAMPS}")) if stamps else set()
    for head, kind in stamps:
        data, strength = kept.of(head, kind)
        name = f"{folder}/{STAMPS}/{head.size}.{kind}"
        there = store.find(name) if f"{head.size}.{kind}" in carried else None
        if there != data and strength > _strength(there, head, kind):
            store.write(name, data)
            written.append(name)
    return written


def newest_folders(store: Store) -> Iterator[str]:
    """Folders of the newest releases of each stage that carry a head, the latest first."""
    for stage in store.list("mix"):
        found = 0
        for cycle in sorted(store.list(f"mix/{stage}"), reverse=True):
            revisions = [name for name in store.list(f"mix/{stage}/{cycle}") if name.isdecimal()]
            for revision in sorted(revisions, key=int, reverse=True):
                folder = f"mix/{stage}/{cycle}/{revision}"
                if found < _NEWEST and store.exists(f"{folder}/{HEAD}"):
                    found += 1
                    yield folder
            if found == _NEWEST:
                break


def _reached(store: Store, folder: str, origin: str, head_of: HeadOf) -> int:
    """How many entries of the ledger a release carries; 0 if what it carries is of another ledger or history."""
    try:
        head = note.parsed_bytes(store.read(f"{folder}/{HEAD}"), HEAD)
    except Flaw as flaw:
        raise DamagedData(str(flaw)) from None
    mine = head_of(head.size) if head.origin == origin else None
    return head.size if mine is not None and mine.root == head.root else 0


def _strength(data: bytes | None, head: Checkpoint, kind: str) -> int:
    """How much a stamp proves; less than nothing for one that is none."""
    if data is None:
        return _NONE
    try:
        return STRENGTH.index(read_stamp(data, head.size, kind, digest_of(head)).state)
    except WrongStamp as error:
        _log.warning("a stamp of the first %s entries is left out: %s", f"{head.size:,}", error)
        return _NONE
