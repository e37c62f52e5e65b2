"""`anchor calibrate`: a steward sees the bands, signs them off, and from then on the rules judge by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.register import active
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.bands.model import read_band
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.projects import rows, small_project, write_rows


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with 150 anchors, its corpus of 2020 built."""
    path = small_project(tmp_path)
    write_rows(tmp_path / "raw/logbooks.jsonl", rows("log", 150, 1, words=60))
    place = steps.Workplace(load_project(path))
    cycle = place.project.calendar.at("2020")
    for name in place.project.sources:
        steps.ingest(place, name, cycle)
    steps.assemble_corpus(place, cycle)
    return path


def store_of(project: Path) -> Store:
    return Store.at(load_project(project).store_address)


def test_a_dry_run_shows_the_bands_and_registers_nothing(anchor: Run, project: Path) -> None:
    code, out, _ = anchor("calibrate", project, "--cycle", "2020", "--dry-run")
    assert code == 0
    for words in ("sea:", "unigram entropy (bits)", "share of punctuation marks", "at most 1.0% of buckets", "dry run"):
        assert words in out
    assert "no probe is in use in this cycle, so rule entropy_band stays without a band" in out
    assert active(store_of(project), "band", "2020") == []


def test_a_signed_off_band_is_registered_with_who_answers_for_it(anchor: Run, project: Path) -> None:
    code, out, _ = anchor("calibrate", project, "--cycle", "2020", "--signed-off", "Ann", "--json")
    assert code == 0
    (entry,) = active(store_of(project), "band", "2020")
    band = read_band(store_of(project), entry.digest)
    assert (entry.signed_off, entry.since) == ("Ann", "2020")
    shown = json.loads(out)
    assert shown["band"] == entry.digest
    assert shown["domains"]["sea"]["limits"] == band.model_dump(mode="json")["domains"]["sea"]["limits"]
    assert band.domains["sea"].snapshots.keys() == {"logbooks"}
    assert (band.false_alarms, band.half_samples, band.domains["sea"].documents) == (0.01, 1000, 150)
    code, _, err = anchor("calibrate", project, "--cycle", "2020", "--signed-off", "Ann")
    assert (code, "in use in cycle 2020 already" in err) == (2, True)


def test_a_band_that_nobody_answers_for_is_not_registered(anchor: Run, project: Path) -> None:
    code, _, err = anchor("calibrate", project, "--cycle", "2020")
    assert code == 2
    assert "--signed-off" in err


def test_without_a_corpus_or_enough_anchors_it_says_what_to_do(anchor: Run, project: Path) -> None:
    code, _, err = anchor("calibrate", project, "--cycle", "2019", "--signed-off", "Ann")
    assert (code, "anchor plan" in err) == (2, True)
    write_rows(project.parent / "raw/logbooks.jsonl", rows("log", 10, 1))
    place = steps.Workplace(load_project(project))
    cycle = place.project.calendar.at("2020")
    steps.ingest(place, "logbooks", cycle)
    steps.assemble_corpus(place, cycle)
    code, _, err = anchor("calibrate", project, "--cycle", "2020", "--signed-off", "Ann")
    assert code == 2
    assert "sea: 10 human documents" in err
