"""The SPDX document keeps to SPDX 2.3, and the notice says what is known of each source, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from anchor_pipeline.corpus.licences import canonical_licence
from anchor_pipeline.disclosure.attribution import NOTICE, SPDX
from anchor_pipeline.disclosure.licences import UNKNOWN, all_of, attribution_of, identifiers, licence_url
from anchor_pipeline_tests.disclosure.by_hand import HOSTILE, by_hand, parsed
from anchor_pipeline_tests.rules.evidence import declaration, doc

_TEXT = {"type": "string", "minLength": 1}
_ID = {"type": "string", "pattern": r"^SPDXRef-[A-Za-z0-9.-]+$"}
_PLACE = {"type": "string", "pattern": r"^(NOASSERTION|NONE|(https?|ftp|hf)://\S+)$"}
_PARTY = {"type": "string", "pattern": r"^(NOASSERTION|(Organization|Person): .+)$"}

_PACKAGE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["SPDXID", "name", "downloadLocation"],
    "properties": {
        "SPDXID": _ID,
        "name": _TEXT,
        "versionInfo": _TEXT,
        "downloadLocation": _PLACE,
        "filesAnalyzed": {"const": False},
        "licenseConcluded": _TEXT,
        "licenseDeclared": _TEXT,
        "licenseComments": _TEXT,
        "copyrightText": _TEXT,
        "supplier": _PARTY,
        "attributionTexts": {"type": "array", "items": _TEXT},
        "comment": _TEXT,
    },
}

SPDX_2_3 = {
    "type": "object",
    "additionalProperties": False,
    "required": ["spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"],
    "properties": {
        "spdxVersion": {"const": "SPDX-2.3"},
        "dataLicense": {"const": "CC0-1.0"},
        "SPDXID": {"const": "SPDXRef-DOCUMENT"},
        "name": _TEXT,
        "documentNamespace": {"type": "string", "pattern": r"^https://[^#\s]+$"},
        "creationInfo": {
            "type": "object",
            "additionalProperties": False,
            "required": ["created", "creators"],
            "properties": {
                "created": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "creators": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^Tool: .+"}},
                "comment": _TEXT,
            },
        },
        "packages": {"type": "array", "items": _PACKAGE},
        "hasExtractedLicensingInfos": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["licenseId", "extractedText"],
                "properties": {"licenseId": {"pattern": r"^LicenseRef-[A-Za-z0-9.-]+$"}, "extractedText": _TEXT},
            },
        },
        "relationships": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["spdxElementId", "relatedSpdxElement", "relationshipType"],
                "properties": {
                    "spdxElementId": _ID,
                    "relatedSpdxElement": _ID,
                    "relationshipType": {"enum": ["DESCRIBES", "CONTAINS"]},
                },
            },
        },
    },
}
"""Of the clauses of SPDX 2.3 those that are used here."""


def spdx(files: dict[str, bytes]) -> dict[str, Any]:
    """The document, checked: the schema, every reference, every licence expression."""
    document = parsed(files, SPDX)
    jsonschema.Draft202012Validator(SPDX_2_3).validate(document)
    ids = [one["SPDXID"] for one in document["packages"]]
    assert len(set(ids)) == len(ids)
    for relation in document["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= {*ids, "SPDXRef-DOCUMENT"}
    own = {one["licenseId"] for one in document["hasExtractedLicensingInfos"]}
    for package in document["packages"]:
        expression = package["licenseDeclared"]
        assert expression == UNKNOWN or canonical_licence(expression) == expression
        assert {name for name in identifiers(expression) if name.startswith("LicenseRef-")} <= own
    return document


def test_each_source_is_a_package_with_its_licences(tmp_path: Path) -> None:
    rows = [
        doc("anchors_s", "1", licence="MIT OR Apache-2.0"),
        doc("anchors_s", "2", licence="CC0-1.0"),
        doc("tickets", "3", licence="LicenseRef-House"),
    ]
    _, files = by_hand(tmp_path, rows)
    by_id = {one["SPDXID"]: one for one in spdx(files)["packages"]}
    assert by_id["SPDXRef-Source-anchors-u-s"]["licenseDeclared"] == "CC0-1.0 AND (MIT OR Apache-2.0)"
    assert by_id["SPDXRef-Source-tickets"]["licenseDeclared"] == "LicenseRef-House"
    assert by_id["SPDXRef-Release"]["licenseDeclared"] == UNKNOWN
    assert set(by_id) == {"SPDXRef-Release", "SPDXRef-Source-anchors-u-s", "SPDXRef-Source-tickets"}


def test_attribution_says_what_is_declared(tmp_path: Path) -> None:
    said = {"owner": "Ann's Archive", "title": "The Archive", "url": "https://example.org/archive"}
    project = declaration(
        sources={"anchors_s": {"disclosure": said}, "human_e": {"uri": "https://u:p@example.com/h.jsonl?sig=1"}},
    )
    project["disclosure"] = {"licence": "CC-BY-4.0", "homepage": "https://example.org/mix"}
    rows = [doc("anchors_s", "1", licence="CC-BY-4.0"), doc("human_e", "2", licence="MIT")]
    _, files = by_hand(tmp_path, rows, project=project)
    release, archive, human = spdx(files)["packages"]
    assert archive["attributionTexts"] == [
        "The Archive, Ann's Archive, https://example.org/archive. Licence: CC-BY-4.0, "
        "https://spdx.org/licenses/CC-BY-4.0. Documents were selected; their content is unaltered."
    ]
    assert human["attributionTexts"][0].startswith(
        "human_e, owner not stated, https://example.com/h.jsonl. Licence: MIT"
    )
    assert (release["licenseDeclared"], release["downloadLocation"]) == ("CC-BY-4.0", "https://example.org/mix")
    assert (archive["supplier"], human["supplier"]) == ("Organization: Ann's Archive", UNKNOWN)


@pytest.mark.parametrize("terms", ["https://example.org/terms", "our own terms", HOSTILE])
def test_terms_that_are_no_expression_are_told_in_words(tmp_path: Path, terms: str) -> None:
    _, files = by_hand(tmp_path, [doc("anchors_s", "1")], project={**declaration(), "disclosure": {"licence": terms}})
    [release, _] = spdx(files)["packages"]
    assert release["licenseDeclared"] == UNKNOWN
    assert release["licenseComments"].startswith("Terms of the whole, as declared: ")


def test_the_notice_counts_documents_by_licence_and_escapes(tmp_path: Path) -> None:
    said = {"owner": HOSTILE, "title": HOSTILE}
    project = declaration(sources={"anchors_s": {"disclosure": said}})
    rows = [doc("anchors_s", str(at), licence=licence) for at, licence in enumerate(["MIT", "MIT", "CC0-1.0"])]
    _, files = by_hand(tmp_path, rows, project=project)
    text = files[NOTICE].decode()
    spdx(files)
    assert "<script>" not in re.sub(r"\\<", "", text)
    assert re.search(r"\| MIT \| 2 \| asked for \|", text)
    assert re.search(r"\| CC0-1.0 \| 1 \| not asked for \|", text)
    assert "[MIT](https://spdx.org/licenses/MIT)" in text


@pytest.mark.parametrize(
    ("expression", "names", "asks"),
    [
        ("CC0-1.0", ("CC0-1.0",), "not asked for"),
        ("CC-BY-SA-4.0", ("CC-BY-SA-4.0",), "asked for"),
        ("MIT AND CC0-1.0", ("MIT", "CC0-1.0"), "asked for"),
        ("MIT OR CC0-1.0", ("MIT", "CC0-1.0"), "see the licence"),
        ("CC0-1.0 OR PDDL-1.0", ("CC0-1.0", "PDDL-1.0"), "not asked for"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), "see the licence"),
        ("(MIT AND (Apache-2.0 OR MIT))", ("MIT", "Apache-2.0"), "see the licence"),
        ("LicenseRef-MIT", ("LicenseRef-MIT",), "see the licence"),
    ],
)
def test_what_an_expression_asks_for(expression: str, names: tuple[str, ...], asks: str) -> None:
    assert identifiers(expression) == names
    assert attribution_of(expression) == asks


def test_where_texts_of_licences_are() -> None:
    assert licence_url("GPL-2.0+") == "https://spdx.org/licenses/GPL-2.0"
    assert [licence_url(name) for name in ("LicenseRef-x", "MIT OR Apache-2.0", UNKNOWN, "a b")] == [None] * 4


def test_licences_together() -> None:
    assert all_of([]) == UNKNOWN
    assert all_of(["MIT", "MIT"]) == "MIT"
    assert all_of(["MIT", UNKNOWN]) == UNKNOWN
    assert canonical_licence(all_of(["MIT OR ISC", "0BSD"])) == "0BSD AND (MIT OR ISC)"
