"""Statements of real releases: numbers as in the parts, nothing said that nobody declared or recorded."""

from __future__ import annotations

import importlib.resources
import json
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from anchor_pipeline.disclosure.eu_summary import size_range, update_due
from anchor_pipeline.errors import DeclarationError
from anchor_pipeline.project import load_project
from anchor_pipeline.rules.digests import policy_digest
from anchor_pipeline_tests.disclosure.released import DISCLOSURE, SOURCES, declaration, released

STATEMENTS = ("eu-public-summary", "california-ab-2013", "anchor-protocol")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("bare"), declaration())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = {"cadence": "yearly", "minimum": 30, "strata": {}}
    return released(tmp_path_factory.mktemp("full"), declaration(DISCLOSURE, SOURCES, logbooks={"sampling_plan": plan}))


def statement(release: Path, kind: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((release / f"disclosure/{kind}.json").read_text())
    return value


def answers(release: Path, kind: str) -> list[tuple[str, str, Any]]:
    return [
        (part["number"], part["asked"], part["answer"])
        for section in statement(release, kind)["sections"]
        for part in section["parts"]
        if "asked" in part
    ]


def answered(release: Path, kind: str, asked: str) -> Any:
    found = [answer for _, question, answer in answers(release, kind) if asked in question]
    assert len(found) == 1, (asked, found)
    return found[0]


def table(release: Path, kind: str, title: str) -> list[dict[str, Any]]:
    (found,) = (
        part
        for section in statement(release, kind)["sections"]
        for part in section["parts"]
        if part.get("table", "").startswith(title)
    )
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@pytest.mark.parametrize("kind", STATEMENTS)
def test_statements_fulfil_their_schema(bare: Path, full: Path, kind: str) -> None:
    schema = json.loads(
        importlib.resources.files("anchor_pipeline.disclosure").joinpath("statement.schema.json").read_bytes()
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    for release in (bare, full):
        jsonschema.Draft202012Validator(schema).validate(statement(release, kind))


@pytest.mark.parametrize("name", ["data-provenance.json", *(f"data-provenance/{name}.json" for name in SOURCES)])
def test_data_provenance_fulfils_the_standard(bare: Path, full: Path, name: str) -> None:
    schema = json.loads((Path(__file__).parent / "data-standard-1.0.0.schema.json").read_text())
    for release in (bare, full):
        jsonschema.Draft202012Validator(schema).validate(json.loads((release / "disclosure" / name).read_text()))


def test_totals_are_those_of_the_released_rows(full: Path) -> None:
    rows = pq.read_table(full / "data").to_pylist()
    tokens, documents = Counter[str](), Counter[str]()
    for row in rows:
        tokens[row["source"]] += row["tokens"]
        documents[row["source"]] += row["epoch"] == 0
    names = {"own": "logbooks", "public": "gazette", "synthetic": "drafts"}
    told = {
        row["Category"]: (row["Documents"], row["Amount (with repeats)"])
        for row in table(full, "eu-public-summary", "Totals by category")
    }
    assert told == {
        "other": (documents[names["own"]], tokens[names["own"]]),
        "publicly available": (documents[names["public"]], tokens[names["public"]]),
        "synthetic": (documents[names["synthetic"]], tokens[names["synthetic"]]),
        "all": (sum(documents.values()), sum(tokens.values())),
    }
    (writer,) = table(full, "eu-public-summary", "Models that wrote")
    assert (writer["Model"], writer["Documents"]) == ("scribe@1", documents["drafts"])
    counted = table(full, "california-ab-2013", "Counted in the release")
    assert {row["Source"]: row["Amount (with repeats)"] for row in counted} == dict(tokens)
    (stage,) = (row for row in table(full, "anchor-protocol", "Shares") if row["Domain"] == "the stage")
    assert stage["Anchors in %"] == round(100 * tokens["logbooks"] / sum(tokens.values()), 4)


def test_nothing_declared_is_not_stated_and_listed(bare: Path) -> None:
    open_questions = {entry["number"] for entry in statement(bare, "eu-public-summary")["to_fill_in"]}
    assert open_questions >= {"1.1", "1.2", "1.3", "2.1", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6", "3.1", "3.2"}
    known = {question: answer for _, question, answer in answers(bare, "eu-public-summary") if answer is not None}
    # What the record alone says:
    assert known == {
        "To be updated by": "2021-07-01",
        "Latest date of data acquisition/collection for model training (MM/YYYY)": "06/2020",
    }
    assert [row["Category"] for row in table(bare, "eu-public-summary", "Totals")] == ["category not stated", "all"]
    text = (bare / "disclosure/eu-public-summary.md").read_text()
    assert "*not stated*" in text
    assert "`disclosure.provider.name`" in text.split("To be filled in by a person")[1]
    said = [answer for number, _, answer in answers(bare, "california-ab-2013") if number in ("(a)(5)", "(a)(7)")]
    assert said == [None] * 6


def test_what_is_declared_is_told_and_leaves_nothing_open(full: Path) -> None:
    assert statement(full, "eu-public-summary")["to_fill_in"] == []
    assert statement(full, "california-ab-2013")["to_fill_in"] == []
    assert "Harbour Models Ltd" in answered(full, "eu-public-summary", "Provider name")
    assert answered(full, "eu-public-summary", "Versioned model name") == ["Tide-1B-2020"]
    assert answered(full, "eu-public-summary", "To be public by") == "2026-03-01"
    assert answered(full, "eu-public-summary", "publicly available datasets to train") is True
    assert answered(full, "eu-public-summary", "Were crawlers used") is False
    assert answered(full, "eu-public-summary", "user input and prompts") is False
    assert answered(full, "eu-public-summary", "created by the provider or on their behalf") is True
    assert answered(full, "eu-public-summary", "What scribe@1 was trained on") == "The gazette of 2019"
    text = (full / "disclosure/eu-public-summary.md").read_text()
    assert "<https://example.org/gazette>" in text
    provenance = json.loads((full / "disclosure/data-provenance/gazette.json").read_text())
    assert provenance["provenance"]["origin-geography"] == [{"country": "DE", "state": "HB"}, {"country": "NO"}]
    assert provenance["provenance"]["generation-method"][0]["code"] == "public"


def test_one_source_without_a_category_forbids_every_no(tmp_path: Path) -> None:
    some = {name: said for name, said in SOURCES.items() if name != "logbooks"}
    release = released(tmp_path, declaration(DISCLOSURE, some))
    asked = {question: answer for number, question, answer in answers(release, "eu-public-summary") if number[0] == "2"}
    # Whether the model of synthetic texts is on the market is declared of itself.
    assert [question for question, answer in asked.items() if answer is False] == [
        "Is scribe@1 available on the market? (drafts)"
    ]
    assert answered(release, "eu-public-summary", "publicly available datasets to train") is True
    assert answered(release, "eu-public-summary", "Were crawlers used") is None


def test_crawled_and_user_data_answer_what_the_template_asks(tmp_path: Path) -> None:
    crawler = {"name": "tidebot", "purpose": "Training", "behaviour": "Follows robots.txt", "content": "Notices"}
    sources = {
        "logbooks": {"acquired": "user_data", "user_data": "services", "services": "The harbour's mail service"},
        "gazette": {"acquired": "crawled", "crawler": crawler},
        "drafts": {"acquired": "synthetic"},
    }
    release = released(tmp_path, declaration({"provider": {"name": "H", "small": True}}, sources))
    kind = "eu-public-summary"
    assert answered(release, kind, "Were crawlers used") is True
    assert answered(release, kind, "Crawler name(s)/identifier(s) (gazette)") == "tidebot"
    assert answered(release, kind, "Period of data collection (gazette)") == "06/2020 to 06/2020"
    assert answered(release, kind, "most relevant domain names crawled") is None
    assert answered(release, kind, "user input and prompts") is False
    assert answered(release, kind, "other services or products used to train") is True
    assert answered(release, kind, "Services or products used to collect") == "The harbour's mail service"


HOSTILE = "</p><script>alert(1)</script> ![x](http://evil.example) | a | `b` \n# Heading\n- www.evil.example @all"


def test_hostile_text_is_no_markup(tmp_path: Path) -> None:
    said = {name: {"owner": HOSTILE, "content": HOSTILE, "purpose": HOSTILE, "title": HOSTILE} for name in SOURCES}
    disclosure = {
        "title": HOSTILE,
        "provider": {"name": HOSTILE},
        "languages": HOSTILE,
        "homepage": "https://a.example",
    }
    generator = {"generator": {"name": HOSTILE, "version": "1"}}
    release = released(tmp_path, declaration(disclosure, said, drafts=generator, gazette={"description": HOSTILE}))
    texts = sorted((release / "disclosure").glob("*.md"))
    assert len(texts) >= 4
    for path in texts:
        reader = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
        tokens = reader.parse(path.read_text())
        inline = [child for token in tokens for child in token.children or ()]
        assert not [one for one in (*tokens, *inline) if one.type in ("html_block", "html_inline", "image")], path
        assert not [one for one in inline if one.type == "link_open" and "evil" in str(one.attrGet("href"))], path
        assert "http://evil" not in path.read_text()
        assert "www.evil" not in path.read_text()
        headings = [after.content for before, after in pairwise(tokens)
                    if before.type == "heading_open"]  # fmt: skip
        assert not [one for one in headings if one.startswith("Heading")], path


def test_the_same_release_gives_the_same_bytes(full: Path, tmp_path: Path) -> None:
    plan = {"cadence": "yearly", "minimum": 30, "strata": {}}
    again = released(tmp_path, declaration(DISCLOSURE, SOURCES, logbooks={"sampling_plan": plan}))
    files = sorted((full / "disclosure").rglob("*.*"))
    assert files
    for path in files:
        assert (again / path.relative_to(full)).read_bytes() == path.read_bytes(), path.name


def test_disclosure_decides_nothing(tmp_path: Path) -> None:
    digests = []
    for text in (declaration(), declaration(DISCLOSURE, SOURCES)):
        (tmp_path / "project.yaml").write_text(text)
        digests.append(policy_digest(load_project(tmp_path), "lawful"))
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("disclosure", "source", "expected"),
    [
        ({"homepage": "http://user:secret@example.org"}, {}, "`disclosure.homepage`: 'http://user:secret@example.org'"),
        ({"titel": "x"}, {}, "unknown key `titel` in `disclosure`; did you mean `title`?"),
        ({}, {"acquired": "publicc"}, "`sources.gazette.disclosure.acquired` is 'publicc'; it can be 'public'"),
        ({}, {"places": ["Germany"]}, "'Germany' is no place of ISO 3166"),
        ({}, {"rights": ["copyright", "public_domain"]}, "`public_domain` says that nothing is protected"),
        ({}, {"crawler": "bot"}, "`crawler` is for data acquired as crawled"),
    ],
)
def test_wrong_declarations_are_told(tmp_path: Path, disclosure: Any, source: Any, expected: str) -> None:
    (tmp_path / "project.yaml").write_text(declaration(disclosure, {"gazette": source} if source else {}))
    with pytest.raises(DeclarationError) as caught:
        load_project(tmp_path)
    assert any(expected in problem.message for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("modality", "least", "most", "expected"),
    [
        ("text", 10**9 - 1, 10**9 - 1, "Less than 1 billion tokens"),
        ("text", 10**9, 10**13, "1 billion to 10 trillion tokens"),
        ("text", 10**13 + 1, 10**14, "More than 10 trillion tokens"),
        ("text", 10**9 - 1, 10**9, None),
        ("image", 10**6 - 1, 10**6 - 1, "Less than 1 million images"),
        ("audio", 3_600_000 * 10**4, 3_600_000 * 10**4, "10 000 to 1 million hours"),
        ("table", 5, 5, None),
    ],
)
def test_size_ranges_are_those_of_the_template(modality: str, least: int, most: int, expected: str | None) -> None:
    assert size_range(modality, least, most) == expected


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)))
def test_the_next_update_is_due_six_months_later(day: date) -> None:
    due = update_due(day)
    assert (due.year - day.year) * 12 + due.month - day.month == 6
    assert due.day <= day.day


def test_a_cycle_that_still_runs_is_not_dated_by_its_end(tmp_path: Path) -> None:
    text = declaration().replace('"cadence": "yearly"', '"cadence": "yearly", "unfinished": true')
    release = released(tmp_path, text)
    # The newest document is of 2020-06-01, the cycle ends with the year.
    assert answered(release, "eu-public-summary", "To be updated by") == "2020-12-01"
    provenance = json.loads((release / "disclosure/data-provenance.json").read_text())
    assert provenance["provenance"]["date"] == "2020-06-01"
