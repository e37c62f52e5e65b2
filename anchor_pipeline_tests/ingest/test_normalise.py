"""Every field from column, constant or default; every reason for quarantine, with the row kept to look at."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.quarantine import REASONS
from anchor_pipeline.ingest.readers.base import KEPT_BYTES
from anchor_pipeline_tests.ingest.support import check_conservation, ingest
from anchor_pipeline_tests.ingest.test_media import png

Rows = list[dict[str, Any]]


def from_lines(folder: Path, *rows: Any, **source: Any) -> tuple[Rows, Rows]:
    """(documents, quarantined) of JSON lines; bytes are lines as they are."""
    folder.mkdir(exist_ok=True)
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (folder / "a.jsonl").write_bytes(b"\n".join(lines))
    snapshot, kept, rejected = ingest(folder, uri="a.jsonl", **source)
    assert snapshot.unreadable == ()
    assert snapshot.read == len(kept) + len(rejected)
    check_conservation(snapshot, kept, rejected)
    return kept, rejected


def column(name: str, **options: Any) -> dict[str, Any]:
    return {"column": name, **options}


def test_a_document(tmp_path: Path) -> None:
    fields = {"id": column("i"), "text": column("t"), "collected_at": column("d"), "licence": column("l")}
    row = {"i": 7, "t": "\ufeffTwo  wörds\n", "d": "2020-05-06T07:08:09Z", "l": "mit OR apache-2.0"}
    kept, _ = from_lines(tmp_path, row, fields=fields)
    text = "Two  wörds\n"
    assert kept == [
        {
            "doc_id": "s/7",
            "text": text,
            "payload": None,
            "source": "s",
            "kind": "licensed",
            "authorship": "human",
            "domain": "d",
            "modality": "text",
            "tokens": 2,
            "bytes": len(text.encode()),
            "digest": hashlib.sha256(b"text\0" + text.encode()).hexdigest(),
            "collected_at": datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC),
            "licence": "MIT OR Apache-2.0",
            "generator": None,
            "family": None,
            "parents": [],
            "stratum": None,
            "raw_file": "a.jsonl",
            "raw_row": 1,
        }
    ]


def test_defaults(tmp_path: Path) -> None:
    kept, _ = from_lines(tmp_path, {"text": "a b"}, fields={"authorship": None})
    assert kept[0]["doc_id"] == "s/" + kept[0]["digest"]
    assert kept[0]["authorship"] == "unknown"
    generator = {"name": "g", "version": "2"}
    kept, _ = from_lines(tmp_path, {"text": "a b"}, fields={"authorship": None}, kind="synthetic", generator=generator)
    assert (kept[0]["authorship"], kept[0]["generator"], kept[0]["family"]) == ("synthetic", "g@2", "g")


def test_the_generator_wrote_what_no_human_wrote(tmp_path: Path) -> None:
    rows = [{"text": "a", "by": "human"}, {"text": "b", "by": "synthetic"}, {"text": "c", "by": None}]
    generator = {"name": "g", "family": "f"}
    kept, _ = from_lines(tmp_path, *rows, fields={"authorship": column("by")}, generator=generator)
    assert [(row["authorship"], row["generator"], row["family"]) for row in kept] == [
        ("human", None, None),
        ("synthetic", "g", "f"),
        ("unknown", "g", "f"),
    ]
    rows = [{"text": "a", "g": "g"}, {"text": "b", "g": "other"}, {"text": "c"}]
    kept, _ = from_lines(tmp_path, *rows, fields={"generator": column("g")}, generator=generator)
    assert [(row["generator"], row["family"]) for row in kept] == [("g", "f"), ("other", None), (None, None)]


def test_parents(tmp_path: Path) -> None:
    rows = [{"text": "a", "p": value} for value in ("x", "x; y ;", ["x", "y"], None, "", [], [1, None], "[not json")]
    kept, _ = from_lines(tmp_path, *rows, fields={"parents": column("p", separator=";")})
    expected = [["x"], ["x", "y"], ["x", "y"], [], [], [], ["1"], ["[not json"]]
    assert [row["parents"] for row in kept] == expected
    table = pa.table({"text": ["a"] * 3, "p": [["x", "y", None], None, []]})
    pq.write_table(table, tmp_path / "a.parquet")
    _, kept, _ = ingest(tmp_path, uri="a.parquet", fields={"parents": column("p")})
    assert [row["parents"] for row in kept] == [["x", "y"], [], []]


def test_the_same_ids_however_the_column_is_typed(tmp_path: Path) -> None:
    kept, rejected = from_lines(
        tmp_path, *({"text": "a", "i": id} for id in (1, "1", "x", True, None, "", " ")), fields={"id": column("i")}
    )
    assert [row["doc_id"] for row in kept] == ["s/1", "s/1", "s/x", "s/true"]
    assert [row["reason"] for row in rejected] == ["no_id"] * 3
    ones = [pa.array([1], kind) for kind in (pa.int8(), pa.uint64())]
    for ids in (*ones, pa.array(["1"]), pa.array(["1"]).dictionary_encode()):
        pq.write_table(pa.table({"text": ["a"], "i": ids}), tmp_path / "a.parquet")
        assert ingest(tmp_path, uri="a.parquet", fields={"id": column("i")})[1][0]["doc_id"] == "s/1"


def test_domains_by_column(tmp_path: Path) -> None:
    rows = [{"text": "a", "d": name} for name in ("d", "e", "x", None)]
    kept, rejected = from_lines(tmp_path, *rows, domain=column("d"), rules={"licence": {"allow": ["MIT", "CC0-1.0"]}})
    assert [row["domain"] for row in kept] == ["d", "e"]
    assert [(row["reason"], row["detail"]) for row in rejected] == [
        ("unknown_domain", "'x' is not one of d, e"),
        ("unknown_domain", "None is not one of d, e"),
    ]


ROW = {"text": "a b", "d": "2020-01-02", "l": "MIT", "by": "human", "i": "1"}
MAPPED = {"id": column("i"), "collected_at": column("d"), "licence": column("l"), "authorship": column("by")}


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"text": None}, "null_text", "null"),
        ({"text": 5}, "text_not_string", "not a string"),
        ({"text": ["x"]}, "text_not_string", "not a string"),
        ({"text": ""}, "empty_text", "white space"),
        ({"text": " \u3000\x1c\n"}, "empty_text", "white space"),
        ({"text": "\ufeff"}, "empty_text", "white space"),
        ({"text": "x" * 101}, "oversized", "101 bytes, more than max_bytes = 100"),
        ({"i": None}, "no_id", "`i` is null"),
        ({"d": None}, "no_date", "`d` is null"),
        ({"d": "soon"}, "unparsable_date", "'soon' is not an ISO 8601 date"),
        ({"d": 5}, "unparsable_date", "'5' is not an ISO 8601 date"),
        ({"l": None}, "no_licence", "no licence"),
        ({"l": "CC0/PD"}, "unparsable_licence", "'CC0/PD' is not an SPDX"),
        ({"l": "GPL-3.0-only"}, "licence_not_allowed", "GPL-3.0-only is not met"),
        ({"by": "robot"}, "unknown_authorship", "'robot' is not one of human, human_edited, synthetic, unknown"),
    ],
)
def test_reasons(tmp_path: Path, change: dict[str, Any], reason: str, detail: str) -> None:
    rules = {"licence": {"allow": ["MIT"]}}
    kept, rejected = from_lines(tmp_path, ROW, {**ROW, **change}, fields=MAPPED, max_bytes=100, rules=rules)
    assert [row["raw_row"] for row in kept] == [1]
    assert [(row["reason"], row["raw_row"], row["raw_file"], row["source"]) for row in rejected] == [
        (reason, 2, "a.jsonl", "s")
    ]
    assert detail in rejected[0]["detail"]
    assert rejected[0]["id"] == (None if "i" in change else "1")
    text = {**ROW, **change}["text"]
    content = text if isinstance(text, str) else "" if text is None else json.dumps(text)
    assert rejected[0]["content"].decode() == content.removeprefix("\ufeff")


def test_reasons_of_lines(tmp_path: Path) -> None:
    bad = [b"{", b'{"text": "\xff"}']
    _, rejected = from_lines(tmp_path, {"text": "a"}, *bad)
    assert [(row["reason"], row["content"]) for row in rejected] == [("unparsable_row", bad[0]), ("bad_utf8", bad[1])]


def test_no_date_at_all(tmp_path: Path) -> None:
    _, rejected = from_lines(tmp_path, {"text": "a"}, fields={"collected_at": None})
    assert rejected[0]["reason"] == "no_date"
    _, rejected = from_lines(tmp_path, {"text": "a"}, fields={"licence": None})
    assert rejected[0]["reason"] == "no_licence"


def test_of_several_reasons_the_first_counts(tmp_path: Path) -> None:
    _, rejected = from_lines(tmp_path, {"text": None, "d": "soon", "l": "?", "i": None, "by": "x"}, ROW, fields=MAPPED)
    assert [row["reason"] for row in rejected] == ["null_text"]
    assert REASONS.index("null_text") < REASONS.index("no_id") < REASONS.index("unparsable_date")


@pytest.mark.parametrize(
    ("consent", "rules", "reasons"),
    [
        (None, {}, ["no_consent"]),
        ({"basis": "contract", "scrubbed": False}, {}, ["no_consent"]),
        ({"basis": " ", "scrubbed": True}, {}, ["no_consent"]),
        ({"basis": "contract", "scrubbed": True}, {}, []),
        (None, {"consent": "off"}, []),
    ],
)
def test_consent(tmp_path: Path, consent: Any, rules: Any, reasons: list[str]) -> None:
    _, rejected = from_lines(tmp_path, {"text": "a"}, kind="enterprise", rules=rules, consent=consent)
    assert [row["reason"] for row in rejected] == reasons
    assert from_lines(tmp_path, {"text": "a"}, kind="licensed", consent=consent)[1] == []


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({"licence": {"allow": ["MIT"]}}, False),
        ({"licence": {"allow": ["mit", "cc0-1.0"]}}, True),
        ({"licence": {"allow": ["MIT"], "severity": "warn"}}, True),
        ({"licence": "off"}, True),
        ({}, True),
    ],
)
def test_the_allow_list(tmp_path: Path, rules: Any, kept: bool) -> None:
    documents, _ = from_lines(tmp_path, {"text": "a"}, rules=rules)
    assert bool(documents) is kept


def test_quarantine_keeps_a_mebibyte(tmp_path: Path) -> None:
    text = "é" * KEPT_BYTES
    _, rejected = from_lines(tmp_path, {"text": text}, max_bytes=1000)
    assert rejected[0]["content"] == text.encode()[:KEPT_BYTES]
    assert rejected[0]["bytes"] == 2 * KEPT_BYTES


def test_bytes_as_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array(["ü".encode(), b"\xff", None], pa.binary())}), tmp_path / "a.parquet")
    _, kept, rejected = ingest(tmp_path, uri="a.parquet")
    assert [row["text"] for row in kept] == ["ü"]
    assert [row["reason"] for row in rejected] == ["bad_utf8", "null_text"]
    pq.write_table(pa.table({"text": [5, None]}), tmp_path / "b.parquet")
    _, _, rejected = ingest(tmp_path, uri="b.parquet")
    assert [(row["reason"], row["content"]) for row in rejected] == [("text_not_string", b"5"), ("null_text", b"")]


def test_arrow_dates(tmp_path: Path) -> None:
    days = pa.array([date(2020, 1, 2), None, date(2021, 3, 4)])
    pq.write_table(pa.table({"text": ["a", "b", "c"], "d": days}), tmp_path / "a.parquet")
    _, kept, rejected = ingest(tmp_path, uri="a.parquet", fields={"collected_at": column("d")})
    assert [row["collected_at"] for row in kept] == [datetime(2020, 1, 2, tzinfo=UTC), datetime(2021, 3, 4, tzinfo=UTC)]
    assert [row["reason"] for row in rejected] == ["no_date"]
    far = pa.array([2**60]).cast(pa.timestamp("ms"))  # Python cannot hold it, nor print it
    pq.write_table(pa.table({"text": ["a"], "d": far}), tmp_path / "b.parquet")
    _, _, rejected = ingest(tmp_path, uri="b.parquet", fields={"collected_at": column("d")})
    assert [row["reason"] for row in rejected] == ["unparsable_date"]


def test_tables_are_rows_of_json(tmp_path: Path) -> None:
    rows = [{"b": 1, "a": "x", "when": "2020-01-01"}, {"when": "2020-01-02", "a": None}]
    fields = {"collected_at": column("when")}
    kept, _ = from_lines(tmp_path, *rows, modality="table", fields=fields)
    assert [row["text"] for row in kept] == ['{"a":"x","b":1,"when":"2020-01-01"}', '{"a":null,"when":"2020-01-02"}']
    assert [(row["tokens"], row["modality"]) for row in kept] == [(1, "table")] * 2
    moment = pa.array([0], pa.timestamp("ns"))
    table = pa.table({"when": [date(2020, 1, 1)], "b": [1.5], "c": [[b"\xff"]], "t": moment})
    pq.write_table(table, tmp_path / "a.parquet")
    _, kept, _ = ingest(tmp_path, uri="a.parquet", modality="table", fields=fields)
    assert kept[0]["text"] == '{"b":1.5,"c":["/w=="],"t":"1970-01-01 00:00:00.000000000","when":"2020-01-01"}'
    kept, _ = from_lines(tmp_path, *rows, modality="table", fields={**fields, "text": column("when")})
    assert [row["text"] for row in kept] == ["2020-01-01", "2020-01-02"]


def test_images_in_a_hugging_face_column(tmp_path: Path) -> None:
    image = pa.array([{"bytes": png(1), "path": "x.png"}, {"bytes": None, "path": "y.png"}, None])
    pq.write_table(pa.table({"image": image}), tmp_path / "a.parquet")
    fields = {"payload": column("image")}
    _, kept, rejected = ingest(tmp_path, uri="a.parquet", modality="image", fields=fields)
    assert [row["payload"] for row in kept] == [png(1)]
    assert [row["reason"] for row in rejected] == ["not_an_image"] * 2


@pytest.mark.parametrize("field", ["id", "text", "parents"])
def test_constants_that_cannot_be_meant(tmp_path: Path, field: str) -> None:
    with pytest.raises(UsageError, match=rf"source s: `fields.{field}: body`.*write {{column: body}}"):
        from_lines(tmp_path, {"text": "a"}, fields={field: "body"})
