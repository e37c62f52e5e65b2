"""What all readers share: what is asked of them, what they yield, and how they give up on a file.

A reader turns one raw file into chunks: an Arrow batch of bounded size holding the asked columns and the
raw row numbers, and the rows that could not be parsed. It alters nothing; meaning is given in `normalise`.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anchor_pipeline.errors import AnchorError, DamagedData

BATCH_BYTES = 16 * 1024 * 1024
"""Batches are cut near this size (bytes of Arrow data)."""

KEPT_BYTES = 1024 * 1024
"""Of a row that goes to quarantine, this much content is kept."""

ROW = "\0row"
"""Column of a chunk's batch: 1-based number of the row in its file (int64). No file has such a name by accident."""

ROW_JSON = "\0json"
"""Column of a chunk's batch: the whole row as canonical JSON (only if asked for)."""

NOT_TEXT = "\0not_text"
"""Column of a chunk's batch: true where the text column held something else; the text is then its JSON."""


class UnreadableFile(DamagedData):
    """A raw file of which nothing can be used: names the file and the byte or row, and says what to do.

    `path` is the recorded name of the raw file, `offset` a byte offset in it (None where no byte is to blame).
    """

    def __init__(self, path: str, problem: str, remedy: str, *, offset: int | None = None, row: int | None = None):
        self.path, self.offset, self.row, self.problem = path, offset, row, problem
        where = f", byte {offset}" if offset is not None else ""
        where += f", row {row}" if row is not None else ""
        super().__init__(f"{path}{where}: {problem}; {remedy}")


class WhereFailed(AnchorError):
    """A `where` expression could not be evaluated on rows of a file."""


@dataclass(frozen=True)
class RawFile:
    """One file of a source: `name` is what records say (relative to the uri's folder), `path` where it lies now.

    `alone` tells that the source's uri names exactly this file, so that its members need no prefix.
    """

    name: str
    path: Path
    alone: bool = False


class RowFilter(Protocol):
    """A `where` clause: the columns it reads, and which rows of a batch it keeps. Raises WhereFailed."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    def keep(self, batch: pa.RecordBatch) -> NDArray[np.bool_]: ...


@dataclass(frozen=True)
class Wanted:
    """What a source needs of its files.

    `columns` are read and must exist, except that JSON objects may leave out those in `optional`.
    `text` must hold strings. `whole_row` asks for ROW_JSON, and for all columns of formats that have columns.
    Content over `max_bytes` need not be read in full. `where` is applied by readers whose rows have no
    common types (JSON lines); for the others the caller does it.
    """

    columns: tuple[str, ...]
    text: str | None = None
    optional: frozenset[str] = frozenset()
    whole_row: bool = False
    max_bytes: int = 16 * 1024 * 1024
    where: RowFilter | None = None

    @property
    def all_columns(self) -> tuple[str, ...]:
        """The columns asked for and those of the filter, each once."""
        return tuple(dict.fromkeys(self.columns + (self.where.columns if self.where else ())))


@dataclass(frozen=True)
class Reject:
    """A row that could not be parsed: its number, why, its first KEPT_BYTES bytes, and its size in bytes."""

    row: int
    reason: str
    detail: str
    content: bytes
    size: int
    id: str | None = None

    @staticmethod
    def of(row: int, reason: str, detail: str, content: bytes, *, id: str | None = None) -> Reject:
        return Reject(row, reason, detail, content[:KEPT_BYTES], len(content), id)


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: the parsed ones as a batch, the others as rejects.

    `sifted` tells that `where` was applied already; `filtered` is how many rows it took out.
    """

    batch: pa.RecordBatch
    rejects: tuple[Reject, ...] = ()
    sifted: bool = False
    filtered: int = 0


class Reader(ABC):
    """One format. `suffixes` are those of its files in a folder, without those of compression."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    compressed: ClassVar[bool] = False

    @abstractmethod
    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """The rows of `file` in order. Raises UnreadableFile; what was yielded before must then be thrown away."""


def missing_columns(file: RawFile, asked: Iterable[str], present: Sequence[str]) -> UnreadableFile | None:
    """The error for columns that a file does not have, with the nearest name it has."""
    missing = [name for name in asked if name not in present]
    if not missing:
        return None
    close = difflib.get_close_matches(missing[0], present, n=1)
    hint = f" (did you mean `{close[0]}`?)" if close else ""
    has = ", ".join(f"`{name}`" for name in list(present)[:20]) or "none"
    return UnreadableFile(
        file.name,
        f"missing column {', '.join(f'`{name}`' for name in missing)}{hint}; its columns are {has}",
        "correct `fields` or `where` of the source, or the file",
    )


def select_columns(file: RawFile, wanted: Wanted, present: Sequence[str]) -> list[str]:
    """The columns to read from a file that has `present`, in a fixed order. Raises UnreadableFile."""
    asked = list(dict.fromkeys([*wanted.all_columns, *(present if wanted.whole_row else ())]))
    error = missing_columns(file, asked, present)
    if error is not None:
        raise error
    for name in asked:
        if present.count(name) > 1:
            raise UnreadableFile(
                file.name, f"the column `{name}` occurs {present.count(name)} times", "give its columns unlike names"
            )
    return asked


def plain(column: Any) -> Any:
    """A valid column without dictionary, extension or view types, so that strings have offsets and one buffer."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        return plain(column.dictionary).take(column.indices)
    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_binary_view(column.type):
        return column.cast(pa.large_binary())
    return column


def checked(file: RawFile, batch: pa.RecordBatch, first_row: int, content: str | None) -> Chunk:
    """A batch from an untrusted file as a chunk: buffers validated, dictionaries decoded, rows numbered.

    Rows holding bytes that are not UTF-8 are rejected; `content` names the column whose bytes are then kept.
    Raises UnreadableFile where the buffers themselves are inconsistent.
    """
    rows = pa.array(np.arange(first_row, first_row + batch.num_rows, dtype=np.int64))
    bad = np.zeros(batch.num_rows, dtype=np.bool_)
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        column, wrong = _checked_column(file, name, column, first_row)
        bad |= wrong
        columns.append(column)
    batch = pa.RecordBatch.from_arrays([*columns, rows], names=[*batch.schema.names, ROW])
    if not bad.any():
        return Chunk(batch)
    shown = content if content is not None and content in batch.schema.names else batch.schema.names[0]
    rejects = tuple(
        Reject.of(
            first_row + int(at), "bad_utf8", "a string of the row is not UTF-8", _raw_bytes(batch, shown, int(at))
        )
        for at in np.flatnonzero(bad)
    )
    # Filtering copies the good strings only, so what goes on is valid.
    return Chunk(batch.filter(pa.array(~bad)), rejects)


def _checked_column(file: RawFile, name: str, column: Any, first_row: int) -> tuple[Any, NDArray[np.bool_]]:
    """The column made plain, and which of its rows are not UTF-8 (those may not be looked at as strings)."""
    try:
        column.validate(full=True)
        return plain(column), np.zeros(len(column), dtype=np.bool_)
    except pa.ArrowException as error:
        problem = str(error)
    try:
        # Is it only the encoding? As bytes, the same buffers must then be valid.
        as_bytes = _as_bytes(column)
        if as_bytes is not None:
            as_bytes.validate(full=True)
            as_bytes = plain(as_bytes).cast(pa.large_binary())
            return as_bytes.view(pa.large_string()), _bad_utf8(as_bytes)
    except pa.ArrowException as error:
        problem = str(error)
    raise UnreadableFile(
        file.name, f"column `{name}` is inconsistent: {problem}", "write or fetch the file again", row=first_row
    )


def _as_bytes(column: Any) -> Any:
    """The same buffers called bytes, unread; None if they are no strings."""
    if pa.types.is_dictionary(column.type):
        values = _as_bytes(column.dictionary)
        return None if values is None else pa.DictionaryArray.from_arrays(column.indices, values)
    for text, data in _BYTES_OF:
        if column.type == text:
            return column.view(data)
    return None


_BYTES_OF = (
    (pa.string(), pa.binary()),
    (pa.large_string(), pa.large_binary()),
    (pa.string_view(), pa.binary_view()),
)


def _bad_utf8(column: Any) -> NDArray[np.bool_]:
    def is_bad(value: bytes | None) -> bool:
        try:
            if value is not None:
                value.decode("utf-8")
        except UnicodeDecodeError:
            return True
        return False

    return np.fromiter((is_bad(value.as_py()) for value in column), np.bool_, len(column))


def _raw_bytes(batch: pa.RecordBatch, name: str, at: int) -> bytes:
    column = batch.column(batch.schema.names.index(name))
    if pa.types.is_string(column.type):
        column = column.view(pa.binary())
    elif pa.types.is_large_string(column.type):
        column = column.view(pa.large_binary())
    else:
        column = column.cast(pa.string()).view(pa.binary())
    value = column[at].as_py()
    return value if isinstance(value, bytes) else b""


def pieces(batch: pa.RecordBatch, limit: int = BATCH_BYTES) -> Iterator[pa.RecordBatch]:
    """`batch` cut into slices of about `limit` bytes, at least one row each."""
    if batch.num_rows <= 1 or batch.nbytes <= limit:
        yield batch
        return
    half = batch.num_rows // 2
    yield from pieces(batch.slice(0, half), limit)
    yield from pieces(batch.slice(half), limit)


def sift(batch: pa.RecordBatch, where: RowFilter | None) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """The rows of `batch` that `where` keeps, and the mask of them. Raises WhereFailed."""
    if where is None or batch.num_rows == 0:
        return batch, np.ones(batch.num_rows, dtype=np.bool_)
    keep = where.keep(batch)
    return (batch if keep.all() else pc.filter(batch, pa.array(keep))), keep
