"""Publish a ledger as static files that any web server or bucket can serve: C2SP tlog-tiles.

https://c2sp.org/tlog-tiles. Under the prefix lie `checkpoint` (the signed head), `tile/<L>/<N>` (256 hashes of the
Merkle tree, 8 levels of it at once) and `tile/entries/<N>` (the entries, each after its length in two bytes). What is
not full yet ends in `.p/<W>`. Files but the head never change, and the head is written last: whoever fetches it finds
everything that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody import note
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.merkle import EMPTY, leaf_hash, root_at, root_of
from anchor_pipeline.custody.storage import LedgerRows
from anchor_pipeline.errors import DamagedData, Refused

WIDTH = 256
_BITS = 8
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Published:
    """What a publication came to."""

    head: note.Checkpoint
    before: int
    """Entries that were published before."""
    written: int
    """Files."""


@dataclass(frozen=True)
class _Tile:
    level: int
    index: int
    width: int

    def path(self, kind: str | None = None) -> str:
        return tile_path(kind or str(self.level), self.index, self.width)


def publish(ledger: Ledger, store: Store, prefix: str = "", *, head: note.Checkpoint | None = None) -> Published:
    """Write what is new since the last publication; `head` is the last one that was signed, with more signatures.

    Raises:
        Refused: nothing was signed yet, or a larger ledger is published there.
        DamagedData: what is published, or stored, is not what the head says.

    """
    head = head or ledger.head()
    if head is None:
        raise Refused(f"ledger {ledger.origin} has no signed head yet; there is nothing to publish")
    place = f"{prefix}/" if prefix else ""
    old = _published(store, place + CHECKPOINT, head)
    written = 0
    with ledger.storage.reading() as rows:
        table = LedgerRows(rows, ledger.origin)
        _check(table, old, head)
        for path, data in _files(table, old.size, head.size):
            # Only a file that is there already and the same is left alone: a publication may have been interrupted.
            if store.find(place + path) != data:
                store.write(place + path, data)
                written += 1
    if old.encoded() != head.encoded() or old.size == 0:
        # Cosignatures that were published stay: witnesses may have been asked by hand.
        store.write(place + CHECKPOINT, _joined(old, head).encoded().encode())
        written += 1
    return Published(head, old.size, written)


def tile_path(kind: str, index: int, width: int = WIDTH) -> str:
    """`tile/0/x001/x234/067`, `tile/entries/000.p/5`."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03}")
    return f"tile/{kind}/{'/'.join(parts)}" + ("" if width == WIDTH else f".p/{width}")


def tiles_between(old: int, size: int) -> Iterator[_Tile]:
    """The tiles of a tree of `size` leaves that one of `old` did not have, level by level."""
    level = 0
    while size >> (_BITS * level):
        had, has = old >> (_BITS * level), size >> (_BITS * level)
        if has > had:
            for index in range(had // WIDTH, (has + WIDTH - 1) // WIDTH):
                yield _Tile(level, index, min(WIDTH, has - index * WIDTH))
        level += 1


def _files(table: LedgerRows, old: int, size: int) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every file that is new."""
    for tile in tiles_between(old, size):
        start = tile.index * WIDTH
        hashes = [table.node(_BITS * tile.level, start + place) for place in range(tile.width)]
        if tile.width == WIDTH and root_of(hashes) != table.node(_BITS * (tile.level + 1), tile.index):
            raise DamagedData(
                f"the tree stored of the ledger does not fit tile {tile.path()}; nothing more is published"
            )
        if tile.level == 0:
            yield tile.path("entries"), _bundle(table, start, hashes)
        yield tile.path(), b"".join(hashes)


def _bundle(table: LedgerRows, start: int, hashes: list[bytes]) -> bytes:
    entries = [entry.envelope for entry in table.entries(start, start + len(hashes))]
    if [leaf_hash(entry) for entry in entries] != hashes:
        raise DamagedData(f"entries {start} and following are not those that were signed; nothing more is published")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _published(store: Store, path: str, head: note.Checkpoint) -> note.Checkpoint:
    data = store.find(path)
    if data is None:
        return note.Checkpoint(head.origin, 0, EMPTY)
    where = store.address_of(path)
    try:
        found = note.parsed(data.decode(), where)
    except (Flaw, UnicodeDecodeError) as error:
        raise DamagedData(f"{where}: no head of a ledger ({error}); publish to a new place") from None
    if found.origin != head.origin:
        raise Refused(f"{where}: ledger {found.origin} is published there; publish {head.origin} elsewhere")
    return found


def _check(table: LedgerRows, old: note.Checkpoint, head: note.Checkpoint) -> None:
    if old.size > head.size:
        raise Refused(f"{old.size:,} entries are published, the last head is of {head.size:,}: this ledger is older")
    for one in (old, head):
        if _root(table.node, one.size) != one.root:
            raise DamagedData(
                f"the ledger does not begin with the {one.size:,} entries whose head was signed; nothing is published"
            )


def _root(node: Callable[[int, int], bytes], size: int) -> bytes:
    try:
        return root_at(size, node)
    except KeyError:
        return b""


def _joined(old: note.Checkpoint, head: note.Checkpoint) -> note.Checkpoint:
    """The head with all signatures of both, if both say the same."""
    if old.body != head.body:
        return head
    mine = {(one.name, one.key_hash) for one in head.signatures}
    more = tuple(one for one in old.signatures if (one.name, one.key_hash) not in mine)
    return note.Checkpoint(head.origin, head.size, head.root, head.signatures + more)
