"""model.bin: the arrays of an n-gram model, one behind the other.

    8 bytes   "ANCHORNG"
    8 bytes   length h of the header, little-endian
    h bytes   JSON: {"arrays": [{"name", "dtype", "length"}, …]}, padded with spaces to a multiple of 64 less 16
    then      every array, little-endian, each padded with zeros to a multiple of 64 bytes

Nothing in it is code. The arrays are views of the bytes that are read: nothing is copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.errors import DamagedData

MODEL = "model.bin"

_MAGIC = b"ANCHORNG"
_ALIGN = 64
_TYPES = ("<u8", "<f4", "<u4")
_MOST_HEADER = 1 << 16


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file of these one-dimensional arrays, in their order."""
    entries = [{"name": name, "dtype": array.dtype.str, "length": len(array)} for name, array in arrays.items()]
    header = json.dumps({"arrays": entries}, separators=(",", ":")).encode()
    header += b" " * (-(len(header) + 16) % _ALIGN)
    parts = [_MAGIC, len(header).to_bytes(8, "little"), header]
    for array in arrays.values():
        data = array.tobytes()
        parts += [data, b"\0" * (-len(data) % _ALIGN)]
    return b"".join(parts)


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file. DamagedData if it is not whole, or not such a file."""
    if data[:8] != _MAGIC:
        raise _damaged("does not begin as a model does")
    length = int.from_bytes(data[8:16], "little")
    if length > min(_MOST_HEADER, len(data) - 16):
        raise _damaged("ends within its header")
    try:
        entries = [(one["name"], one["dtype"], one["length"]) for one in json.loads(data[16 : 16 + length])["arrays"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged("has a header that is none") from None
    arrays: dict[str, NDArray[Any]] = {}
    at = 16 + length
    for name, dtype, count in entries:
        if dtype not in _TYPES or type(count) is not int or count < 0 or not isinstance(name, str):
            raise _damaged("has a header that is none")
        size = np.dtype(dtype).itemsize * count
        if at + size > len(data):
            raise _damaged(f"ends within {name!r}")
        arrays[name] = np.frombuffer(data, dtype, count, at)
        at += size + -size % _ALIGN
    if at != len(data):
        raise _damaged("goes on behind its last array")
    return arrays


def _damaged(what: str) -> DamagedData:
    return DamagedData(f"{MODEL}: {what}; put the probe back from a copy")
