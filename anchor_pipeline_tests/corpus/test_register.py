"""Models are added and retired, never replaced; which were in use in a cycle does not change afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anchor_pipeline.corpus.register import active, add, entries, keep_model, read_model, retire
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, UsageError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def kept(store: Store, content: bytes) -> str:
    return keep_model(store, "probe", {"model.bin": content, "card.json": b"{}"})


def test_a_model_is_kept_under_the_digest_of_its_files_and_read_back(store: Store) -> None:
    digest = kept(store, b"one")
    assert digest == kept(store, b"one") != kept(store, b"other")
    assert read_model(store, "probe", digest) == {"model.bin": b"one", "card.json": b"{}"}


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_model_that_was_touched_is_not_read(store: Store, damage: str) -> None:
    folder = store.root / "models/probe" / kept(store, b"one")
    if damage == "change":
        (folder / "model.bin").write_bytes(b"two")
    elif damage == "remove":
        (folder / "card.json").unlink()
    else:
        (folder / "more").write_bytes(b"")
    with pytest.raises(DamagedData, match="not what was kept"):
        read_model(store, "probe", folder.name)


def test_later_entries_do_not_change_what_an_earlier_cycle_used(store: Store) -> None:
    first, second = kept(store, b"1"), kept(store, b"2")
    add(store, "probe", "words", first, "2020")
    add(store, "probe", "words", second, "2021")
    retire(store, "probe", first, "2022")
    used = {year: [entry.digest for entry in active(store, "probe", year)] for year in ("2019", "2020", "2021", "2022")}
    assert used == {"2019": [], "2020": [first], "2021": [first, second], "2022": [second]}


def test_without_an_overlap_cycle_nothing_is_retired(store: Store) -> None:
    first, second = kept(store, b"1"), kept(store, b"2")
    add(store, "probe", "words", first, "2020")
    with pytest.raises(UsageError, match="no other probe was in use beside it"):
        retire(store, "probe", first, "2021")
    add(store, "probe", "words", second, "2022")
    with pytest.raises(UsageError, match="no other probe was in use beside it"):
        retire(store, "probe", first, "2022")
    retire(store, "probe", first, "2023")


def test_what_is_not_kept_cannot_be_added_nor_anything_twice(store: Store) -> None:
    with pytest.raises(DamagedData):
        add(store, "probe", "words", "0" * 64, "2020")
    digest = kept(store, b"1")
    add(store, "probe", "words", digest, "2020")
    with pytest.raises(UsageError, match="already"):
        add(store, "probe", "words", digest, "2021")
    with pytest.raises(UsageError, match="cannot name"):
        add(store, "probe", "Words/..", digest, "2021")


def test_a_missing_or_damaged_entry_is_told(store: Store) -> None:
    for number in range(3):
        add(store, "probe", "words", kept(store, b"%d" % number), "2020")
    (store.root / "register/probe/000002.json").unlink()
    with pytest.raises(DamagedData, match="an entry is missing"):
        entries(store, "probe")
    (store.root / "register/probe/000002.json").write_bytes(b"{}")
    with pytest.raises(DamagedData, match="is not an entry"):
        active(store, "probe", "2021")


def test_of_many_writers_each_gets_a_number_of_its_own(store: Store) -> None:
    digests = [kept(store, b"%d" % number) for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda digest: add(store, "probe", "words", digest, "2020"), digests))
    assert [entry.number for entry in entries(store, "probe")] == list(range(1, 21))
    assert {entry.digest for entry in active(store, "probe", "2020")} == set(digests)
