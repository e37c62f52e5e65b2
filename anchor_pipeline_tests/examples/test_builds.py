"""The examples build as they say: which stages are released, which refused, and by which rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.project import load_project
from anchor_pipeline.project.scaffold import init_project
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.examples.collecting import load_collect

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def copy(name: str, folder: Path) -> steps.Workplace:
    """The example with a store of its own."""
    folder.mkdir()
    shutil.copy(EXAMPLES / name / "project.yaml", folder)
    return steps.Workplace(load_project(folder, environ={"DATA": str(shared_data())}))


def build(place: steps.Workplace, key: str, stages: list[str] | None = None) -> dict[str, set[str]]:
    """The rules that refuse, by stage; for a released stage there are none, and its mix can be opened."""
    cycle = place.project.calendar.at(key)
    for name in steps.ingest_order(place.project):
        steps.ingest(place, name, cycle)
    steps.assemble_corpus(place, cycle)
    refusing: dict[str, set[str]] = {}
    for stage in stages or list(place.project.stages):
        _, verdict = steps.select_stage(place, stage, cycle)
        refusing[stage] = {finding.rule for finding in verdict.findings if finding.refuses}
        if refusing[stage]:
            with pytest.raises(Refused):
                steps.release(place, stage, cycle)
        else:
            assert open_mix(steps.release(place, stage, cycle).path).manifest.rows > 0
    return refusing


def test_the_template_is_released_at_once(tmp_path: Path) -> None:
    init_project(tmp_path / "shop")
    assert build(steps.Workplace(load_project(tmp_path / "shop")), "2025") == {"assistant": set()}


def test_the_demo_releases_one_stage_and_refuses_the_other(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "demo" / "project.yaml", tmp_path)
    load_collect().main(tmp_path / "raw")
    place = steps.Workplace(load_project(tmp_path, environ={}))
    assert place.custodian is not None
    begin_custody(place.custodian, ["pipeline"])
    refusing = build(place, max(dates(tmp_path / "raw"))[:4])
    assert refusing["assistant"] == set()
    # Enough text is there, but the cap on machine text keeps it out.
    assert {"synthetic_share", "stage_tokens"} <= refusing["tutor"]
    quarantined = steps.current_snapshot(place, "readmes").quarantined
    assert set(quarantined) <= {"no_licence", "unparsable_licence", "licence_not_allowed"}


def dates(raw: Path) -> list[str]:
    rows = [json.loads(line) for path in raw.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    return [row["collected_at"] for row in rows if row["collected_at"]]


@pytest.mark.slow
def test_the_assistant_is_lawful_in_2021_and_only_its_minutes_before(tmp_path: Path) -> None:
    place = copy("assistant", tmp_path / "assistant")
    now = build(place, "2021")
    assert now == {stage: set() for stage in ("pretrain", "sft", "safety", "tool_use", "minutes")}
    before = build(place, "2020")
    assert before.pop("minutes") == set()
    assert all("anchor_share" in rules for stage, rules in before.items() if stage != "safety")
    assert "anchor_modality" in before["safety"]
    assert build(place, "2000", ["minutes"]) == {"minutes": set()}
    guides = steps.current_corpus(place, place.project.calendar.at("2021")).sources["travel_guides"]
    assert (guides.read, guides.duplicate) == (200, 200)


@pytest.mark.slow
def test_the_assistant_s_minutes_are_lawful_in_every_cycle(tmp_path: Path) -> None:
    place = copy("assistant", tmp_path / "assistant")
    for year in range(2000, 2022):
        assert build(place, str(year), ["minutes"]) == {"minutes": set()}


@pytest.mark.slow
def test_each_modality_is_mixed_and_all_of_them_together(tmp_path: Path) -> None:
    place = copy("multimodal", tmp_path / "multimodal")
    assert build(place, "2015") == {stage: set() for stage in ("pictures", "voices", "sensors", "together")}
