"""A release carries its documents, which follow from what it holds alone, and pass every check of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline.workplace import Workplace
from anchor_pipeline_tests.disclosure.released import DISCLOSURE, SOURCES, declaration, released
from anchor_pipeline_tests.projects import PROJECT

OURS = {
    "README.md",
    "croissant.json",
    "disclosure/ATTRIBUTION.md",
    "disclosure/bom.cdx.json",
    "disclosure/licences.spdx.json",
    "disclosure/record.json",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("one"), PROJECT)


def names(release: Path) -> set[str]:
    return {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}


def test_a_project_that_declares_nothing_for_disclosure_has_them_too(release: Path) -> None:
    assert names(release) >= OURS


def test_it_is_verified_and_opened_with_them(release: Path) -> None:
    assert [check for check in verify_mix(release) if not check.ok] == []
    assert open_mix(release).manifest.rows == 64


def test_altering_one_is_found(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    path = copy / "disclosure/licences.spdx.json"
    path.write_bytes(path.read_bytes().replace(b"MIT", b"TIM"))
    assert [check.what for check in verify_mix(copy) if not check.ok] == ["disclosure/licences.spdx.json"]


def test_the_same_data_elsewhere_gives_the_same_documents(release: Path, tmp_path: Path) -> None:
    """Neither the place nor how raw files are named and laid out is told."""
    text = PROJECT.replace("raw/gazette.jsonl", f"{tmp_path}/other/place/raw/gazette*")
    again = released(tmp_path / "other/place", text)
    for name in sorted(OURS):
        assert (again / name).read_bytes() == (release / name).read_bytes(), name
    for name in OURS:
        assert str(tmp_path).encode() not in (again / name).read_bytes()


def test_releasing_again_changes_nothing_and_another_statement_makes_a_revision(tmp_path: Path) -> None:
    first = released(tmp_path, declaration(DISCLOSURE, SOURCES))
    project = load_project(tmp_path)
    place, cycle = Workplace(project), project.calendar.at("2020")
    assert steps.release(place, "lawful", cycle).reused
    (tmp_path / "project.yaml").write_text(declaration({**DISCLOSURE, "title": "Texts of the sea"}, SOURCES))
    second = steps.release(Workplace(load_project(tmp_path)), "lawful", cycle)
    assert (second.revision, second.reused) == (2, False)
    parts = "data/train-00000-of-00001.parquet"
    assert (second.path / parts).read_bytes() == (first / parts).read_bytes()
    assert "Texts of the sea" in (second.path / "README.md").read_text()
