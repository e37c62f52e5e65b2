"""Damaged and hostile files, made by damaging real ones: a broken file gives nothing, a broken row is kept."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from anchor_pipeline.ingest.readers import csv, jsonl, reader_named, streams
from anchor_pipeline.ingest.readers.base import RawFile, UnreadableFile, Wanted
from anchor_pipeline_tests.ingest.support import gathered, ingest, read

LINES = b"".join(json.dumps({"id": str(at), "text": f"text {at * 7919 % 1000}"}).encode() + b"\n" for at in range(2000))


def unreadable(format: str, path: Path, *columns: str, **wanted: Any) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read(format, path, *(columns or ("text",)), **wanted)
    assert path.name in str(caught.value)
    assert ";" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("cut", [0, 1, 9, 0.5, -9, -1])
@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_truncated_stream(tmp_path: Path, packing: str, cut: float) -> None:
    data = gzip.compress(LINES) if packing == "gz" else zstandard.compress(LINES)
    size = int(len(data) * cut) if isinstance(cut, float) else cut % len(data) if cut else 0
    path = tmp_path / f"a.jsonl.{packing}"
    path.write_bytes(data[:size])
    error = unreadable("jsonl", path)
    assert error.offset is not None
    assert 0 <= error.offset <= size


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_flipped_bits_never_give_other_rows(tmp_path: Path, packing: str) -> None:
    data = gzip.compress(LINES) if packing == "gz" else zstandard.ZstdCompressor(write_checksum=True).compress(LINES)
    whole, _ = _rows(tmp_path, data, packing)
    draw = random.Random(5)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        try:
            rows, rejects = _rows(tmp_path, bytes(damaged), packing)
        except UnreadableFile:
            continue
        assert rows == whole  # flags and the time in a gzip header are nobody's business
        assert not rejects


def _rows(folder: Path, data: bytes, packing: str) -> Any:
    path = folder / f"a.jsonl.{packing}"
    path.write_bytes(data)
    return read("jsonl", path, "id", "text")


def test_garbage_after_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINES) + b"\0" * 1000)
    assert len(read("jsonl", path, "text")[0]) == 2000  # padding is allowed
    path.write_bytes(gzip.compress(LINES) + b"garbage")
    assert unreadable("jsonl", path).offset == len(gzip.compress(LINES))


def test_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FREE_BYTES", 1_000_000)
    monkeypatch.setattr(streams, "_MAX_RATIO", 100)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 20_000_000))
    assert "expands more than 100 times" in unreadable("jsonl", path).problem


def test_lines_that_are_no_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = [
        b'{"text": "x"',
        b"[1]",
        b'"s"',
        b"1",
        b'{"text": "\xff"}',
        b'{"text": NaN}',
        b"[" * 5000,
        b'{"text": "\\ud800"}',
    ]
    path.write_bytes(b"\n".join([b'{"text": "good"}', *bad, b'{"text": "also good"}']))
    rows, rejects = read("jsonl", path, "text")
    assert [row["row"] for row in rows] == [1, len(bad) + 2]
    assert [reject.row for reject in rejects] == list(range(2, len(bad) + 2))
    assert [reject.content for reject in rejects] == bad
    assert [reject.reason for reject in rejects].count("bad_utf8") == 1
    assert {reject.reason for reject in rejects} == {"bad_utf8", "unparsable_row"}


@pytest.mark.parametrize("block", [10, 64, 1000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_endless_lines_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, end: bytes) -> None:
    monkeypatch.setattr(jsonl, "LINE_LIMIT", 200)
    monkeypatch.setattr(streams, "BLOCK", block)
    path = tmp_path / "a.jsonl"
    long = b'{"text": "' + b"x" * 5000 + b'"}'
    path.write_bytes(b'{"text": "a"}\n' + long + b'\n{"text": "b"}\n' + long + end)
    rows, rejects = read("jsonl", path, "text")
    if block < 1000:  # a line within one block is not worth refusing
        assert [(row["text"], row["row"]) for row in rows] == [("a", 1), ("b", 3)]
        assert [(reject.row, reject.reason, reject.size) for reject in rejects] == [
            (2, "oversized", len(long)),
            (4, "oversized", len(long)),
        ]


def test_missing_columns_name_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"txt": "a"}\n{"txt": "b", "id": 1}\n')
    assert "missing column `text` (did you mean `txt`?)" in unreadable("jsonl", path).problem
    assert read("jsonl", path, "txt", "id", "maybe", optional=frozenset(["maybe"]))[0][0]["maybe"] is None
    pq.write_table(pa.table({"txt": ["a"]}), tmp_path / "a.parquet")
    assert "did you mean `txt`" in unreadable("parquet", tmp_path / "a.parquet").problem
    (tmp_path / "a.csv").write_text("txt\na\n")
    assert "did you mean `txt`" in unreadable("csv", tmp_path / "a.csv").problem
    (tmp_path / "b.csv").write_text("text,text\na,b\n")
    assert "occurs 2 times" in unreadable("csv", tmp_path / "b.csv").problem
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), pa.schema({"txt": pa.string()})):
        pass
    assert "did you mean `txt`" in unreadable("arrow", tmp_path / "a.arrow").problem


def test_broken_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\n1,a\n2\n3,b,c\n"4"x,d\n5,\xff\n6,e\n')
    rows, rejects = read("csv", path, "text")
    assert [row["row"] for row in rows] == [2, 7]
    assert [(reject.row, reject.reason) for reject in rejects] == [
        (3, "ragged_row"),
        (4, "ragged_row"),
        (5, "unparsable_row"),
        (6, "bad_utf8"),
    ]
    assert rejects[1].content == b"3,b,c\n"
    assert rejects[3].content == b"5,\xff"
    path.write_bytes(b'id,text\n1,a\n2,"b\n3,c\n')
    error = unreadable("csv", path)
    assert error.row == 3
    assert "not closed" in error.problem
    path.write_bytes(b"")
    assert "expected a header" in unreadable("csv", path).problem


def test_csv_without_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "FIELD_LIMIT", 1000)
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\n" + b"x" * 5000)
    assert unreadable("csv", path).row == 2


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"text {at}" * 10 for at in range(3000)]})
    pq.write_table(table, path, row_group_size=1000, write_page_checksum=True)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert unreadable("parquet", path).offset == len(whole) - 9
    path.write_bytes(b"")
    assert unreadable("parquet", path).offset == 0
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    path.write_bytes(whole[:footer] + b"\xff" * 20 + whole[footer + 20 :])
    assert unreadable("parquet", path).offset is not None
    at = pq.read_metadata(io.BytesIO(whole)).row_group(1).column(0).data_page_offset
    path.write_bytes(whole[: at + 300] + bytes([whole[at + 300] ^ 1]) + whole[at + 301 :])
    error = unreadable("parquet", path)
    assert "row group 2 of 3" in error.problem
    assert error.offset == at


@pytest.mark.parametrize("kind", ["parquet", "wide parquet", "arrow", "dictionary", "view"])
def test_columns_of_strings_that_are_not_utf8(tmp_path: Path, kind: str) -> None:
    values = [b"good", b"\xff\xfe", b"fine", None, b"\xed\xa0\x80"]
    bad = pa.array(values, pa.binary()).view(pa.string())
    if kind == "wide parquet":
        bad = pa.array(values, pa.large_binary()).view(pa.large_string())
    elif kind == "dictionary":
        bad = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 4], pa.int8()), bad)
    elif kind == "view":
        bad = pa.array(values, pa.binary_view()).view(pa.string_view())
    table = pa.table({"id": [1, 2, 3, 4, 5], "text": bad})
    path = tmp_path / "a.parquet"
    if "parquet" in kind:
        pq.write_table(table, path)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as sink:
            sink.write_table(table)
    rows, rejects = read("parquet" if "parquet" in kind else "arrow", path, "id", "text", text="text")
    assert [(row["row"], row["text"]) for row in rows] == [(1, "good"), (3, "fine"), (4, None)]
    assert [(reject.row, reject.reason, reject.content) for reject in rejects] == [
        (2, "bad_utf8", b"\xff\xfe"),
        (5, "bad_utf8", b"\xed\xa0\x80"),
    ]


def _arrow(path: Path, stream: bool) -> bytes:
    schema = pa.schema({"text": pa.string()})
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), schema) as sink:
        for at in range(3):
            sink.write_batch(pa.record_batch({"text": [f"text {at}"] * 100}))
    return path.read_bytes()


@pytest.mark.parametrize("stream", [True, False])
def test_truncated_arrow(tmp_path: Path, stream: bool) -> None:
    path = tmp_path / "a.arrow"
    whole = _arrow(path, stream)
    # Without the last 8 bytes a stream still parses: only its end mark is gone.
    for size in {0, 1, 10, len(whole) // 2, len(whole) - 8, len(whole) - 1}:
        path.write_bytes(whole[:size])
        unreadable("arrow", path)
    if stream:
        path.write_bytes(whole + b"more\xff\xff\xff\xff\0\0\0\0")
        assert "follow the end" in unreadable("arrow", path).problem


def test_arrow_with_offsets_that_point_outside(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    offsets = pa.py_buffer(struct.pack("<4i", 0, 4, 2**30, 8))
    column = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"somebyte"))
    batch = pa.RecordBatch.from_arrays([column], names=["text"])
    with pa.ipc.new_file(str(path), batch.schema) as sink:
        sink.write_batch(batch)
    assert "inconsistent" in unreadable("arrow", path).problem


def test_arrow_with_indices_that_point_outside(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    column = pa.DictionaryArray.from_arrays(pa.array([0, 100, 1], pa.int32()), pa.array(["a", "b"]), safe=False)
    with pa.ipc.new_file(str(path), pa.schema({"text": column.type})) as sink:
        sink.write_batch(pa.RecordBatch.from_arrays([column], names=["text"]))
    assert "inconsistent" in unreadable("arrow", path).problem


def test_flipped_bits_in_arrow_never_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    whole = _arrow(path, False)
    draw = random.Random(1)
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            read("arrow", path, "text", text="text")
        except UnreadableFile:
            continue


def test_a_loose_file_that_is_no_wave(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"ID3 not a wave at all")
    assert unreadable("audio", path, "payload").offset == 0


def test_a_file_cut_short_gives_no_rows_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_bytes(LINES)
    (tmp_path / "in/b.jsonl.gz").write_bytes(gzip.compress(LINES.replace(b"text ", b"b "))[:-4000])
    (tmp_path / "in/c.jsonl").write_bytes(LINES[:500].rpartition(b"\n")[0])
    snapshot, kept, _ = ingest(tmp_path, uri="in", format="jsonl", fields={})
    assert {row["raw_file"] for row in kept} == {"a.jsonl", "c.jsonl"}
    assert [file.path for file in snapshot.files] == ["a.jsonl", "c.jsonl"]
    assert [entry.path for entry in snapshot.unreadable] == ["b.jsonl.gz"]
    assert snapshot.unreadable[0].offset is not None
    assert "b.jsonl.gz, byte" in snapshot.unreadable[0].message


def test_no_reader_unpickles() -> None:
    package = Path(streams.__file__).parents[1]
    for file in package.rglob("*.py"):
        code = file.read_text(encoding="utf-8")
        assert "import pickle" not in code, file
        assert "allow_pickle=True" not in code, file


def test_reading_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINES * 150, 1))  # 10 MB
    file, wanted = RawFile(path.name, path), Wanted(columns=("text",))
    sizes = [chunk.batch.nbytes for chunk in reader_named("jsonl").read(file, wanted)]
    assert len(sizes) > 2
    assert max(sizes) < 32 * 1024 * 1024
    assert len(gathered(reader_named("jsonl").read(file, wanted))[0]) == 2000 * 150
