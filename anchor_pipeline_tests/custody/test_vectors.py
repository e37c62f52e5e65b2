"""The static vectors: both Python verifiers say of each what it states, and the kept bytes are those that were made."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from anchor_pipeline_tests.custody import verdicts
from anchor_pipeline_tests.custody.cases import all_cases
from anchor_pipeline_tests.custody.cases_releases import CASES as RELEASES
from anchor_pipeline_tests.custody.vectors import FOLDER, SOUND, Vector, case_of, packed, read

OF_LEDGERS, OF_RELEASES = read("ledgers.json"), read("releases.json")


@pytest.mark.parametrize("vector", OF_LEDGERS, ids=lambda one: one.name)
def test_ledgers(vector: Vector) -> None:
    case = case_of(vector)
    assert (verdicts.first(case), verdicts.second(case)) == (vector.verdict, vector.verdict), vector.why


@pytest.mark.parametrize("vector", OF_RELEASES, ids=lambda one: one.name)
def test_releases(vector: Vector, tmp_path: Path) -> None:
    folder = verdicts.unpacked(vector.files, tmp_path)
    first = verdicts.first_release(vector.files, folder)
    assert (first or [SOUND])[0] == vector.verdict, vector.why
    assert verdicts.second_release(vector.files, folder) == first


def test_there_are_enough_of_either_kind() -> None:
    counted = Counter(vector.verdict == SOUND for vector in (*OF_LEDGERS, *OF_RELEASES))
    assert counted[True] >= 20
    assert counted[False] >= 50


def test_every_case_is_kept() -> None:
    assert [(one.name, one.verdict, one.why) for one in OF_LEDGERS] == [
        (case.name, case.code or SOUND, case.why) for case in all_cases()
    ]
    assert Counter(one.verdict for one in OF_RELEASES) == {code or SOUND: len(made) for code, made in RELEASES.items()}


def test_the_files_are_small_and_read_back() -> None:
    for name, vectors in (("ledgers.json", OF_LEDGERS), ("releases.json", OF_RELEASES)):
        assert packed(vectors) == (FOLDER / name).read_text()
        assert len({one.name for one in vectors}) == len(vectors)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3_500_000
