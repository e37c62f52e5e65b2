"""What a source holds out is in no selection, is counted, and is the same in every build."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import polars as pl

from anchor_pipeline import steps
from anchor_pipeline.corpus.corpus import corpus_table
from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.mix.selection import selection_table
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import PROJECT, small_project


def test_documents_held_out_are_left_out_of_every_stage(tmp_path: Path) -> None:
    declared = PROJECT.replace("    kind: anchor\n", "    kind: anchor\n    hold_out: 20 %\n")
    project = load_project(small_project(tmp_path, declared).parent)
    place, cycle = steps.Workplace(project), project.calendar.at("2020")
    steps.plan_all(place, ["lawful", "greedy"], cycle)
    corpus = pl.read_parquet(corpus_table(place.store, "2020")).filter(source="logbooks", status="kept")
    held = set(corpus.filter(pl.Series(held_out(corpus["doc_id"].to_arrow(), 3, Fraction(1, 5))))["doc_id"])
    assert 2 < len(held) < 20
    for stage in ("lawful", "greedy"):
        selection = steps.current_selection(place, stage, cycle)
        assert selection.left_out["logbooks"] == {"held_out": len(held)}
        drawn = set(pl.read_parquet(selection_table(place.store, stage, "2020"))["doc_id"])
        assert not drawn & held
        verdict = steps.current_verdict(place, stage, cycle)
        statuses = {one.rule: one.status for one in verdict.findings}
        assert (statuses["eval_contamination"], statuses["conservation"]) == ("pass", "pass")
