"""The published schemas: the same in the package and in docs, never changed, sound, and no laxer than the standard."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import anchor_pipeline.lineage as room
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.erasures import Erasure
from anchor_pipeline.corpus.recalls import Lift, RecallRecord
from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.custody.documents import FIELDS
from anchor_pipeline.errors import UsageError
from anchor_pipeline.lineage.validation.schemas import CORE, Schemas, fits, own_id, published
from anchor_pipeline_tests.lineage.openlineage_spec import SPEC, needs_spec

PACKAGED = Path(room.__file__).parent / "schemas"
DOCS = Path(__file__).parents[3] / "docs" / "spec" / "lineage"

PUBLISHED = {
    "1-0-0/AnchorCustodyEntryRunFacet.json": "48ff2f42dfe4b945448693bdda936ff668d0d3f6994a2da3c156f404103072c6",
    "1-0-0/AnchorGeneratorDatasetFacet.json": "1b80bbb6e66c2358ffbe9552be9b43d0b79e5802a740148712b5ebe7b9da07dc",
    "1-0-0/AnchorShardsDatasetFacet.json": "07785d631390562e81313d67be1b9e735fde670a40274b54a6ec29fc70ea8bf8",
    "1-0-0/AnchorSharesDatasetFacet.json": "3fa7e2c43e5ae8ef5f9aea9d93cc4f09d0ec029f9ec1bf98a6044b8a95fa7d23",
    "1-0-0/AnchorSourceTermsDatasetFacet.json": "6979bc2a2a973dcd715b1ce84a32810d96cdf42f7b85ae1a6c217725f0149ccf",
    "1-0-0/AnchorVerdictDatasetFacet.json": "583dd3c94b1fe2ed0e6fb716fd691da61ca3ef31a78014c00cb7885baa4bdec1",
    "1-0-0/Document.json": "9de5ec690ba6c99e10b15e45f2440021e39423c16180d6bc85239fb5bb837f78",
    "1-0-0/DocumentLine.json": "4418d6973c606148bf13f90a271ef696afa69de12b56c5096d4ac6e7113a5fa1",
    "1-0-0/Event.json": "e622f5348b955f51a6fb38025fb8f1fd6c96194d8a09accc3046749c3436d824",
    "1-0-0/Recall.json": "475965918ba8b295f121ffe349073b8d332a00c8a60d01bfe03edfd0d7a2d767",
    "1-0-0/RecallErasure.json": "8b1abc01916f9acacd5ea492796b38446ad7b30c7b92bc6f76acbc4f7f946180",
    "1-0-0/RecallLift.json": "c86d0cde1c9a886946b90fbce7e0c1169fd01bff545a74cfa41785ec568a6f58",
    "1-0-0/RecallReceipt.json": "b72ca98f86af292385031f937859e20657c32af4099724c0c2d6a05626934d37",
    "1-0-0/Snapshot.json": "654cd4111100bc87d688acc4fc39e1fc7ababc17cd24e2fcc9e43b41aeb8549a",
    "1-0-0/StandardFacets.json": "7e9b6909b0c1bf3a75be73800543e60555d8c994e3e86cb7d8ac33aa77f07d4a",
}
"""SHA-256 of every published file. One that is published never changes: another content gets another version."""

NO_EXAMPLE = {"InputStatisticsInputDatasetFacet", "TestRunFacet"}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json")}


def test_the_docs_hold_what_the_package_holds() -> None:
    assert files(DOCS) == files(PACKAGED)


def test_a_published_schema_never_changes() -> None:
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files(PACKAGED).items()} == PUBLISHED


@pytest.mark.parametrize("id", sorted(published()))
def test_every_schema_is_sound_and_names_itself(id: str) -> None:
    schema = published()[id]
    Draft202012Validator.check_schema(schema)
    version, name = id.rsplit("/", 2)[1:]
    assert id == f"https://anchor-pipeline.dev/spec/lineage/{version}/{name}"
    assert (PACKAGED / version / name).is_file()


@pytest.mark.parametrize("id", sorted(id for id in published() if "/Anchor" in id))
def test_our_facets_are_named_by_the_rules_of_the_standard(id: str) -> None:
    # {Prefix}{Name}{Entity}Facet, and the key {prefix}_{name}.
    schema, name = published()[id], id.rpartition("/")[2].removesuffix(".json")
    [key] = schema["properties"]
    entity = "RunFacet" if name.endswith("RunFacet") else "DatasetFacet"
    stem = name.removeprefix("Anchor").removesuffix(entity)
    assert key == f"anchor_{stem[0].lower()}{stem[1:]}"
    assert list(fits(schema, f"{id}#/$defs/{name}", key, entity)) == []


def test_the_schemas_of_rows_have_the_columns_of_the_tables() -> None:
    document, line = published()[own_id("Document")], published()[own_id("DocumentLine")]
    assert list(document["properties"]) == document["required"] == DOCUMENT_SCHEMA.names
    assert list(line["properties"]) == line["required"] == list(FIELDS)
    assert set(published()[own_id("Snapshot")]["properties"]) == set(SourceSnapshot.model_fields)
    assert set(published()[own_id("Recall")]["properties"]) == set(RecallRecord.model_fields)
    assert set(published()[own_id("RecallLift")]["properties"]) == set(Lift.model_fields)
    assert set(published()[own_id("RecallErasure")]["properties"]) == set(Erasure.model_fields)


@needs_spec
def test_what_the_standard_says_of_the_facets_we_write_is_told_anew_without_gaps() -> None:
    # Whatever the official schema of a facet requires, ours requires too, and both know the same properties.
    official = Schemas(SPEC).official
    for name, told in published()[own_id("StandardFacets")]["$defs"].items():
        if "allOf" not in told:
            continue
        ours = told["allOf"][1]
        url = ours["properties"]["_schemaURL"]["const"]
        definition = official[url.partition("#")[0]]["$defs"][name]
        theirs = next(part for part in definition["allOf"] if "properties" in part)
        assert set(theirs.get("required", [])) == set(ours["required"]), name
        assert set(ours["properties"]) - {"_schemaURL"} <= set(theirs["properties"]), name
        assert definition["allOf"][0]["$ref"] == told["allOf"][0]["$ref"], name


@needs_spec
def test_the_examples_of_the_standard_please_both() -> None:
    alone, official = Schemas(), Schemas(SPEC)
    newest = {}
    for name, told in published()[own_id("StandardFacets")]["$defs"].items():
        if "allOf" in told:
            newest[name] = told["allOf"][1]["properties"]["_schemaURL"]["const"]
    tried = set()
    for path in sorted((SPEC / "tests").glob("*/*.json")):
        for facet in json.loads(path.read_text("utf-8")).values():
            # Examples name older versions; they are to please the newest as well.
            name = path.parent.name
            if name == "LineageFacet":
                name = str(facet["_schemaURL"]).rpartition("/")[2]
            if name not in newest:
                continue
            facet["_schemaURL"] = newest[name]
            tried.add(name)
            found = alone.of_facet(newest[name])
            assert found is not None
            assert list(alone.complaints(found[0], facet)) == [], path
            assert list(official.complaints(newest[name], facet)) == [], path
    assert set(newest) - tried <= NO_EXAMPLE


@needs_spec
def test_an_event_of_the_standard_pleases_both() -> None:
    event = json.loads((SPEC / "tests" / "example_full_event.json").read_text("utf-8"))
    for schemas in (Schemas(), Schemas(SPEC)):
        assert list(schemas.complaints(f"{CORE}#/$defs/RunEvent", event)) == []
        broken = copy.deepcopy(event)
        broken["run"]["runId"] = "17"
        assert list(schemas.complaints(f"{CORE}#/$defs/RunEvent", broken)) != []


def test_a_folder_that_holds_no_schemas_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected OpenLineage\.json and facets/"):
        Schemas(tmp_path)
    (tmp_path / "OpenLineage.json").write_text('{"$id": "https://openlineage.io/spec/1-0-0/OpenLineage.json"}')
    with pytest.raises(UsageError, match="of another version"):
        Schemas(tmp_path)


def test_an_unknown_schema_is_not_known_and_a_missing_definition_is_told() -> None:
    assert Schemas().of_facet("https://example.org/own.json") is None
    assert Schemas().of_facet("https://openlineage.io/spec/facets/9-9-9/X.json#/$defs/X") is None
    assert list(Schemas().complaints("https://example.org/x.json", {})) == [
        "there is no schema https://example.org/x.json"
    ]
    schema = published()[own_id("AnchorSharesDatasetFacet")]
    assert list(fits(schema, f"{own_id('AnchorSharesDatasetFacet')}#/$defs/X", "anchor_shares", "DatasetFacet"))
