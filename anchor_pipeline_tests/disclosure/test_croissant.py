"""`mlcroissant`, the reference library, validates the Croissant description of real releases and loads their rows."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pytest

from anchor_pipeline import steps
from anchor_pipeline.disclosure.croissant import CROISSANT, version
from anchor_pipeline.disclosure.croissant_fields import record_set
from anchor_pipeline.mix.parts import mix_schema
from anchor_pipeline.mix.write import write_mix
from anchor_pipeline_tests.disclosure.by_hand import HOSTILE, by_hand, parsed
from anchor_pipeline_tests.disclosure.reference import mlcroissant
from anchor_pipeline_tests.disclosure.released import DISCLOSURE, SOURCES, declaration, released
from anchor_pipeline_tests.rules.evidence import doc


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("bare"), declaration())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With everything declared, in several parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "write_mix", functools.partial(write_mix, part_bytes=6_000))
        return released(tmp_path_factory.mktemp("full"), declaration(DISCLOSURE, SOURCES))


@pytest.fixture(params=["bare", "full"])
def release(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def described(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((release / "croissant.json").read_bytes())
    return found


def without_issues(jsonld: Any) -> mlcroissant.Dataset:
    data = mlcroissant.Dataset(jsonld=jsonld)
    issues = data.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    return data


def told(value: Any) -> Any:
    """A value as mlcroissant gives it: text as bytes."""
    return (
        value.encode() if isinstance(value, str) else [told(one) for one in value] if isinstance(value, list) else value
    )


def test_it_validates_and_every_row_loads_in_order(release: Path) -> None:
    data = without_issues(release / "croissant.json")
    loaded = list(data.records("documents"))
    parts = sorted((release / "data").iterdir())
    rows = pa.dataset.dataset([str(part) for part in parts]).to_table().to_pylist()
    assert [row["documents/doc_id"] for row in loaded] == [told(row["doc_id"]) for row in rows]
    for got, row in zip(loaded, rows, strict=True):
        assert got == {f"documents/{name}": told(value) for name, value in row.items()}


def test_it_says_croissant_1_1_and_has_every_required_property(release: Path) -> None:
    value = described(release)
    assert value["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    for name in ("@context", "@type", "description", "license", "name", "url", "creator", "datePublished"):
        assert value[name], name


def test_every_file_of_the_release_is_described_by_its_digest(full: Path) -> None:
    files = {one["@id"]: one for one in described(full)["distribution"] if one["@type"] == "cr:FileObject"}
    names = {path.relative_to(full).as_posix() for path in full.rglob("*") if path.is_file()}
    # The manifest has the digest of the description, and so can neither of the two stand in it.
    assert set(files) == names - {"MANIFEST.json", "croissant.json"}
    assert sum(name.startswith("data/") for name in files) > 1
    for name, one in files.items():
        data = (full / name).read_bytes()
        assert (one["contentUrl"], one["sha256"]) == (name, hashlib.sha256(data).hexdigest())
        assert one["contentSize"] == f"{len(data)} B"


def test_provenance_names_sources_with_terms_and_agents(full: Path) -> None:
    value = described(full)
    sources = {one["@id"]: one for one in value["prov:wasDerivedFrom"]}
    assert set(sources) == {"sources/logbooks", "sources/gazette", "sources/drafts"}
    assert sources["sources/gazette"]["name"] == "The Gazette"
    assert sources["sources/gazette"]["license"] == ["https://spdx.org/licenses/MIT"]
    agents = {one["prov:label"] for one in sources["sources/drafts"]["prov:wasAttributedTo"]}
    assert agents == {"Harbour Office", "scribe@1"}
    used = {one["prov:label"]: one["sha256"] for one in value["prov:wasGeneratedBy"]["prov:used"]}
    digests = json.loads((full / "MANIFEST.json").read_bytes())["digests"]
    assert {name: used[name] for name in digests} == digests


def test_what_nobody_declared_is_not_made_up(bare: Path) -> None:
    value = described(bare)
    assert value["creator"]["name"] == "not stated (project small)"
    assert value["url"] == "README.md"
    assert "author" not in value["citeAs"]
    assert described(bare)["license"] == ["https://spdx.org/licenses/CC0-1.0", "https://spdx.org/licenses/MIT"]


def test_what_is_declared_is_said(full: Path) -> None:
    value = described(full)
    assert (value["name"], value["creator"]["name"]) == ("Sea texts", "Harbour Models Ltd")
    assert value["license"][0] == "https://spdx.org/licenses/CC-BY-4.0"


@pytest.mark.parametrize(
    ("cycle", "declared", "expected"),
    [
        ("2025", None, "2025.0.0"),
        ("2025-06", None, "2025.6.0"),
        ("2025-06-07", None, "2025.6.7"),
        ("2025-06-01T05", None, "2025.6.1+05"),
        ("2025-W23", None, "2025.23.0"),
        ("2025", "V2", "2025.0.0"),
        ("2025", "1.2.3", "1.2.3"),
    ],
)
def test_the_version_is_a_semantic_one(cycle: str, declared: str | None, expected: str) -> None:
    assert version(cycle, declared) == expected


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    row = doc("synth_s", f"a{HOSTILE}", generator=HOSTILE, family=HOSTILE, licence="LicenseRef-x")
    _, files = by_hand(tmp_path, [row])
    value = parsed(files, CROISSANT)
    without_issues(value)
    [source] = value["prov:wasDerivedFrom"]
    assert source["prov:wasAttributedTo"][0]["prov:label"].startswith('"]}, "@id": "x", <script>')
    assert value["license"] == [{"@type": "sc:CreativeWork", "name": "LicenseRef-x"}]


def test_sources_that_derive_from_each_other_are_no_circle(tmp_path: Path) -> None:
    """Readers of JSON-LD follow references without end."""
    rows = [
        doc("anchors_s", "1", parents=["synth_s/2", "anchors_s/1"]),
        doc("synth_s", "2", parents=["anchors_s/1", "tickets/9"]),
    ]
    _, files = by_hand(tmp_path, rows, corpus=[doc("tickets", "9")])
    value = parsed(files, CROISSANT)
    without_issues(value)
    sources = {one["@id"]: one for one in value["prov:wasDerivedFrom"]}
    assert sources["sources/anchors_s"]["prov:wasDerivedFrom"] == [{"@id": "sources/synth_s"}]
    assert sources["sources/synth_s"]["prov:wasDerivedFrom"] == [{"@id": "sources/tickets"}]
    assert "1 documents name parents in source anchors_s" in sources["sources/synth_s"]["description"]
    assert sources["sources/tickets"]["name"] == "tickets"


def test_columns_are_those_of_the_parts_whatever_the_modalities(tmp_path: Path) -> None:
    image = doc("anchors_s", "1", modality="image")
    sound = doc("tickets", "2", modality="audio")
    for at, (rows, kind) in enumerate(
        [
            ([image], "sc:ImageObject"),
            ([sound], "sc:AudioObject"),
            ([image, sound], ["sc:AudioObject", "sc:ImageObject"]),
        ]
    ):
        folder = tmp_path / str(at)
        folder.mkdir()
        record, files = by_hand(folder, rows)
        without_issues(parsed(files, CROISSANT))
        fields = {one["name"]: one for one in record_set(record, "parts")["field"]}
        assert list(fields) == mix_schema(("text", "payload")).names
        assert fields["payload"]["dataType"] == kind
