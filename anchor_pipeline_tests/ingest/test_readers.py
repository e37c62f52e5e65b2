"""What real libraries write comes back exactly, whatever the size of blocks, batches, row groups and files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.readers import READERS, base, guess_reader, jsonl, reader_named, streams
from anchor_pipeline_tests.ingest.support import read

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
rows = st.lists(st.tuples(texts, texts), max_size=30)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _expected(pairs: list[tuple[str, str]], first: int = 1) -> list[dict[str, Any]]:
    return [{"id": id, "text": text, "row": at} for at, (id, text) in enumerate(pairs, first)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Blocks and batches of a few bytes."""
    for module in (streams, jsonl, base):
        for name, value in (("BLOCK", 7), ("BATCH_BYTES", 64)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    return monkeypatch


@few
@given(rows, st.sampled_from(["", ".gz", ".zst"]), st.booleans(), st.booleans(), st.integers(1, 200))
def test_json_lines(small: pytest.MonkeyPatch, pairs: Any, packing: str, ascii: bool, crlf: bool, block: int) -> None:
    small.setattr(streams, "BLOCK", block)
    end = "\r\n" if crlf else "\n"
    lines = [json.dumps({"id": id, "text": text}, ensure_ascii=ascii) + end for id, text in pairs]
    data = "".join(lines).encode()
    if packing == ".gz":  # in two members, as tools that append write it
        data = gzip.compress(data[:11]) + gzip.compress(data[11:])
    elif packing == ".zst":
        data = zstandard.compress(data[:11]) + zstandard.ZstdCompressor(write_checksum=True).compress(data[11:])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.jsonl{packing}"
        path.write_bytes(data)
        assert read("jsonl", path, "id", "text") == (_expected(pairs), [])


def test_json_lines_last_line_without_end_bom_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n\n  \n{"text": "b"}')
    assert [(row["text"], row["row"]) for row in read("jsonl", path, "text")[0]] == [("a", 1), ("b", 4)]


@few
@given(rows, st.sampled_from(["", ".gz", ".zst"]), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), st.booleans())
def test_csv(small: pytest.MonkeyPatch, pairs: Any, packing: str, quoting: Any, unix: bool) -> None:
    buffer = io.StringIO(newline="")
    # With \n alone, Python before 3.13 leaves a lone \r unquoted.
    writer = csv.writer(buffer, quoting=quoting, lineterminator="\n" if unix and quoting == csv.QUOTE_ALL else "\r\n")
    writer.writerows([("id", "text"), *pairs])
    data = buffer.getvalue().encode()
    packed = {"": data, ".gz": gzip.compress(data), ".zst": zstandard.compress(data)}[packing]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.csv{packing}"
        path.write_bytes(packed)
        found, rejects = read("csv", path, "id", "text")
    assert [(row["id"], row["text"]) for row in found] == pairs
    assert rejects == []
    lines = [row["row"] for row in found]
    assert lines == sorted(set(lines))


def test_csv_rows_are_the_lines_they_start_on(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\n1\t"two\nlines"\n\n2\tb\n', encoding="utf-8")
    assert [row["row"] for row in read("csv", path, "text")[0]] == [2, 5]


@few
@given(rows, st.integers(1, 7), st.booleans(), st.sampled_from(["zstd", "snappy", "none"]))
def test_parquet(small: pytest.MonkeyPatch, pairs: Any, group: int, polars: bool, packing: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        columns = {"id": [id for id, _ in pairs], "text": [text for _, text in pairs], "text.x": [1] * len(pairs)}
        if polars:
            schema = {"id": pl.Categorical, "text": pl.String, "text.x": pl.Int8}
            frame = pl.DataFrame(columns, schema=schema)
            frame.write_parquet(path, row_group_size=group, compression="zstd" if packing == "zstd" else "uncompressed")
        else:
            table = pa.table(
                {name: pa.array(values, None if values else pa.string()) for name, values in columns.items()}
            )
            pq.write_table(table, path, row_group_size=group, compression=packing, data_page_size=50)
        assert read("parquet", path, "id", "text") == (_expected(pairs), [])


@few
@given(rows, st.integers(1, 7), st.sampled_from(["file", "stream", "polars", "polars stream"]), st.booleans())
def test_arrow(small: pytest.MonkeyPatch, pairs: Any, size: int, writer: str, zstd: bool) -> None:
    columns = {"id": [id for id, _ in pairs], "text": [text for _, text in pairs]}
    options = pa.ipc.IpcWriteOptions(compression="zstd" if zstd else None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.arrow"
        if writer == "polars":
            pl.DataFrame(columns, schema={"id": pl.String, "text": pl.Categorical}).write_ipc(path)
        elif writer == "polars stream":
            pl.DataFrame(columns, schema={"id": pl.String, "text": pl.String}).write_ipc_stream(path)
        else:
            table = pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()})
            make = pa.ipc.new_file if writer == "file" else pa.ipc.new_stream
            with make(str(path), table.schema, options=options) as sink:
                sink.write_table(table, max_chunksize=size)
        assert read("arrow", path, "id", "text") == (_expected(pairs), [])


def test_text_files_are_one_document_each(tmp_path: Path) -> None:
    path = tmp_path / "b.md"
    path.write_bytes("a\r\nb ü\n".encode())
    found, rejects = read("text", path, "text", "path", "folder", name="a/b.md")
    assert found == [{"text": "a\r\nb ü\n", "path": "a/b.md", "folder": "a", "row": 1}]
    assert rejects == []


def test_readers_only_take_the_columns_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"], "big": [b"0" * 100]}), path)
    assert read("parquet", path, "text")[0] == [{"text": "a", "row": 1}]
    assert read("parquet", path, "text", whole_row=True)[0] == [{"text": "a", "big": b"0" * 100, "row": 1}]


def test_formats_are_told_by_name() -> None:
    def told(*names: str, modality: str = "text") -> str:
        return guess_reader(names, modality).name

    assert told("a/b.jsonl.gz", "README.md", "LICENSE") == "jsonl"
    assert told("x.CSV.zst") == "csv"
    assert told("x.pq") == "parquet"
    assert told("notes/a.rst", "b.txt") == "text"
    assert told("dataset_info.json", "data-0.arrow") == "arrow"
    assert told("x.zip", modality="image") == "images"
    assert told("x.zip", modality="audio") == "audio"
    with pytest.raises(UsageError, match=r"could be parquet or csv.*parquet, jsonl, csv, text, arrow, images, audio"):
        told("a.csv", "b.parquet")
    with pytest.raises(UsageError, match="tells no format"):
        told("a.json")


def test_the_registry_lists_the_valid_names() -> None:
    assert list(READERS) == [reader.name for reader in READERS.values()]
    with pytest.raises(
        UsageError, match="no format 'xml'; formats are parquet, jsonl, csv, text, arrow, images, audio"
    ):
        reader_named("xml")
