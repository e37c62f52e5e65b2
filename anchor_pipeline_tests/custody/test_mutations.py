"""Ten thousand generated changes of ledgers and releases: both verifiers find all of them, and name the same first."""

from __future__ import annotations

import gzip
import random
import shutil
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline_tests.custody import verdicts
from anchor_pipeline_tests.custody.cases_releases import LISTED, ROOT, Files, world
from anchor_pipeline_tests.custody.forge import sound
from anchor_pipeline_tests.custody.mutations import of_ledger, of_release
from anchor_pipeline_tests.custody.verdicts import SOUND


def ledgers(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """What was changed, and what either verifier said."""
    forge, other, chance = sound(), sound(1), random.Random(seed)
    true = forge.data(), forge.head().encode()
    while count:
        case = of_ledger(forge, other, chance)
        if (case.ledger, case.head) != true:
            count -= 1
            yield case.why, verdicts.first(case), verdicts.second(case)


def same_list(one: bytes, other: bytes) -> bool:
    """Whether two gzip files hold the same: bits that fill the last byte of what is packed say nothing."""
    if one[:10] != other[:10]:
        return False
    unpacker = zlib.decompressobj(31)
    try:
        return unpacker.decompress(one) == gzip.decompress(other) and unpacker.eof and not unpacker.unused_data
    except zlib.error:
        return False


def releases(count: int, seed: int, folder: Path) -> Iterator[tuple[Files, list[str], list[str]]]:
    """A changed release, and what either verifier said."""
    true, chance = {"root.pub.json": ROOT, **world().files()}, random.Random(seed)
    other = world(verdict={"findings": []}).files()
    verdicts.unpacked(true, folder)
    while count:
        files = of_release(true, other, chance)
        changed = {name for name in files.keys() | true.keys() if files.get(name) != true.get(name)}
        if not changed or (changed == {LISTED} and LISTED in files and same_list(files[LISTED], true[LISTED])):
            continue
        count -= 1
        for name in changed:
            (folder / name).unlink(missing_ok=True)
        verdicts.unpacked({name: files[name] for name in changed if name in files}, folder)
        yield files, verdicts.first_release(files, folder), verdicts.second_release(files, folder)
        for name in changed:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "a", ignore_errors=True)
        verdicts.unpacked({name: true[name] for name in changed if name in true}, folder)


def check_ledgers(count: int, seed: int) -> Counter[str]:
    found = list(ledgers(count, seed))
    assert [one for one in found if one[1] != one[2] or SOUND in one] == []
    return Counter(first for _, first, _ in found)


def check_releases(count: int, seed: int, folder: Path) -> Counter[str]:
    said: Counter[str] = Counter()
    for files, first, second in releases(count, seed, folder):
        assert first, sorted(files)
        assert second
        if first[0] == "verdict" != second[0]:
            # The package's verifier knows all fields of a verdict, and refuses others; the manifest was made to fit.
            first = first[1:]
        assert first[0] == second[0], (first, second)
        said[first[0]] += 1
    return said


def test_changed_ledgers_are_found() -> None:
    said = check_ledgers(300, 1)
    assert len(said) >= 10, said


def test_changed_releases_are_found(tmp_path: Path) -> None:
    said = check_releases(120, 1, tmp_path)
    assert said.keys() >= {"manifest", "file_digest", "verdict", "documents_root", "credentials_digest"}, said


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_six_thousand_changed_ledgers_are_found(seed: int) -> None:
    check_ledgers(1200, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_five_thousand_changed_releases_are_found(seed: int, tmp_path: Path) -> None:
    check_releases(1000, seed, tmp_path)
