"""A cycle built again after its sources were corrected: what is new says what it replaces, what is old stays."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from anchor_pipeline.cli import anchor
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.orchestration.running import KEYS, releases, run
from anchor_pipeline_tests.projects import rows, small_project, write_rows


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(small_project(tmp_path / "project"))


def corrected(project: Project, instance: dg.DagsterInstance) -> tuple[Path, Path]:
    """Build, correct a source, build again; gives the folders of both revisions."""
    assert run(project, instance, "build_lawful").success
    write_rows(project.root / "raw/gazette.jsonl", rows("corrected", 60, 5))
    assert run(project, instance, "build_lawful").success
    assert releases(project) == ["lawful/2020/0001", "lawful/2020/0002"]
    cycle = project.store_path / "mix/lawful/2020"
    return cycle / "0001", cycle / "0002"


def test_the_new_release_says_what_it_replaces_and_the_old_one_stays_readable_as_superseded(
    project: Project, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = corrected(project, instance)
    with caplog.at_level(logging.WARNING):
        old = open_mix(first)
    assert f"{first} is superseded by revision 2" in caplog.text
    caplog.clear()
    new = open_mix(second)
    assert not caplog.records
    assert new.manifest.replaces is not None
    assert (new.manifest.replaces.revision, new.manifest.replaces.digest) == (1, old.manifest.digest)
    assert (old.superseded_by, new.superseded_by) == (2, None)
    assert len(list(old.rows())) == len(old)
    assert not any("corrected" in row["doc_id"] for row in old.rows())
    assert any("corrected" in row["doc_id"] for row in new.rows())
    # Whoever names the cycle, not a revision, has the new one without a word.
    assert open_mix(first.parent).manifest.revision == 2
    assert not caplog.records


def test_the_steward_sees_it_in_the_ui_and_at_the_command_line(project: Project, instance: dg.DagsterInstance) -> None:
    first, second = corrected(project, instance)
    event = instance.get_latest_materialization_event(KEYS.mix("lawful"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["replaces"].value == "revision 1"
    told = CliRunner().invoke(anchor, ["verify", str(first)], standalone_mode=False).output
    assert "ok      superseded: by revision 2 of the cycle; this one stays readable" in told
    assert "superseded" not in CliRunner().invoke(anchor, ["verify", str(second)], standalone_mode=False).output


def test_a_revision_copied_away_from_its_cycle_claims_nothing(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    first, second = corrected(project, instance)
    alone = tmp_path / "elsewhere/0001"
    shutil.copytree(first, alone)
    shutil.copytree(second, alone.parent / "0002")
    assert open_mix(alone).superseded_by is None
    assert "superseded" not in {one.what for one in verify_mix(alone)}


def test_a_correction_that_is_taken_back_is_a_third_revision_with_the_first_content(
    project: Project, instance: dg.DagsterInstance
) -> None:
    before = (project.root / "raw/gazette.jsonl").read_bytes()
    first, second = corrected(project, instance)
    (project.root / "raw/gazette.jsonl").write_bytes(before)
    assert run(project, instance, "build_lawful").success
    third = open_mix(second.parent)
    assert third.manifest.revision == 3
    assert third.manifest.digest == open_mix(first).manifest.digest
    assert third.manifest.replaces is not None
    assert third.manifest.replaces.revision == 2
    assert open_mix(first).superseded_by == 3


@pytest.mark.marathon
def test_a_correction_of_an_earlier_cycle_makes_the_later_one_be_judged_anew(
    project: Project, instance: dg.DagsterInstance
) -> None:
    # A verdict names the release of the cycle before: with another one there, what is current is not the same.
    for cycle in ("2020", "2021"):
        assert run(project, instance, "build_lawful", cycle=cycle).success
    write_rows(project.root / "raw/gazette.jsonl", rows("corrected", 60, 5))
    for cycle in ("2020", "2021"):
        assert run(project, instance, "build_lawful", cycle=cycle).success
    later, earlier = (open_mix(project.store_path / f"mix/lawful/{cycle}") for cycle in ("2021", "2020"))
    assert later.manifest.previous is not None
    assert later.manifest.previous.digest == earlier.manifest.digest
    assert later.manifest.revision == earlier.manifest.revision == 2
