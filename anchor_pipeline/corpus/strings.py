"""Arrow strings as NumPy sees them: one buffer of bytes and the offsets into it, without a Python object per row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]

_BOM = "\ufeff"


def buffers_of(column: Any) -> tuple[Bytes, Offsets]:
    """(data, offsets) of a string or binary array of n rows: row i is data[offsets[i]:offsets[i + 1]].

    offsets has n + 1 entries, int64. Nulls count as empty.
    """
    if column.null_count:
        column = pc.fill_null(
            column, b"" if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type) else ""
        )
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    _, places, content = column.buffers()
    if not len(column):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(places, np.int64 if wide else np.int32)[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    return data, offsets.astype(np.int64, copy=False)


def without_bom(column: Any) -> Any:
    """The strings without the byte order mark that some of them start with."""
    marked = pc.starts_with(column, _BOM)
    if not pc.any(marked).as_py():
        return column
    return pc.if_else(pc.fill_null(marked, False), pc.utf8_slice_codeunits(column, 1), column)


def as_strings(column: Any) -> Any:
    """Any column of plain values as strings; ValueError where they have no spelling (lists, structs)."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    if pa.types.is_nested(column.type):
        raise ValueError(f"values of type {column.type} cannot be strings")
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(str(error)) from None
