"""CSV and TSV files with a header line (RFC 4180), plain, gzip or zstd. The raw row is the line a record starts on.

All values are strings. Blank lines are no records. A record with another number of fields than the header is
rejected; a quote that is never closed makes the file unreadable, since nothing after it can be told apart.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, TextIO

import pyarrow as pa

from anchor_pipeline.ingest.readers.base import (
    BATCH_BYTES,
    ROW,
    Chunk,
    RawFile,
    Reader,
    Reject,
    UnreadableFile,
    Wanted,
    select_columns,
)
from anchor_pipeline.ingest.readers.streams import SUFFIXES, blocks

FIELD_LIMIT = 128 * 1024 * 1024
"""Longest field and longest line, in characters."""


class CsvReader(Reader):
    """Reader of CSV and TSV files."""

    name = "csv"
    suffixes = (".csv", ".tsv")
    compressed = True

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """Chunks of records. Raises UnreadableFile for a missing column, header or closing quote."""
        csv.field_size_limit(max(csv.field_size_limit(), FIELD_LIMIT))
        records = _Records(file)
        header = records.header()
        names = select_columns(file, wanted, header)
        positions = [header.index(name) for name in names]
        rows: list[list[str]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        held = 0
        for number, record, size in records:
            held += size
            if isinstance(record, Reject):
                rejects.append(record)
            elif len(record) != len(header):
                detail = f"expected {len(header)} fields, as the header has; found {len(record)}"
                rejects.append(Reject.of(number, "ragged_row", detail, records.content(record)))
            else:
                rows.append(record)
                numbers.append(number)
            if held > BATCH_BYTES // 2:
                yield _chunk(records, names, positions, numbers, rows, rejects)
                rows, numbers, rejects, held = [], [], [], 0
        yield _chunk(records, names, positions, numbers, rows, rejects)


class _Records:
    """The records of a CSV file after its header: (line, fields or Reject, characters read)."""

    def __init__(self, file: RawFile) -> None:
        self.file = file
        bare = file.name
        for suffix in SUFFIXES:
            bare = bare.removesuffix(suffix)
        self.delimiter = "\t" if bare.endswith(".tsv") else ","
        # Bytes that are not UTF-8 pass as lone surrogates, and are found when the batch is encoded.
        text = io.TextIOWrapper(
            io.BufferedReader(_Stream(blocks(file))), encoding="utf-8", errors="surrogateescape", newline=""
        )
        self._read: list[str] = []
        self._parser = csv.reader(self._lines(text), delimiter=self.delimiter, strict=True)

    def header(self) -> list[str]:
        """The first record. Raises UnreadableFile if there is none."""
        for number, record, _ in self:
            if isinstance(record, Reject):
                raise UnreadableFile(
                    self.file.name, f"the header is not CSV: {record.detail}", "correct it", row=number
                )
            return record
        raise UnreadableFile(self.file.name, "expected a header line, found nothing", "add the header", offset=0)

    def __iter__(self) -> Iterator[tuple[int, list[str] | Reject, int]]:
        parser, read = self._parser, self._read
        while True:
            read.clear()
            number = parser.line_num + 1
            record: list[str] | Reject
            try:
                record = next(parser)
            except StopIteration:
                return
            except csv.Error as error:
                record = self._broken(number, str(error))
            if record:
                yield number, record, sum(map(len, read))

    def content(self, record: list[str]) -> bytes:
        """The record just read, or something close to it, as bytes."""
        return ("".join(self._read) or self.delimiter.join(record)).encode("utf-8", "surrogateescape")

    def _broken(self, number: int, problem: str) -> Reject:
        if "unexpected end of data" in problem or "field limit" in problem:
            raise UnreadableFile(
                self.file.name,
                f"a quote in the record that starts on line {number} is not closed ({problem})",
                "the file is truncated or its quotes are broken; write it again",
                row=number,
            )
        return Reject.of(number, "unparsable_row", f"not CSV: {problem}", self.content([]))

    def _lines(self, text: TextIO) -> Iterator[str]:
        first = True
        while line := text.readline(FIELD_LIMIT):
            if len(line) == FIELD_LIMIT:
                raise UnreadableFile(
                    self.file.name,
                    f"a line is longer than {FIELD_LIMIT} characters",
                    "it is not a CSV file, or broken",
                    row=self._parser.line_num + 1,
                )
            if first:
                line, first = line.removeprefix("\ufeff"), False
            self._read.append(line)
            yield line


def _chunk(
    records: _Records,
    names: list[str],
    positions: list[int],
    numbers: list[int],
    rows: list[list[str]],
    rejects: list[Reject],
) -> Chunk:
    try:
        columns: list[Any] = [pa.array([row[at] for row in rows], pa.large_string()) for at in positions]
    except UnicodeEncodeError:
        good: list[int] = []
        for at, row in enumerate(rows):
            try:
                "".join(row).encode("utf-8")
                good.append(at)
            except UnicodeEncodeError:
                content = records.delimiter.join(row).encode("utf-8", "surrogateescape")
                rejects.append(Reject.of(numbers[at], "bad_utf8", "a field of the row is not UTF-8", content))
        numbers = [numbers[at] for at in good]
        columns = [pa.array([rows[at][position] for at in good], pa.large_string()) for position in positions]
        rejects.sort(key=lambda reject: reject.row)
    batch = pa.RecordBatch.from_arrays([*columns, pa.array(numbers, pa.int64())], names=[*names, ROW])
    return Chunk(batch, tuple(rejects))


class _Stream(io.RawIOBase):
    """An iterator of blocks as a raw stream."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._source, b""))
        view = memoryview(buffer)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
