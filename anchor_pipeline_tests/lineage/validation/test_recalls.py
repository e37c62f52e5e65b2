"""Records of recalls: what the package writes is what the published schemas say, and the other way round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.recalls import AffectedExport, AffectedRelease, Lift, RecallRecord, Target, Tombstones
from anchor_pipeline.lineage.validation.files import validate_files

AT = "2025-07-01T00:00:00Z"
RECORD = RecallRecord(
    format=1,
    project="assistant",
    what=Target(by="generator", value="scribe@2"),
    action="recall",
    weight=None,
    reason="the generator was poisoned",
    at=AT,
    by="steward",
    tombstones=Tombstones(count=2, sha256="1" * 64),
    releases=(
        AffectedRelease(stage="sft", cycle="2020", revision=1, digest="2" * 64, documents=2, tokens={"text": 7}),
    ),
    exports=(AffectedExport(name="exports/x", uri=None, release="2" * 64),),
)
REPLACED = {
    "revision": 2,
    "digest": "3" * 64,
    **dict.fromkeys(("kept", "recalled", "removed", "added"), 1),
    "policy_changed": False,
}


def receipt(**fields: Any) -> dict[str, Any]:
    told = {
        **RECORD.model_dump(mode="json"),
        "recall": RECORD.id,
        "record": RECORD.digest,
        "ledger": None,
        "lifted": None,
    }
    told["releases"] = [{**one, "replaced_by": REPLACED} for one in told["releases"]]
    return {**told, **fields}


def said(path: Path, data: bytes) -> list[str]:
    path.write_bytes(data)
    report = validate_files([path])
    assert report.counts["records of recalls"] == 1
    return [one.what for one in report.findings]


def test_records_of_the_package_are_sound(tmp_path: Path) -> None:
    assert said(tmp_path / f"{RECORD.id}.json", RECORD.encoded()) == []
    lift = Lift(format=1, recall=RECORD.id, reason="a mistake", at=AT, by="steward")
    assert said(tmp_path / f"{RECORD.id}.lift.json", lift.encoded()) == []
    ledger = {"entry": 3, "origin": "example.org/x", "leaf": "4" * 64}
    lifted = {"reason": "a mistake", "at": AT, "by": "steward"}
    for fields in ({}, {"ledger": ledger, "lifted": lifted}):
        assert said(tmp_path / f"{RECORD.id}.receipt.json", json.dumps(receipt(**fields)).encode()) == []


def test_a_record_that_is_not_the_one_of_its_name(tmp_path: Path) -> None:
    [found] = said(tmp_path / f"{'0' * 12}.json", RECORD.encoded())
    assert "its content is not the one that its name stands for" in found
    [found] = said(tmp_path / f"{RECORD.id}.json", RECORD.encoded() + b"\n")
    assert "is not the record of a recall" in found


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"at": "yesterday"}, "at: 'yesterday' does not match"),
        ({"action": "erase"}, "action: 'erase' is not one of"),
        ({"more": 1}, "Additional properties are not allowed"),
        ({"weight": "1.5"}, "weight: '1.5' does not match"),
    ],
)
def test_what_is_wrong_with_a_record_is_told(tmp_path: Path, fields: dict[str, Any], what: str) -> None:
    value = {**RECORD.model_dump(mode="json"), **fields}
    assert any(what in one for one in said(tmp_path / "x.json", json.dumps(value).encode()))
    assert any(what in one for one in said(tmp_path / "r.json", json.dumps(receipt(**fields)).encode()))
