"""Where content waits between the shards, in their order, and the parts, in training order.

Every part has room of its own, exactly as much as its rows need (the selection says how long they are), so a part
is read back in one go, and nothing is held in memory but how far each room is filled. Rows lie in their room in the
order in which they came; a second area keeps for each the position where it belongs.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from anchor_pipeline.corpus.files import LocalFiles

Ints = npt.NDArray[np.int64]

WAITING = np.dtype([("position", np.int64), ("bytes", np.int32), ("column", np.int32)])
"""A row that waits: where it goes, how long it is, which content column it is of."""


class Area(Protocol):
    """Bytes of a known number, written and read at any place."""

    def write(self, offset: int, data: memoryview) -> None: ...

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into` from `offset`."""


class MemoryArea:
    """For mixes that are small."""

    def __init__(self, size: int) -> None:
        self._data = memoryview(bytearray(size))

    def write(self, offset: int, data: memoryview) -> None:
        self._data[offset : offset + len(data)] = data

    def read(self, offset: int, into: memoryview) -> None:
        into[:] = self._data[offset : offset + len(into)]


class FileArea:
    """For all others; the disk needs room for the content, uncompressed."""

    def __init__(self, path: Path, files: LocalFiles, stack: ExitStack) -> None:
        self._path = path
        self._files = files
        self._file = stack.enter_context(files.create(path))

    def write(self, offset: int, data: memoryview) -> None:
        self._files.write_at(self._file, offset, data)

    def read(self, offset: int, into: memoryview) -> None:
        with self._path.open("rb", buffering=0) as file:
            file.seek(offset)
            filled = 0
            while filled < len(into):
                count = file.readinto(into[filled:])
                if not count:
                    raise OSError(f"{self._path} ends at {offset + filled}, expected {offset + len(into)} bytes")
                filled += count


class Spill:
    """Rows of all parts, put in any order, taken part by part. Safe to use from several threads."""

    def __init__(self, content: Area, rows: Area, content_starts: Ints, row_starts: Ints) -> None:
        self._content = content
        self._rows = rows
        self._content_starts = content_starts
        self._row_starts = row_starts
        self._content_ends = content_starts.copy()
        self._row_ends = row_starts.copy()
        self._lock = threading.Lock()

    @classmethod
    def in_memory(cls, content_starts: Ints, row_starts: Ints) -> Self:
        rows = MemoryArea(int(row_starts[-1]) * WAITING.itemsize)
        return cls(MemoryArea(int(content_starts[-1])), rows, content_starts, row_starts)

    @classmethod
    def on_disk(
        cls, content_starts: Ints, row_starts: Ints, paths: tuple[Path, Path], files: LocalFiles, stack: ExitStack
    ) -> Self:
        """In two files that are closed with `stack`."""
        content, rows = (FileArea(path, files, stack) for path in paths)
        return cls(content, rows, content_starts, row_starts)

    def put(self, part: int, rows: npt.NDArray[np.void], content: memoryview) -> None:
        """Keep rows (WAITING) of a part, and their content end to end."""
        with self._lock:
            at, row = int(self._content_ends[part]), int(self._row_ends[part])
            if at + len(content) > self._content_starts[part + 1] or row + len(rows) > self._row_starts[part + 1]:
                raise ValueError(f"part {part} is given more than it has room for")
            self._content_ends[part] += len(content)
            self._row_ends[part] += len(rows)
        # Outside the lock: every run has a place of its own.
        self._content.write(at, content)
        self._rows.write(row * WAITING.itemsize, _bytes(rows))

    def take(self, part: int, into: bytearray) -> npt.NDArray[np.void]:
        """The rows of a part, as they came; their content is put at the front of `into`."""
        start, end = int(self._content_starts[part]), int(self._content_ends[part])
        rows = np.empty(int(self._row_ends[part] - self._row_starts[part]), WAITING)
        self._content.read(start, memoryview(into)[: end - start])
        self._rows.read(int(self._row_starts[part]) * WAITING.itemsize, _bytes(rows))
        return rows


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return array.view(np.uint8).data
