"""Put stamps beside the releases whose ledger they are of, as soon as they are made or become more.

A release never changes; a stamp is a file beside it that anybody may read or doubt. One is put there only if it holds,
whole or not at all, and takes the place of another only if it proves more. What cannot be done now is done the next time.
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
"""Releases of each stage that later stamps are brought to: a Bitcoin block takes hours, and releases come in between."""
_NONE = -1

HeadOf = Callable[[int], Checkpoint | None]
"""The head of a ledger over so many entries."""

_log = logging.getLogger(__name__)


def carry_stamps(store: Store, origin: str, head_of: HeadOf) -> list[str]:
    """Bring the stamps that the store keeps of a ledger to the newest releases; says which files were written."""
    written = []
    for folder in newest_folders(store):
        try:
            size = _reached(store, folder, origin, head_of)
            written += carry_into(store, folder, origin, size, head_of)
        except DamagedData as error:
            _log.warning("%s: gets no outside stamps (%s)", store.address_of(folder), error)
    return written


def carry_into(store: Store, folder: str, origin: str, size: int, head_of: HeadOf) -> list[str]:
    """The same for one release, whose ledger has `size` entries."""
    written = []
    stamps = [(at, kind) for at, kind in kept_stamps(store, origin) if at <= size]
    carried = set(store.list(f"{folder}/{STAMPS}")) if stamps else set()
    heads = sorted({at for at, _ in stamps})[-MOST_HEADS:]
    for at, kind in stamps:
        name = f"{at}.{kind}"
        head = head_of(at) if at in heads else None
        data = store.find(f"{folder_of(origin)}/{name}")
        if head is None or data is None:
            continue
        there = store.find(f"{folder}/{STAMPS}/{name}") if name in carried else None
        if there != data and _strength(data, head, kind) > _strength(there, head, kind):
            store.write(f"{folder}/{STAMPS}/{name}", data)
            written.append(f"{folder}/{STAMPS}/{name}")
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
