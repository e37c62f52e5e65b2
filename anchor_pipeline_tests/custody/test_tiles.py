"""A published ledger can be read, and proved from, with nothing but its files."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import check_ledger
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.log_proof import parsed_proof, prove_entry
from anchor_pipeline.custody.merkle import Frontier, is_consistent, leaf_hash, root_from_inclusion
from anchor_pipeline.custody.sqlite_storage import SqliteStorage
from anchor_pipeline.custody.storage import LedgerRows
from anchor_pipeline.custody.tiles import publish, tile_path, tiles_between
from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline_tests.custody.ledgers.world import ORIGIN, World, new_world
from anchor_pipeline_tests.custody.tile_reader import TileReader


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "www")


class LongLedger:
    """A ledger as long as one likes: its entries say nothing, as publishing does not look into them."""

    def __init__(self, path: Path) -> None:
        self.ledger, self._key = Ledger(SqliteStorage(path), ORIGIN), PrivateKey.generate("root")
        self._tree, self.roots = Frontier(), {0: Frontier().root()}

    def grow(self, size: int) -> None:
        with self.ledger.storage.writing(ORIGIN) as rows:
            table = LedgerRows(rows, ORIGIN)
            while self._tree.size < size:
                entry = f"entry {self._tree.size}".encode() * (1 + self._tree.size % 5)
                leaf = leaf_hash(entry)
                table.add_entry(self._tree.size, "intent", None, leaf.hex(), entry)
                table.add_nodes(self._tree.append(leaf))
            self.roots[size] = self._tree.root()
            table.add_head(size, note.signed(ORIGIN, size, self._tree.root(), self._key).encoded())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_reader_of_the_files_alone_gets_the_whole_ledger(world: World, store: Store) -> None:
    for _ in range(3):
        world.step()
    publish(world.ledger, store, "log")
    reader = TileReader(store.root / "log")
    entries = reader.entries()
    assert entries == [entry.envelope for entry in world.ledger.entries()]
    head = (store.root / "log/checkpoint").read_text()
    assert check_ledger(entries, head, root=world.root.public).size == 7


@pytest.mark.parametrize("sizes", [(1, 2, 255, 256, 257), (300, 512, 700), (65_535, 65_537, 66_000)])
def test_proofs_from_tiles_hold_at_any_size(tmp_path: Path, store: Store, sizes: tuple[int, ...]) -> None:
    long, draw = LongLedger(tmp_path / "long.sqlite"), random.Random(1)
    for size in sizes:
        long.grow(size)
        publish(long.ledger, store)
        reader = TileReader(store.root)
        assert (reader.size, reader.root) == (size, long.roots[size])
        assert reader.subtree(0, size) == reader.root
        for index in {0, size - 1, *(draw.randrange(size) for _ in range(5))}:
            (entry,) = long.ledger.entries(index, index + 1)
            path = reader.inclusion(index)
            assert root_from_inclusion(index, size, leaf_hash(entry.envelope), path) == reader.root
            assert prove_entry(long.ledger, index).path == tuple(path)
        for old in [old for old in long.roots if 0 < old < size]:
            assert is_consistent(old, long.roots[old], size, reader.root, reader.consistency(old))
    if sizes[-1] < 1000:
        assert len(reader.entries()) == sizes[-1]


def test_only_what_is_new_is_written_and_the_head_last(tmp_path: Path, store: Store) -> None:
    long = LongLedger(tmp_path / "long.sqlite")
    long.grow(520)
    publish(long.ledger, store)
    before = files(store.root)
    times = {name: (store.root / name).stat().st_mtime_ns for name in before}
    assert publish(long.ledger, store).written == 0
    long.grow(530)
    done = publish(long.ledger, store)
    after = files(store.root)
    assert (done.before, done.written) == (520, 3)
    assert set(after) - set(before) == {"tile/0/002.p/18", "tile/entries/002.p/18"}
    assert {name for name in before if before[name] != after[name]} == {"checkpoint"}
    assert all((store.root / name).stat().st_mtime_ns == times[name] for name in before if name != "checkpoint")


def test_an_interrupted_publication_shows_the_old_head_and_the_next_one_mends_it(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = LongLedger(tmp_path / "long.sqlite")
    long.grow(100)
    publish(long.ledger, store)
    long.grow(600)
    written, real = [], Store.write

    def stops(self: Store, relative: str, data: bytes) -> None:
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(relative)
        real(self, relative, data)

    monkeypatch.setattr(Store, "write", stops)
    with pytest.raises(KeyboardInterrupt):
        publish(long.ledger, store)
    monkeypatch.undo()
    assert TileReader(store.root).size == 100
    assert len(TileReader(store.root).entries()) == 100
    (store.root / written[0]).write_bytes(b"half")
    publish(long.ledger, store)
    assert len(TileReader(store.root).entries()) == 600


def test_names_are_those_of_the_specification() -> None:
    assert tile_path("0", 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 0, 5) == "tile/entries/000.p/5"
    found = [(tile.level, tile.index, tile.width) for tile in tiles_between(0, 70_000)]
    assert len([one for one in found if one[0] == 0]) == 274
    assert found[273:] == [(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]
    assert [(tile.level, tile.index, tile.width) for tile in tiles_between(0, 256)] == [(0, 0, 256), (1, 0, 1)]


def test_a_ledger_that_does_not_go_on_from_what_is_published_is_refused(tmp_path: Path, store: Store) -> None:
    long = LongLedger(tmp_path / "long.sqlite")
    long.grow(20)
    publish(long.ledger, store)
    shorter = LongLedger(tmp_path / "shorter.sqlite")
    shorter.grow(19)
    with pytest.raises(Refused, match="this ledger is older"):
        publish(shorter.ledger, store)
    other = LongLedger(tmp_path / "other.sqlite")
    other._tree.append(leaf_hash(b"another beginning"))
    other.grow(21)
    with pytest.raises(DamagedData, match="does not begin with"):
        publish(other.ledger, store)
    with pytest.raises(Refused, match="no signed head"):
        publish(Ledger(SqliteStorage(tmp_path / "none.sqlite"), ORIGIN), store)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE anchor_ledger_entries SET envelope = x'00' WHERE idx = 3",
        "UPDATE anchor_ledger_nodes SET hash = zeroblob(32) WHERE level = 0 AND idx = 3",
    ],
)
def test_what_was_changed_is_not_published(world: World, store: Store, change: str) -> None:
    world.step()
    world.step()
    world.alter(change)
    with pytest.raises(DamagedData, match="not those that were signed"):
        publish(world.ledger, store)
    assert "checkpoint" not in files(store.root)


def test_a_proof_of_an_entry_is_a_file_that_can_be_checked_alone(world: World) -> None:
    for _ in range(3):
        world.step()
    entries = [entry.envelope for entry in world.ledger.entries()]
    for index, entry in enumerate(entries):
        text = prove_entry(world.ledger, index).encoded()
        assert text.startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n")
        proof = parsed_proof(text, "proof")
        proof.check(entry)
        note.check_signed(proof.head, world.pipeline.public, "proof")
        with pytest.raises(Flaw, match="does not lead"):
            proof.check(entries[index - 1])
        for line in text.split("\n\n")[0].split("\n")[2:]:
            with pytest.raises(Flaw):
                parsed_proof(text.replace(line + "\n", "", 1), "proof").check(entry)
    with_extra = text.replace("@v1\n", "@v1\nextra aGVsbG8=\n")
    parsed_proof(with_extra, "proof").check(entries[-1])
    with pytest.raises(UsageError, match="entries 0 to 6"):
        prove_entry(world.ledger, 7)


@pytest.mark.parametrize(
    "text",
    ["", "c2sp.org/tlog-proof@v1\n\n", "c2sp.org/tlog-proof@v2\nindex 0\n\nx", "c2sp.org/tlog-proof@v1\nindex 00\n\nx"],
)
def test_what_is_no_proof_is_told(text: str) -> None:
    with pytest.raises(Flaw):
        parsed_proof(text, "proof")
