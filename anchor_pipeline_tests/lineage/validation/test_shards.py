"""Shards as a third party checks them: sound ones pass, and whatever may be wrong with one is told by its row."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.validation.across import (
    check_ancestry,
    check_lacking,
    circles,
    compare_claims,
    compare_line,
)
from anchor_pipeline.lineage.validation.events import Claim
from anchor_pipeline.lineage.validation.report import Report
from anchor_pipeline.lineage.validation.shards import Shard, check_parquet
from anchor_pipeline.mix.parts import mix_schema
from anchor_pipeline_tests.documents import document


def written(path: Path, rows: list[dict[str, Any]], schema: pa.Schema = DOCUMENT_SCHEMA) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def checked(path: Path) -> tuple[Shard | None, Report]:
    report = Report()
    shard = check_parquet(path, path.name, report)
    if shard is not None:
        check_lacking(shard, (), report)
    return shard, report


def said(path: Path) -> list[str]:
    return [str(one) for one in checked(path)[1].findings]


def image(id: str, payload: bytes, **fields: Any) -> dict[str, Any]:
    return document("pics", id, payload=payload, modality="image", tokens=1, **fields)


def test_a_shard_of_the_store_is_sound(tmp_path: Path) -> None:
    rows = [document("peps", str(i), parents=["bank/1"] if i else []) for i in range(3000)]
    made = Store(tmp_path).write_shard(pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA))
    shard, report = checked(Store(tmp_path).shard_path(made.digest))
    assert report.findings == []
    assert shard is not None
    assert (shard.digest, shard.rows, shard.tokens, shard.bytes) == (made.digest, made.rows, made.tokens, made.bytes)
    assert report.counts == {"shards": 1, "documents": 3000}


def test_images_and_tables_are_sound(tmp_path: Path) -> None:
    assert said(written(tmp_path / "a.parquet", [image("1", b"\xff\xd8"), image("2", b"\x00")])) == []
    table = document("rows", "1", '{"a": 1}', modality="table", tokens=1)
    assert said(written(tmp_path / "b.parquet", [table])) == []


def test_a_file_named_for_another_digest(tmp_path: Path) -> None:
    path = written(tmp_path / f"{'0' * 64}.parquet", [document("peps", "1")])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert said(path) == [f"{path.name}: is named for another digest than its own, {digest}"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"doc_id": "other/1"}, "does not begin with its source"),
    ({"doc_id": "peps/"}, "does not begin with its source"),
    ({"kind": "bought"}, "kind is 'bought', expected one of licensed"),
    ({"authorship": "robot"}, "authorship is 'robot'"),
    ({"modality": "video"}, "modality is 'video'"),
    ({"tokens": -1}, "tokens is -1, expected 0 or more"),
    ({"bytes": 3}, "bytes is 3, but the content has"),
    ({"digest": "0" * 64}, "but the content has"),
    ({"digest": "upper"}, "digest is 'upper'"),
    ({"licence": "mine"}, "is no SPDX expression"),
    ({"licence": "cc0-1.0"}, "in its canonical spelling"),
    ({"licence": ""}, "licence is empty"),
    ({"domain": ""}, "domain is empty"),
    ({"raw_file": ""}, "raw_file is empty"),
    ({"raw_row": 0}, "raw_row is 0; records are counted from 1"),
    ({"parents": ["peps/1"]}, "names itself as its parent"),
    ({"parents": ["", "peps/0"]}, "names a parent without an id"),
    ({"parents": [None]}, "names a parent without an id"),
    ({"text": None}, "has its content in no column, expected text"),
    ({"payload": b"x", "text": "y"}, "has its content in text and payload"),
]


@pytest.mark.parametrize(("fields", "what"), WRONG, ids=[what[:40] for _, what in WRONG])
def test_what_is_wrong_with_a_row_is_told(tmp_path: Path, fields: dict[str, Any], what: str) -> None:
    good = document("peps", "0", modality=fields.get("modality", "text"))
    bad = {**document("peps", "1"), **fields}
    found = said(written(tmp_path / "x.parquet", [good, bad]))
    assert any(what in one and "row 2 (" in one for one in found), found


def test_an_image_counts_as_one_and_lies_in_payload(tmp_path: Path) -> None:
    bad = image("1", b"x")
    assert (
        "each document of modality image counts as 1"
        in said(written(tmp_path / "a.parquet", [{**bad, "tokens": 7}]))[0]
    )
    assert "expected payload" in said(written(tmp_path / "b.parquet", [{**bad, "payload": None, "text": "x"}]))[0]


def test_what_is_wrong_with_a_shard_as_a_whole(tmp_path: Path) -> None:
    one = document("peps", "1")
    assert said(written(tmp_path / "a.parquet", [one, one])) == []
    other = said(written(tmp_path / "a.parquet", [one, document("peps", "1", "other text")]))
    assert other == ["a.parquet: row 2 (peps/1): has another digest than an earlier row of the same id"]
    part = mix_schema(("text",))
    rows = [{**{name: one[name] for name in part.names if name != "epoch"}, "epoch": epoch} for epoch in (0, 1, 1)]
    assert said(written(tmp_path / "p.parquet", rows, part)) == [
        "p.parquet: row 3 (peps/1): the id stands twice in pass 1"
    ]
    mixed = said(written(tmp_path / "b.parquet", [one, document("bank", "1")]))
    assert mixed == ["b.parquet: row 2 (bank/1): source is 'bank', but 'peps' before: a shard is of one source"]
    fewer = pa.Table.from_pylist([one], schema=DOCUMENT_SCHEMA).drop(["licence"]).append_column("x", pa.array([1]))
    pq.write_table(fewer, tmp_path / "c.parquet")
    assert said(tmp_path / "c.parquet") == ["c.parquet: columns are not those of a shard: lacks licence; has also x"]
    order = pa.Table.from_pylist([one], schema=DOCUMENT_SCHEMA).select(DOCUMENT_SCHEMA.names[::-1])
    pq.write_table(order, tmp_path / "d.parquet")
    assert "are in another order" in said(tmp_path / "d.parquet")[0]
    index = DOCUMENT_SCHEMA.get_field_index("tokens")
    typed = DOCUMENT_SCHEMA.set(index, pa.field("tokens", pa.string()))
    assert (
        "column tokens is of type string, expected int64"
        in said(written(tmp_path / "e.parquet", [{**one, "tokens": "7"}], typed))[0]
    )


def test_a_null_where_there_has_to_be_a_value(tmp_path: Path) -> None:
    loose = pa.schema([field.with_nullable(True) for field in DOCUMENT_SCHEMA])
    rows = [document("peps", "0"), {**document("peps", "1"), "licence": None}]
    assert said(written(tmp_path / "x.parquet", rows, loose)) == ["x.parquet: row 2: licence is null"]


def test_files_that_are_no_parquet(tmp_path: Path) -> None:
    whole = written(tmp_path / "x.parquet", [document("peps", "1")]).read_bytes()
    for name, data in {"empty": b"", "short": whole[:40], "torn": whole[:-9], "text": b"PAR1 hello PAR1"}.items():
        (tmp_path / f"{name}.parquet").write_bytes(data)
        assert "cannot be read as Parquet" in said(tmp_path / f"{name}.parquet")[0]
    assert "cannot be read" in said(tmp_path / "missing.parquet")[0]


def test_text_that_is_no_unicode_is_told(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([document("peps", "1")], schema=DOCUMENT_SCHEMA)
    bad = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    pq.write_table(table.set_column(1, DOCUMENT_SCHEMA.field("text"), bad), tmp_path / "x.parquet")
    [found] = said(tmp_path / "x.parquet")
    assert "rows 1 to 1: unreadable" in found


def shard_of(documents: dict[str, str], parents: dict[str, list[str]] | None = None) -> Shard:
    return Shard("s.parquet", "1" * 64, True, len(documents), 10, 20, documents, parents or {})


def test_records_that_say_something_else_of_a_shard() -> None:
    report = Report()
    claims = {"1" * 64: [Claim("e.jsonl", "line 1", 2, 10, 20), Claim("s.json", "", 1, 10, 21)], "2" * 64: []}
    compare_claims({"1" * 64: shard_of({"a/1": "d"})}, claims, report)
    assert [str(one) for one in report.findings] == [
        "e.jsonl: line 1: says that shard 111111111111… has 2 rows, but s.parquet has 1",
        "s.json: says that shard 111111111111… has 21 bytes, but s.parquet has 20",
    ]
    assert report.notes[0].what == "1 of the shards that events and snapshots name were not given"


def test_lines_of_documents_that_their_shard_does_not_hold() -> None:
    report = Report()
    shards = {"1" * 64: shard_of({"a/1": "d"})}
    for doc_id, digest in (("a/1", "d"), ("a/1", "e"), ("a/2", "d")):
        line = {"doc_id": doc_id, "digest": digest, "shard": "1" * 64}
        compare_line(line, "documents.jsonl.gz", "line 1", shards, report)
    compare_line({"doc_id": "a/9", "digest": "d", "shard": "2" * 64}, "documents.jsonl.gz", "line 1", shards, report)
    assert ["another digest" in one.what for one in report.findings] == [True, False]
    assert "is not in its shard" in report.findings[1].what


def test_documents_that_descend_from_themselves_are_found() -> None:
    report = Report()
    parents = {"a/1": ["a/2"], "a/2": ["a/3", "b/1"], "a/3": ["a/1"], "a/4": ["a/4", "a/1"]}
    check_ancestry([shard_of(dict.fromkeys(parents, "d"), parents)], report)
    assert [one.what for one in report.findings] == [
        "documents descend from themselves: a/1 <- a/2 <- a/3 <- a/1 (3 documents)"
    ]
    assert report.notes[0].what.startswith("1 parents are in none of the files")


def test_a_long_line_of_ancestors_and_a_dense_circle_are_no_trouble() -> None:
    line = {str(i): [str(i + 1)] for i in range(200_000)}
    assert circles(line) == ([], 0)
    dense = {str(i): [str(j) for j in range(400)] for i in range(400)}
    found, number = circles(dense)
    assert len(found) < number


@given(st.dictionaries(st.integers(0, 8).map(str), st.lists(st.integers(0, 8).map(str), max_size=4)))
def test_circles_are_found_where_brute_force_finds_them(parents: dict[str, list[str]]) -> None:
    def ancestors(id: str) -> set[str]:
        seen: set[str] = set()
        ahead = [one for one in parents.get(id, ()) if one != id]
        while ahead:
            one = ahead.pop()
            if one not in seen:
                seen.add(one)
                ahead += [parent for parent in parents.get(one, ()) if parent != one]
        return seen

    circular = {id for id in parents if id in ancestors(id)}
    found, number = circles(parents)
    assert bool(circular) == bool(found) == bool(number)
    for circle in found:
        assert set(circle) <= circular
        assert all(after in parents[before] for before, after in zip(circle, [*circle[1:], circle[0]], strict=True))


def test_dates_do_not_matter_but_have_to_be_there(tmp_path: Path) -> None:
    assert said(written(tmp_path / "x.parquet", [document("p", "1", collected_at=datetime(1, 1, 1, tzinfo=UTC))])) == []
