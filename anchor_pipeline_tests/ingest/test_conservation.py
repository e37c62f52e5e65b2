"""Nothing vanishes: whatever is in the files, every row is in a shard, in quarantine with a reason, or filtered."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.ingest import units
from anchor_pipeline.ingest.quarantine import REASONS
from anchor_pipeline.ingest.readers import streams
from anchor_pipeline_tests.ingest.support import check_conservation, ingest

texts = st.one_of(
    st.none(), st.sampled_from(["", "  ", "a b", "\ufeff", "ü" * 30, "x" * 200, "\x00", "東京"]), st.text(max_size=10)
).filter(lambda text: text is None or not any("\ud800" <= character <= "\udfff" for character in text))
odd = st.one_of(texts, st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.lists(st.integers(), max_size=2))
dates = st.sampled_from(
    ["2020-01-01", "2020-01-01T10:00Z", "2020-13-01", "", None, 5, 1e300, "0001-01-01", "NaN", True]
)
licences = st.sampled_from(["MIT", "mit or isc", "ISC", "GPL-3.0-only", "?", "", None, 5, ["MIT"]])
domains = st.sampled_from(["d", "e", "f", None, 3])
authors = st.sampled_from(["human", "synthetic", "robot", None, ""])
record = st.fixed_dictionaries(
    {"id": odd, "text": st.one_of(texts, odd), "at": dates, "l": licences, "d": domains, "by": authors}
)
line = st.one_of(
    record.map(lambda row: json.dumps(row, ensure_ascii=False).encode()),
    st.sampled_from([b"{", b"[1]", b"null", b"\xff", b'{"text": "\xff"}', b"{}", b" ", b""]),
    st.binary(max_size=20).filter(lambda data: b"\n" not in data),
)
SOURCE: dict[str, Any] = {
    "fields": {
        "id": {"column": "id"},
        "collected_at": {"column": "at"},
        "licence": {"column": "l"},
        "authorship": {"column": "by"},
        "stratum": {"column": "l"},
        "parents": {"column": "id", "separator": " "},
        "generator": {"column": "by"},
    },
    "domain": {"column": "d"},
    "max_bytes": 100,
    "rules": {"licence": {"allow": ["MIT", "ISC"]}},
}
hostile = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def _is_row(line: bytes, first: bool) -> bool:
    if first:
        line = line.removeprefix(b"\xef\xbb\xbf")
    return bool(line.strip())


@hostile
@given(st.lists(st.lists(line, max_size=12), min_size=1, max_size=4), st.integers(1, 60), st.booleans())
def test_json_lines(files: list[list[bytes]], block: int, filtered: bool) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        patch.setattr(units, "BATCH_BYTES", block * 10)
        patch.setattr(units, "SHARD_BYTES", block * 20)
        folder = Path(name)
        (folder / "in").mkdir()
        for at, lines in enumerate(files):
            (folder / f"in/{at}.jsonl").write_bytes(b"\n".join(lines))
        where = {"where": "text IS NULL OR d = 'd'"} if filtered else {}
        snapshot, kept, rejected = ingest(folder, uri="in", format="jsonl", **SOURCE, **where)
        check_conservation(snapshot, kept, rejected)
        broken = {entry.path for entry in snapshot.unreadable}
        assert broken.isdisjoint(file.path for file in snapshot.files)
        assert len(broken) + len(snapshot.files) == len(files)
        for file in snapshot.files:
            lines = files[int(file.path[0])]
            assert file.read + file.filtered == sum(_is_row(line, at == 0) for at, line in enumerate(lines))
            numbers = [row["raw_row"] for row in [*kept, *rejected] if row["raw_file"] == file.path]
            assert max(Counter(numbers).values(), default=1) == 1
            assert all(_is_row(lines[number - 1], number == 1) for number in numbers)
        assert {row["reason"] for row in rejected} <= set(REASONS)
        assert all(row["detail"] for row in rejected)
        _check_documents(kept)


def _check_documents(kept: list[dict[str, Any]]) -> None:
    for row in kept:
        assert row["text"].strip()
        assert len(row["text"].encode()) == row["bytes"] <= 100
        assert row["licence"] in ("MIT", "ISC", "MIT OR ISC")
        assert row["domain"] in ("d", "e")
        assert row["authorship"] in ("human", "synthetic", "unknown", "human_edited")
        assert row["collected_at"].year == 2020
        assert row["doc_id"].startswith("s/")


fields = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@hostile
@given(
    st.lists(st.one_of(st.lists(fields, min_size=6, max_size=6), st.lists(fields, min_size=1, max_size=8)), max_size=15)
)
def test_csv(rows: list[list[str]]) -> None:
    rows = [row for row in rows if row != [""]]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([["id", "text", "at", "l", "d", "by"], *rows])
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "a.csv").write_bytes(buffer.getvalue().encode())
        snapshot, kept, rejected = ingest(Path(name), uri="a.csv", **SOURCE)
    check_conservation(snapshot, kept, rejected)
    assert snapshot.unreadable == ()
    assert snapshot.read == len(rows)
    assert snapshot.quarantined.get("ragged_row", 0) == sum(len(row) != 6 for row in rows)


strings = st.one_of(st.none(), st.binary(max_size=6))
moments = st.one_of(st.none(), st.integers(-(2**62), 2**62))


@hostile
@given(st.lists(st.tuples(strings, moments), max_size=20), st.integers(1, 5), st.sampled_from(["s", "ms", "us", "ns"]))
def test_parquet(rows: list[tuple[bytes | None, int | None]], group: int, unit: str) -> None:
    text = pa.array([text for text, _ in rows], pa.binary()).view(pa.string())
    at = pa.array([at for _, at in rows], pa.int64())
    unit, at = ("us", at) if unit == "s" else (unit, at)  # Parquet has no seconds
    ids = pa.array([float("nan")] * len(rows))
    table = pa.table({"text": text, "at": at.cast(pa.timestamp(unit)), "id": ids, "l": at})
    changed = {**SOURCE, "domain": "d", "fields": {**SOURCE["fields"], "licence": "MIT", "authorship": "human"}}
    changed["fields"].pop("generator")
    with tempfile.TemporaryDirectory() as name:
        pq.write_table(table, Path(name) / "a.parquet", row_group_size=group)
        snapshot, kept, rejected = ingest(Path(name), uri="a.parquet", **changed)
    assert snapshot.unreadable == ()
    check_conservation(snapshot, kept, rejected)
    assert snapshot.read == len(rows)
