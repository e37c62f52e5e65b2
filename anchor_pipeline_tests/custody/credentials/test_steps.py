"""The whole way: ingest gives credentials, no mix is released without them, and building the source puts it right."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.credentials.authority import replace_authority
from anchor_pipeline.custody.credentials.shards import credential_name
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.errors import Refused
from anchor_pipeline.project import load_project
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline_tests.projects import PROJECT, small_project

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install 'anchor-pipeline[c2pa]'")

CUSTODY = "custody: {origin: example.org/small}\n"


def _declared(folder: Path) -> steps.Workplace:
    """The project under custody, its ledger begun."""
    small_project(folder, PROJECT + CUSTODY)
    custodian = custodian_of(load_project(folder))
    assert custodian is not None
    begin_custody(custodian, ["pipeline"])
    return steps.Workplace(load_project(folder))


def _provenance(place: steps.Workplace) -> Finding:
    _, verdict = steps.select_stage(place, "lawful", place.project.calendar.at("2020"))
    (found,) = (one for one in verdict.findings if one.rule == "provenance")
    return found


def _again(folder: Path) -> steps.Workplace:
    """Another process's view of the project."""
    return steps.Workplace(load_project(folder))


def test_a_stripped_credential_keeps_the_mix_from_being_released(tmp_path: Path) -> None:
    place = _declared(tmp_path)
    cycle = place.project.calendar.at("2020")
    steps.plan_all(place, ["lawful"], cycle)
    assert _provenance(place).status == "pass"
    (shard,) = steps.current_snapshot(place, "drafts").shards
    (place.store.root / credential_name(shard, "c2pa")).unlink()
    with pytest.raises(Refused, match=r"1 of [0-9]+ evaluated rules fails"):
        steps.release(_again(tmp_path), "lawful", cycle)
    found = _provenance(_again(tmp_path))
    assert found.refuses
    assert "drafts (1 shard)" in found.message
    steps.ingest(_again(tmp_path), "drafts", cycle)
    assert _provenance(_again(tmp_path)).status == "pass"
    steps.release(_again(tmp_path), "lawful", cycle)


def test_what_was_read_before_custody_was_declared_has_to_be_built_again(tmp_path: Path) -> None:
    small_project(tmp_path)
    cycle = load_project(tmp_path).calendar.at("2020")
    steps.plan_all(_again(tmp_path), ["lawful"], cycle)
    assert "declares no custody" in _provenance(_again(tmp_path)).message
    place = _declared(tmp_path)
    found = _provenance(place)
    assert found.refuses
    assert "build sources/drafts, sources/gazette, sources/logbooks again" in found.message


def test_after_another_authority_the_synthetic_sources_have_to_be_built_again(tmp_path: Path) -> None:
    place = _declared(tmp_path)
    cycle, custodian = place.project.calendar.at("2020"), place.custodian
    steps.plan_all(place, ["lawful"], cycle)
    assert custodian is not None
    root = custodian.keys.private("root")
    digest = replace_authority(custodian.keys.folder, "example.org/small")
    custodian.ledger.append("authority", {"authority": digest, "reason": "leaf leaked"}, [root])
    assert "build sources/drafts again" in _provenance(_again(tmp_path)).message
    steps.ingest(_again(tmp_path), "drafts", cycle)
    assert _provenance(_again(tmp_path)).status == "pass"
