"""Rule 20 over two cycles of a real build: it sounds when a mix turns to stories, not when more of the same comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anchor_pipeline import steps
from anchor_pipeline.project import load_project
from anchor_pipeline.rules.finding import Finding

YEARS = (2020, 2021)


def write(path: Path, kind: str, documents: dict[int, int], seed: int) -> None:
    """Documents of 60 words by year; people draw from many words, the model from few."""
    rng = np.random.default_rng(seed)
    words = 900 if kind == "human" else 60
    lines = []
    for year, number in documents.items():
        for n in range(number):
            text = " ".join(f"{kind}{int(word)}" for word in (rng.zipf(1.3, 60) - 1) % words)
            lines.append({"id": f"{year}-{n}", "text": text, "date": f"{year}-06-01"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def declaration(hold_out: Any = "20 %") -> dict[str, Any]:
    fields = {"id": {"column": "id"}, "collected_at": {"column": "date"}, "licence": "CC0-1.0"}
    anchors = {"kind": "anchor", "domain": "a", "uri": "human.jsonl", "steward": "s", "signed_off": True}
    made = {"kind": "synthetic", "domain": "a", "uri": "made.jsonl", "generator": {"name": "g"}}
    off = dict.fromkeys(
        ("near_duplicates", "generator_diversity", "anchor_freshness", "synthetic_share", "anchor_share"), "off"
    )
    return {
        "project": "p",
        "cycle": {"cadence": "yearly", "start": "2020-01-01"},
        "domains": {"a": {"fresh_window": "1y"}},
        "sources": {
            "human": {**anchors, "fields": {**fields, "authorship": "human"}, "hold_out": hold_out},
            "made": {**made, "fields": {**fields, "authorship": "synthetic"}, "hold_out": hold_out},
        },
        "stages": {"main": {"tokens": 30_000, "domains": {"a": 1}}},
        "rules": {**off, "anchor_drift": {"tokens": 30_000, "min_tokens": 3000}},
    }


def findings(folder: Path, told: dict[str, Any]) -> list[list[Finding]]:
    """The findings of the rule, cycle by cycle; each is released that no rule refuses."""
    (folder / "project.yaml").write_text(json.dumps(told))
    project = load_project(folder)
    place, found = steps.Workplace(project), []
    for year in YEARS:
        cycle = project.calendar.at(str(year))
        steps.plan_all(place, ["main"], cycle)
        verdict = steps.current_verdict(place, "main", cycle)
        found.append([one for one in verdict.findings if one.rule == "anchor_drift"])
        if verdict.status == "pass":
            steps.release(place, "main", cycle)
    return found


def test_it_sounds_when_the_mix_turns_to_synthetic_text(tmp_path: Path) -> None:
    # In 2020 there are few synthetic texts, in 2021 many: the draw follows what there is.
    write(tmp_path / "human.jsonl", "human", {2020: 250}, 1)
    write(tmp_path / "made.jsonl", "made", {2020: 60, 2021: 700}, 2)
    first, second = findings(tmp_path, declaration())
    assert [one.status for one in first] == ["insufficient"]
    assert "no earlier release" in first[0].message
    by_statistic = {one.evidence["statistic"]: one for one in second}
    verdict = by_statistic["divergence"]
    assert verdict.status == "fail"
    # There is something to judge by now: it blocks without a word of the project.
    assert verdict.severity == "block"
    assert first[0].severity == "warn"
    assert "gets worse on reality" in verdict.message
    assert verdict.evidence["anchors"]["after"] > verdict.evidence["anchors"]["before"]
    assert verdict.evidence["synthetic"]["after"] < verdict.evidence["synthetic"]["before"]
    assert by_statistic["loss on anchors"].observed == verdict.evidence["anchors"]["after"]
    assert by_statistic["loss on synthetic text"].observed == verdict.evidence["synthetic"]["after"]


def test_it_is_silent_when_more_of_the_same_comes(tmp_path: Path) -> None:
    write(tmp_path / "human.jsonl", "human", {2020: 400, 2021: 400}, 3)
    write(tmp_path / "made.jsonl", "made", {2020: 400, 2021: 400}, 4)
    _, found = findings(tmp_path, declaration())
    assert {one.status for one in found} == {"pass"}, [one.message for one in found]


@pytest.mark.parametrize(("hold_out", "reason"), [("0", "held-out anchors"), ("20 %", "too little")])
def test_without_evidence_it_says_what_is_missing(tmp_path: Path, hold_out: str, reason: str) -> None:
    write(tmp_path / "human.jsonl", "human", {2020: 250, 2021: 20}, 5)
    write(tmp_path / "made.jsonl", "made", {2020: 60, 2021: 60}, 6)
    told = declaration(hold_out)
    if reason == "too little":
        told["rules"]["anchor_drift"]["min_tokens"] = 29_990
        reason = "are needed"
    _, found = findings(tmp_path, told)
    assert [one.status for one in found] == ["insufficient"]
    assert reason in found[0].message
