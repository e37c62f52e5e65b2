"""The fact set of table rows, `table-1`.

A row's content is canonical JSON of its fields (ingest/content.py); where a project declares one column as the text, a
row may be anything. Rows of one raw file in their order are taken for a series, where they have the same fields.

| column | type | meaning |
|---|---|---|
| layout | string, null | names of the fields, sorted, as a JSON list; all columns are null if it is no JSON object |
| cells | list<uint64>, null | a hash of each field's value, in that order; numbers by value, whether 1, 1.0 or "1" |
| numbers | list<float64>, null | each field's value as a number; NaN where it is none |
| windows | list<uint64>, null | for each field the word of the 32 values from this row on (windows.py); 0: none |

Windows do not reach from one row group of a shard into the next (16,384 rows, or 8 MiB of content).
"""

from __future__ import annotations

import hashlib
import math
from itertools import groupby
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.media.windows import window_words

TABLE_SCHEMA = pa.schema(
    [
        pa.field("layout", pa.string()),
        pa.field("cells", pa.list_(pa.uint64())),
        pa.field("numbers", pa.list_(pa.float64())),
        pa.field("windows", pa.list_(pa.uint64())),
    ]
)

_LONGEST_NUMBER = 40


def measure_rows(batch: Batch) -> list[Any]:
    """The columns of TABLE_SCHEMA for the rows of a batch."""
    layouts: list[str | None] = []
    cells: list[list[int] | None] = []
    numbers: list[list[float]] = []
    for text in batch.column("text"):
        layout, values = _fields(text.as_py())
        layouts.append(layout)
        cells.append(None if values is None else [_cell(value) for value in values])
        numbers.append([] if values is None else [_number(value) for value in values])
    windows: list[Any] = [None] * batch.rows
    at = 0
    # In a shard, rows of one raw file stand together in their order.
    for (layout, _), run in groupby(zip(layouts, batch.column("raw_file").to_pylist(), strict=True)):
        rows = len(list(run))
        if layout is not None:
            windows[at : at + rows] = _windows(numbers[at : at + rows])
        at += rows
    known = [None if layout is None else row for layout, row in zip(layouts, numbers, strict=True)]
    found: tuple[list[Any], ...] = (layouts, cells, known, windows)
    return [pa.array(column, field.type) for column, field in zip(found, TABLE_SCHEMA, strict=True)]


def _fields(text: str | None) -> tuple[str | None, list[Any] | None]:
    """(names as a JSON list, values in the order of the names) of a row, or (None, None)."""
    if text is None or not text.startswith("{"):
        return None, None
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None, None
    names = sorted(row)
    return orjson.dumps(names).decode(), [row[name] for name in names]


def _number(value: Any) -> float:
    """A number, or a string that spells a finite one; NaN for anything else."""
    if isinstance(value, bool) or value is None:
        return math.nan
    if isinstance(value, str) and (len(value) > _LONGEST_NUMBER or "_" in value):
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _cell(value: Any) -> int:
    """64 bits of BLAKE2b of a value: equal numbers are equal, however they are spelt."""
    number = _number(value)
    spelling = orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if math.isnan(number) else repr(number + 0.0).encode()
    return int.from_bytes(hashlib.blake2b(spelling, digest_size=8).digest(), "little")


def _windows(numbers: list[list[float]]) -> list[NDArray[np.uint64]]:
    """The words of a run of rows with the same fields, row by row."""
    values = np.array(numbers, np.float64).reshape(len(numbers), -1)
    run = np.array([0, len(numbers)])
    words = [window_words(np.ascontiguousarray(values[:, field]), run) for field in range(values.shape[1])]
    return list(np.stack(words, axis=1)) if words else [np.zeros(0, np.uint64)] * len(numbers)


TABLE = FactSet("table-1", "table", TABLE_SCHEMA, measure_rows, reads=("text", "raw_file"))
