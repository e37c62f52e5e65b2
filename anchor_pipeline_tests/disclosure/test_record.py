"""The release record adds up selection and corpus, and takes from the declaration what others may see."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.disclosure.record import ReleaseRecord, SourceRecord, public_address, release_record
from anchor_pipeline.disclosure.record_json import record_json
from anchor_pipeline.disclosure.totals import GROUPED_BY
from anchor_pipeline.rules.verdict import judge
from anchor_pipeline_tests.rules.evidence import Builder, Row, declaration, doc


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., ReleaseRecord]:
    build = Builder(tmp_path)

    def made(rows: list[Row], **options: Any) -> ReleaseRecord:
        evidence = build(rows, **options)
        return release_record(evidence, judge(evidence))

    return made


def source(record: ReleaseRecord, name: str) -> SourceRecord:
    return next(one for one in record.sources if one.name == name)


def some_rows(count: int) -> list[Row]:
    """Documents of all sources, some drawn twice or three times, of two licences and several authors."""
    chance = random.Random(7)
    rows = []
    for number in range(count):
        name = chance.choice(["anchors_s", "anchors_e", "tickets", "human_e", "synth_s", "synth_e"])
        row = doc(
            name,
            str(number),
            chance.randrange(1, 90),
            licence=chance.choice(["CC0-1.0", "MIT OR Apache-2.0"]),
            fresh=name.startswith("anchors") and chance.random() < 0.5,
            synthetic=name.startswith("synth"),
            collected_at=datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(8000)),
        )
        rows += [{**row, "epoch": epoch} for epoch in range(chance.choice([1, 1, 2, 3]))]
    chance.shuffle(rows)
    return rows


def test_totals_are_what_adding_up_by_hand_gives(record: Callable[..., ReleaseRecord]) -> None:
    rows = some_rows(200)
    found = record(rows)
    by_hand: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_hand.setdefault(tuple(row[name] for name in GROUPED_BY), []).append(row)
    assert {tuple(getattr(total, name) for name in GROUPED_BY) for total in found.totals} == set(by_hand)
    for total in found.totals:
        group = by_hand[tuple(getattr(total, name) for name in GROUPED_BY)]
        once = list({row["doc_id"]: row for row in group}.values())
        assert (total.documents, total.passes) == (len(once), len(group))
        assert total.tokens == sum(row["tokens"] for row in group)
        assert total.tokens_once == sum(row["tokens"] for row in once)
        assert total.bytes == sum(row["bytes"] for row in once)
        assert total.fresh_documents == sum(row["fresh"] for row in once)
        assert total.fresh_tokens == sum(row["tokens"] for row in group if row["fresh"])
        assert total.synthetic_tokens == sum(row["tokens"] for row in group if row["synthetic"])
        assert (total.earliest, total.latest) == (
            min(row["collected_at"] for row in group),
            max(row["collected_at"] for row in group),
        )


def test_the_order_of_the_rows_is_irrelevant(record: Callable[..., ReleaseRecord]) -> None:
    rows = some_rows(60)
    one, other = record(rows), record(list(reversed(rows)))
    assert one.totals == other.totals
    assert record_json(replace(one, verdict=other.verdict)) == record_json(other)


def test_sources_with_nothing_drawn_are_there_with_what_became_of_their_rows(
    record: Callable[..., ReleaseRecord],
) -> None:
    lost = {**doc("human_e", "1"), "status": "quarantined"}
    found = record([doc("anchors_s", "1")], corpus=[lost])
    assert [one.name for one in found.drawn] == ["anchors_s"]
    rows = source(found, "human_e").rows
    assert rows is not None
    assert (rows.read, rows.kept, rows.quarantined) == (1, 0, (("bad_date", 1),))
    assert source(found, "human_e").period is None
    assert source(found, "human_e").fresh_share is None


def test_parents_are_known_by_their_whole_ids_alone(record: Callable[..., ReleaseRecord]) -> None:
    child = doc("synth_s", "c", parents=["anchors_s/1", "tickets/7", "gone/3", "1"])
    found = record([doc("anchors_s", "1"), child, {**child, "epoch": 1}], corpus=[doc("tickets", "7")])
    assert source(found, "synth_s").derived_from == (("anchors_s", 1), ("tickets", 1))
    assert source(found, "anchors_s").derived_from == ()


def test_what_is_on_hand_is_counted_by_stratum(record: Callable[..., ReleaseRecord]) -> None:
    plan = {"cadence": "monthly", "strata": {"north": 1}}
    project = declaration(sources={"anchors_s": {"sampling_plan": plan}})
    corpus = [
        {**doc("anchors_s", "2"), "stratum": "north"},
        {**doc("anchors_s", "3"), "stratum": "north", "status": "duplicate"},
        {**doc("anchors_s", "4"), "stratum": "north", "status": "later"},
    ]
    found = record([doc("anchors_s", "1")], project=project, corpus=corpus)
    assert [(one.stratum, one.documents) for one in source(found, "anchors_s").on_hand] == [(None, 1), ("north", 2)]


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("https://ann:secret@example.org/data/*.jsonl?sig=abc#x", "https://example.org/data/*.jsonl"),
        ("hf://datasets/team/set/data.parquet", "hf://datasets/team/set/data.parquet"),
        ("s3://internal-bucket/raw/*.jsonl", None),
        ("/home/ann/raw.jsonl", None),
        ("raw/*.jsonl", None),
        ("file:///home/ann/raw.jsonl", None),
        (None, None),
    ],
)
def test_only_addresses_that_others_can_follow_are_told(uri: str | None, public: str | None) -> None:
    assert public_address(uri) == public


def test_as_json_it_holds_every_field_and_of_the_verdict_the_digest(record: Callable[..., ReleaseRecord]) -> None:
    found = record([doc("anchors_s", "1"), doc("synth_s", "2")])
    value = record_json(found)
    assert value["verdict"] == found.verdict.digest
    assert value["as_of"] == "2022-01-01T00:00:00+00:00"
    assert value["sources"][0]["totals"][0]["tokens"] == 10
    assert set(value) == {"format", *ReleaseRecord.__dataclass_fields__}
