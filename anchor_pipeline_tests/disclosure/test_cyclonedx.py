"""The bill of materials is CycloneDX 1.6 for CycloneDX's own library, and complete."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from anchor_pipeline.disclosure.cyclonedx import CYCLONEDX
from anchor_pipeline_tests.disclosure.by_hand import HOSTILE, by_hand, parsed
from anchor_pipeline_tests.disclosure.released import DISCLOSURE, SOURCES, declaration, released
from anchor_pipeline_tests.rules.evidence import declaration as declared
from anchor_pipeline_tests.rules.evidence import doc


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = {**SOURCES, "logbooks": {**SOURCES["logbooks"], "personal_information": True}}
    return released(tmp_path_factory.mktemp("full"), declaration(DISCLOSURE, said))


@pytest.fixture(scope="module")
def bom(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((release / CYCLONEDX).read_bytes())
    return found


def checked(data: bytes) -> Bom:
    """As the library reads it; fails if it finds anything wrong."""
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode())
    assert problem is None, problem
    bom: Bom = Bom.from_json(json.loads(data))  # type: ignore[attr-defined]
    assert bom.validate()
    return bom


def values(component: dict[str, Any]) -> dict[str, str]:
    return {one["name"].removeprefix("anchor-pipeline:"): one["value"] for one in component["properties"]}


def test_the_library_validates_and_reads_it(release: Path) -> None:
    bom = checked((release / CYCLONEDX).read_bytes())
    kinds = sorted((one.type.value, one.name) for one in bom.components)
    assert kinds == [
        ("data", "drafts"),
        ("data", "gazette"),
        ("data", "logbooks"),
        ("machine-learning-model", "scribe"),
    ]


def test_the_parts_are_there_by_digest(release: Path, bom: dict[str, Any]) -> None:
    parts = bom["metadata"]["component"]["components"]
    assert [one["name"] for one in parts] == ["data/train-00000-of-00001.parquet"]
    for one in parts:
        sha256 = hashlib.sha256((release / one["name"]).read_bytes()).hexdigest()
        assert one["hashes"] == [{"alg": "SHA-256", "content": sha256}]


def test_it_names_the_digests_of_the_manifest(release: Path, bom: dict[str, Any]) -> None:
    digests = json.loads((release / "MANIFEST.json").read_bytes())["digests"]
    found = values(bom["metadata"]["component"])
    assert {name: found[name] for name in digests} == digests


def test_sources_have_terms_stewards_owners_and_amounts(bom: dict[str, Any]) -> None:
    by_name = {one["name"]: one for one in bom["components"]}
    assert by_name["gazette"]["licenses"] == [{"expression": "MIT"}]
    logbooks = by_name["logbooks"]["data"][0]
    assert logbooks["governance"] == {
        "stewards": [{"contact": {"email": "harbour@example.org"}}],
        "owners": [{"organization": {"name": "Harbour Office"}}],
    }
    assert logbooks["sensitiveData"] == ["personal information"]
    assert "sensitiveData" not in by_name["gazette"]["data"][0]
    assert values(by_name["drafts"])["documents"] == values(by_name["scribe"])["documents"]


def test_synthetic_data_depends_on_its_model(bom: dict[str, Any]) -> None:
    on = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    assert on["release"] == ["source/logbooks", "source/gazette", "source/drafts"]
    assert on["source/drafts"] == ["model/scribe@1"]
    assert on["source/gazette"] == []


def test_several_licences_hold_together(tmp_path: Path) -> None:
    rows = [doc("anchors_s", "1", licence="MIT OR Apache-2.0"), doc("tickets", "2", licence="CC0-1.0")]
    _, files = by_hand(tmp_path, rows)
    licences = parsed(files, CYCLONEDX)["metadata"]["component"]["licenses"]
    assert licences == [{"expression": "(MIT OR Apache-2.0) AND CC0-1.0"}] or licences == [
        {"expression": "CC0-1.0 AND (MIT OR Apache-2.0)"}
    ]
    checked(files[CYCLONEDX])


def test_sources_that_derive_from_each_other_and_hostile_names(tmp_path: Path) -> None:
    project = declared(sources={"anchors_s": {"steward": HOSTILE, "description": HOSTILE}})
    rows = [
        doc("anchors_s", "1", parents=["synth_s/2"]),
        doc("synth_s", "2", parents=["anchors_s/1", "synth_s/2"], generator=HOSTILE, family=HOSTILE),
        doc("synth_s", "3", generator="@2", family="f"),
    ]
    _, files = by_hand(tmp_path, rows, project=project)
    checked(files[CYCLONEDX])
    value = parsed(files, CYCLONEDX)
    on = {one["ref"]: one.get("dependsOn", []) for one in value["dependencies"]}
    assert on["source/anchors_s"] == ["source/synth_s"]
    assert on["source/synth_s"] == ["source/anchors_s", f"model/{HOSTILE}", "model/@2"]
