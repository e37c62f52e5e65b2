"""Weights decide how early a synthetic document is drawn, and which are too far from every anchor to be drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline import steps
from anchor_pipeline.mix.selection import selection_table
from anchor_pipeline.mix.weights import StageWeights, weigh_stage, weighted_keys
from anchor_pipeline.orchestration.looks.asset_metadata import selection_metadata
from anchor_pipeline.project import load_project

keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50, unique=True)


@given(keys, st.floats(0.1, 10))
def test_keys_stay_in_order_within_a_weight_and_a_weight_of_one_changes_nothing(given_: list[int], w: float) -> None:
    before = np.array(sorted(given_), np.uint64)
    assert (weighted_keys(before, np.ones(len(before))) == before).all()
    after = weighted_keys(before, np.full(len(before), w))
    assert (np.diff(after.astype(np.float64)) >= 0).all()
    if w > 1.01:
        assert (after <= before).all()


def test_what_is_drawn_first_is_as_likely_as_its_weight() -> None:
    rng = np.random.default_rng(0)
    weight = np.array([0.5, 1.0, 2.0, 4.0])
    drawn = rng.integers(0, 2**64, (40_000, 4), dtype=np.uint64)
    moved = weighted_keys(drawn.ravel(), np.tile(weight, 40_000)).reshape(-1, 4)
    first = np.bincount(moved.argmin(axis=1), minlength=4) / 40_000
    np.testing.assert_allclose(first, weight / weight.sum(), atol=0.01)


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), max_size=40))
def test_rows_that_were_not_weighed_weigh_one(known: list[int], asked: list[int]) -> None:
    rows = np.array(sorted(known), np.int64)
    weights = StageWeights(rows, rows + 2.0, rows % 2 == 0, {})
    weight, discarded = weights.at(np.array(asked, np.int64))
    assert weight.tolist() == [row + 2.0 if row in known else 1.0 for row in asked]
    assert discarded.tolist() == [row in known and row % 2 == 0 for row in asked]


SUBJECTS = {
    "near": "the council met on {} and agreed to mend the bridge over the river before the winter comes again {}",
    "far": "zork blip {} quux frob {} wibble plugh xyzzy nargle grault garply waldo fred thud corge",
}


def write(path: Path, subject: str, number: int) -> None:
    days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    rows = [
        {"id": f"{subject}{n}", "text": SUBJECTS[subject].format(days[n % 5], f"{path.stem} {n} {n * 7 % 11}")}
        for n in range(number)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def declaration(weighting: Any) -> dict[str, Any]:
    fields = {"id": {"column": "id"}, "collected_at": "2021-06-01", "licence": "CC0-1.0"}
    human = {"domain": "a", "fields": {**fields, "authorship": "human"}}
    made = {"kind": "synthetic", "domain": "a", "generator": {"name": "g"}}
    stage: dict[str, Any] = {"tokens": 2000, "domains": {"a": 1}}
    if weighting is not None:
        stage["weighting"] = weighting
    return {
        "project": "p",
        "cycle": {"cadence": "yearly", "start": "2021-01-01"},
        "domains": {"a": {"fresh_window": "1y"}},
        "sources": {
            "minutes": {**human, "kind": "anchor", "uri": "minutes.jsonl", "steward": "s", "signed_off": True},
            "near": {**made, "uri": "near.jsonl", "fields": {**fields, "authorship": "synthetic"}},
            "far": {**made, "uri": "far.jsonl", "fields": {**fields, "authorship": "synthetic"}},
        },
        "stages": {"main": stage},
        "rules": {"near_duplicates": "off", "synthetic_share": {"max": 0.9}, "generator_diversity": "off"},
    }


@pytest.mark.parametrize("use", ["draw", "report"])
def test_a_stage_that_weighs_leaves_out_what_is_far_from_every_anchor(tmp_path: Path, use: str) -> None:
    for name, subject in (("minutes", "near"), ("near", "near"), ("far", "far")):
        write(tmp_path / f"{name}.jsonl", subject, 80)
    drawn = {}
    for weighting in (None, {"use": use, "discard": 0.02}):
        (tmp_path / "project.yaml").write_text(json.dumps(declaration(weighting)))
        project = load_project(tmp_path)
        place, cycle = steps.Workplace(project), project.calendar.at("2021")
        steps.plan_all(place, ["main"], cycle)
        selection = steps.current_selection(place, "main", cycle)
        table = pl.read_parquet(selection_table(place.store, "main", "2021"))
        drawn[weighting is not None] = (selection, set(table["source"].unique()))
    assert "far" in drawn[False][1]
    selection, sources = drawn[True]
    assert "far" not in sources
    assert selection.left_out["far"] == {"far_from_anchors": 80}
    record = selection.weights["a"]
    assert (record.anchors, record.synthetic, record.weighed) == (80, 160, True)
    assert record.discarded >= 80
    assert record.effective is not None
    assert 0 < record.effective <= 80
    page = place.store.read("selection/main/2021/report.html").decode()
    assert "weighed by the anchors" in page
    assert f"{record.effective:.4g}" in page
    shown = selection_metadata(selection, steps.current_verdict(place, "main", cycle), place, cycle)
    assert shown["effective/a"] == pytest.approx(record.effective, rel=1e-3)


def test_held_out_anchors_are_not_compared_with(tmp_path: Path) -> None:
    for name, subject in (("minutes", "near"), ("near", "near"), ("far", "far")):
        write(tmp_path / f"{name}.jsonl", subject, 80)
    told = declaration({})
    told["sources"]["minutes"]["hold_out"] = "25 %"
    (tmp_path / "project.yaml").write_text(json.dumps(told))
    project = load_project(tmp_path)
    place, cycle = steps.Workplace(project), project.calendar.at("2021")
    steps.plan_all(place, [], cycle)
    found = weigh_stage(project, "main", place.store.local("corpus/2021/documents.parquet"), place.store)
    assert found is not None
    assert 50 <= found.domains["a"].anchors < 75
