"""A recall on the assistant example, real text: exactly what is affected, and the rebuilt mix otherwise the same."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.corpus import corpus_table
from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.recalls import RecallRecord, Target
from anchor_pipeline.errors import Refused
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.project import load_project
from anchor_pipeline.recall.carry_out import record_it
from anchor_pipeline.recall.plan import make_plan, record_of
from anchor_pipeline.recall.settle import settled
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.examples.test_builds import EXAMPLES

KEYS = ("2019", "2020", "2021")


def place_in(folder: Path, data: Path) -> steps.Workplace:
    folder.mkdir(exist_ok=True)
    shutil.copy(EXAMPLES / "assistant" / "project.yaml", folder)
    return steps.Workplace(load_project(folder, environ={"DATA": str(data)}))


def build(place: steps.Workplace, key: str, stage: str = "minutes") -> Release:
    cycle = place.project.calendar.at(key)
    steps.plan_all(place, [stage], cycle)
    return steps.release(place, stage, cycle)


def documents(release: Release) -> dict[str, str]:
    rows = open_mix(release.path, allow_recalled=True).rows(columns=["doc_id", "digest"])
    return {row["doc_id"]: row["digest"] for row in rows}


def recall(place: steps.Workplace, target: Target) -> RecallRecord:
    with open_graph(place.store) as graph:
        plan = make_plan(graph, place.store, target, "consent withdrawn")
    record, packed = record_of(plan, place.project.project, "steward", datetime(2026, 1, 1, tzinfo=UTC))
    record_it(place.store, RecallFiles(place.store, place.project.root), record, packed)
    return record


def copied_without(folder: Path, gone: str) -> Path:
    """The real data, but for one proposal."""
    data = Path(shutil.copytree(shared_data(), folder, ignore=shutil.ignore_patterns("peps.jsonl")))
    with (shared_data() / "peps/peps.jsonl").open(encoding="utf-8") as source:
        kept = [line for line in source if f"peps/{json.loads(line)['id']}" != gone]
    (data / "peps/peps.jsonl").write_text("".join(kept), encoding="utf-8")
    return data


@pytest.mark.slow
def test_a_recalled_proposal_leaves_exactly_the_mixes_that_hold_it(tmp_path: Path) -> None:
    place = place_in(tmp_path / "assistant", shared_data())
    before = {key: build(place, key) for key in KEYS}
    held = {key: documents(release) for key, release in before.items()}
    # One that not all of the cycles hold: the others must stay as they are.
    gone = sorted(one for one in held["2021"] if one.startswith("peps/") and one not in held["2019"])[0]
    holders = {key for key in KEYS if held[key].get(gone)}
    record = recall(place, Target(by="document", value=gone))
    assert {(one.stage, one.cycle, one.revision) for one in record.releases} == {("minutes", k, 1) for k in holders}
    after = {key: build(place, key) for key in KEYS}
    for key in KEYS:
        if key not in holders:
            assert after[key].reused
            assert after[key].manifest == before[key].manifest
            continue
        with pytest.raises(Refused, match=record.id):
            open_mix(before[key].path)
        assert gone not in documents(after[key])
        assert after[key].revision == 2
    (state,) = settled(place.store, RecallFiles(place.store, place.project.root))
    assert all(one is not None and one.recalled == 1 for one in state.replaced)
    # And otherwise the same: as if the proposal had never been in the data.
    other = place_in(tmp_path / "other", copied_without(tmp_path / "data", gone))
    expected = build(other, "2021")
    assert after["2021"].manifest.parts == expected.manifest.parts
    assert documents(after["2021"]) == documents(expected)


@pytest.mark.slow
def test_a_recalled_generator_takes_its_rewrites_with_it_and_no_human_text(tmp_path: Path) -> None:
    place = place_in(tmp_path / "assistant", shared_data())
    before = build(place, "2021", "pretrain")
    cycle = place.project.calendar.at("2021")
    whole = pl.read_parquet(corpus_table(place.store, "2021"))
    record = recall(place, Target(by="generator", value="gpt-4o"))
    assert [(one.stage, one.cycle) for one in record.releases] == [("pretrain", "2021")]
    steps.plan_all(place, ["pretrain"], cycle)
    after = pl.read_parquet(corpus_table(place.store, "2021"))
    barred = after.filter(pl.col("reason") == "recalled")
    assert set(barred["generator"].unique()) == {"gpt-4o"}
    assert barred.height == whole.filter(generator="gpt-4o").height
    # Every other row stands where it stood, with the same content.
    columns = ["doc_id", "digest", "source"]
    others = after.filter(pl.col("reason").ne_missing("recalled")).select(columns)
    assert others.equals(whole.filter(pl.col("generator").ne_missing("gpt-4o")).select(columns))
    with pytest.raises(Refused, match=record.id):
        open_mix(before.path)
