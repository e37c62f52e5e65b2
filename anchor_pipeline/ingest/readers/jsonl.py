"""JSON lines: one object a line (RFC 8259), plain, gzip or zstd. The raw row number is the line number.

Every line stands for itself: a line that is not UTF-8 or not a JSON object is rejected and the rest is read.
Columns other than the text come as strings, non-strings as their JSON text, so that the outcome of a row
never depends on which rows are read with it. Blank lines are no rows. For `where`, values have their JSON
types (objects and lists are JSON text: write meta->>'lang').
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from anchor_pipeline.ingest.readers.base import (
    KEPT_BYTES,
    NOT_TEXT,
    ROW,
    ROW_JSON,
    Chunk,
    RawFile,
    Reader,
    Reject,
    UnreadableFile,
    Wanted,
    WhereFailed,
    missing_columns,
)
from anchor_pipeline.ingest.readers.streams import blocks

LINE_LIMIT = 256 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_INT64 = range(-(2**63), 2**63)


class JsonlReader(Reader):
    """Reader of JSON lines."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson", ".jsonlines")
    compressed = True

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """Chunks of parsed lines. Raises UnreadableFile if a needed key is in none of the objects."""
        unseen = {name for name in wanted.all_columns if name not in wanted.optional}
        keys: dict[str, None] = {}
        objects = 0
        for first, lines in _lines(file):
            numbers, rows, rejects = _parse(first, lines)
            objects += len(rows)
            if unseen:
                for row in rows:
                    if not unseen.isdisjoint(row):
                        unseen.difference_update(row)
                        if not unseen:
                            break
                if rows and len(keys) < 20:
                    keys.update(dict.fromkeys(rows[0]))
            yield _chunk(file, wanted, numbers, rows, rejects)
        if unseen and objects:
            error = missing_columns(file, sorted(unseen), list(keys))
            if error is not None:
                raise error


def _lines(file: RawFile) -> Iterator[tuple[int, list[bytes | Reject]]]:
    """(number of the first line, lines) per block; a line over LINE_LIMIT comes as a Reject."""
    carry: list[bytes] = []  # the start of a line whose end is not yet read
    held = skipped = 0
    number = 1
    start = True
    for block in blocks(file):
        if start:
            block, start = block.removeprefix(_BOM), False
        cut = block.rfind(b"\n")
        if cut < 0:
            if held > LINE_LIMIT:
                skipped += len(block)
            else:
                carry.append(block)
            held += len(block)
            continue
        if held > LINE_LIMIT:
            head, _, block = block.partition(b"\n")
            cut -= len(head) + 1
            yield number, [_too_long(number, carry, skipped + len(head))]
            number += 1
        else:
            block = b"".join([*carry, block])
            cut += held
        skipped = 0
        if cut >= 0:
            lines: list[bytes | Reject] = list(block[:cut].split(b"\n"))
            yield number, lines
            number += len(lines)
        carry = [block[cut + 1 :]]
        held = len(carry[0])
    if held > LINE_LIMIT:
        yield number, [_too_long(number, carry, skipped)]
    elif held:
        yield number, [b"".join(carry)]


def _too_long(number: int, carry: list[bytes], skipped: int) -> Reject:
    size = sum(map(len, carry)) + skipped
    content = b"".join(carry)[:KEPT_BYTES]
    return Reject(number, "oversized", f"the line has {size} bytes, more than {LINE_LIMIT}", content, size)


def _parse(first: int, lines: list[bytes | Reject]) -> tuple[list[int], list[dict[str, Any]], list[Reject]]:
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    loads = orjson.loads
    for number, line in enumerate(lines, first):
        try:
            value = loads(line)  # type: ignore[arg-type]
        except (orjson.JSONDecodeError, TypeError) as error:
            if isinstance(line, Reject):
                rejects.append(line)
            elif line.strip():
                rejects.append(_unparsable(number, line, error))
            continue
        if type(value) is dict:
            numbers.append(number)
            rows.append(value)
        elif isinstance(line, bytes):
            found = type(value).__name__
            rejects.append(Reject.of(number, "unparsable_row", f"expected a JSON object, found a {found}", line))
    return numbers, rows, rejects


def _unparsable(number: int, line: bytes, error: Exception) -> Reject:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as bad:
        return Reject.of(number, "bad_utf8", f"byte {bad.start + 1} of the line is not UTF-8", line)
    return Reject.of(number, "unparsable_row", f"not JSON: {error}", line)


def _chunk(
    file: RawFile, wanted: Wanted, numbers: list[int], rows: list[dict[str, Any]], rejects: list[Reject]
) -> Chunk:
    total = len(rows)
    if wanted.where is not None and rows:
        try:
            kept = _kept(wanted, rows)
        except WhereFailed as error:
            raise UnreadableFile(
                file.name, str(error), "correct `where` of the source, or the rows", row=numbers[0]
            ) from None
        numbers = [numbers[at] for at in kept]
        rows = [rows[at] for at in kept]
    columns: dict[str, Any] = {}
    for name in wanted.columns:
        values = [row.get(name) for row in rows]
        columns[name], strings = _strings(values)
        if name == wanted.text and not strings:
            columns[NOT_TEXT] = pa.array([value is not None and type(value) is not str for value in values], pa.bool_())
    if wanted.whole_row:
        columns[ROW_JSON] = pa.array([_json(row) for row in rows], pa.large_string())
    columns[ROW] = pa.array(numbers, pa.int64())
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return Chunk(batch, tuple(rejects), sifted=True, filtered=total - len(rows))


def _strings(values: list[Any]) -> tuple[Any, bool]:
    """The values as an Arrow string array, and whether all of them were strings (or null)."""
    try:
        return pa.array(values, pa.large_string()), True
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [value if value is None or type(value) is str else _json(value) for value in values]
        return pa.array(texts, pa.large_string()), False


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _kept(wanted: Wanted, rows: list[dict[str, Any]]) -> list[int]:
    """Positions of the rows that `where` keeps, asked per combination of JSON types.

    DuckDB needs one type per column. Asking about rows of unlike types separately makes the answer for a
    row depend on that row alone, not on its neighbours in the batch.
    """
    where = wanted.where
    assert where is not None
    columns = [[row.get(name) for row in rows] for name in where.columns]
    shapes: dict[tuple[str, ...], list[int]] = {}
    for at, values in enumerate(zip(*columns, strict=True)):
        shapes.setdefault(tuple([_shape(value) for value in values]), []).append(at)
    kept: list[int] = []
    for shape, positions in shapes.items():
        arrays = [_TYPED[kind]([column[at] for at in positions]) for kind, column in zip(shape, columns, strict=True)]
        keep = where.keep(pa.RecordBatch.from_arrays(arrays, names=list(where.columns)))
        kept += np.asarray(positions)[keep].tolist()
    return sorted(kept)


_SHAPES = {str: "text", type(None): "null", bool: "bool", float: "float", list: "json", dict: "json"}


def _shape(value: Any) -> str:
    if type(value) is int:
        return "int" if value in _INT64 else "float"
    return _SHAPES[type(value)]


_TYPED: dict[str, Any] = {
    "text": lambda values: pa.array(values, pa.string()),
    "null": lambda values: pa.nulls(len(values)),
    "bool": lambda values: pa.array(values, pa.bool_()),
    "int": lambda values: pa.array(values, pa.int64()),
    "float": lambda values: pa.array([float(value) for value in values], pa.float64()),
    "json": lambda values: pa.array([_json(value) for value in values], pa.string()),
}
