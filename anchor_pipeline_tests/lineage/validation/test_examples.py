"""Every event, shard and record that the examples leave is sound, by our validator and by one of another hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.lineage.outbox import read_events
from anchor_pipeline.lineage.validation.files import validate_files
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.examples.collecting import load_collect
from anchor_pipeline_tests.examples.test_builds import EXAMPLES, build, copy, dates
from anchor_pipeline_tests.lineage.openlineage_spec import SPEC, problems

pytestmark = pytest.mark.slow

LEFT = ("lineage", "shards", "sources", "mix")


def all_is_sound(place: steps.Workplace) -> None:
    standard = SPEC if SPEC.is_dir() else None
    report = validate_files([place.store.path(name) for name in LEFT], standard)
    assert report.findings == []
    assert report.counts["shards compared with records"] == report.counts["shards"] > 0
    if standard is not None:
        assert [found for event in read_events(place.store) for found in problems(event)] == []


def test_the_demo(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "demo" / "project.yaml", tmp_path)
    load_collect().main(tmp_path / "raw")
    place = steps.Workplace(load_project(tmp_path, environ={}))
    assert place.custodian is not None
    begin_custody(place.custodian, ["pipeline"])
    build(place, max(dates(tmp_path / "raw"))[:4])
    all_is_sound(place)


def test_the_assistant(tmp_path: Path) -> None:
    place = copy("assistant", tmp_path / "assistant")
    build(place, "2021")
    all_is_sound(place)
