"""Arrow IPC files and streams, such as a Hugging Face dataset saved by `save_to_disk` consists of.

The data is mapped, not loaded, and every buffer is validated before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from anchor_pipeline.ingest.readers.base import (
    Chunk,
    RawFile,
    Reader,
    UnreadableFile,
    Wanted,
    checked,
    pieces,
    select_columns,
)

_MAGIC = b"ARROW1"
# End-of-stream mark, now and before Arrow 0.15. The format allows to leave it out, but then a file cut
# between two batches cannot be told from a whole one; every common writer puts it.
_ENDS = (b"\xff\xff\xff\xff\0\0\0\0", b"\0\0\0\0")
_REMEDY = "write or fetch the file again"


class ArrowReader(Reader):
    """Reader of Arrow IPC files and streams."""

    name = "arrow"
    suffixes = (".arrow", ".arrows", ".feather", ".ipc")

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """Chunks of rows. Raises UnreadableFile for a damaged or truncated file, or a missing column."""
        size = file.path.stat().st_size
        if size == 0:
            raise UnreadableFile(file.name, "expected an Arrow IPC file or stream, found nothing", _REMEDY, offset=0)
        with pa.memory_map(str(file.path)) as source:
            first = 1
            try:
                reader = _open(file, source, size)
                names = select_columns(file, wanted, reader.schema.names)
                for batch in _batches(file, source, size, reader):
                    batch.validate()
                    for piece in pieces(batch.select(names)):
                        yield checked(file, piece, first, wanted.text)
                        first += piece.num_rows
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                problem = f"not a whole Arrow IPC file or stream: {error}"
                raise UnreadableFile(file.name, problem, _REMEDY, offset=source.tell()) from None


def _open(file: RawFile, source: Any, size: int) -> Any:
    """The reader of a file, or of a stream that has its end."""
    is_file = source.read(len(_MAGIC)) == _MAGIC
    source.seek(0)
    if is_file:
        return pa.ipc.open_file(source)
    with file.path.open("rb") as raw:
        raw.seek(max(0, size - 8))
        if not raw.read().endswith(_ENDS):
            problem = "expected the end-of-stream mark; the stream is truncated, or not Arrow"
            raise UnreadableFile(file.name, problem, _REMEDY, offset=size)
    return pa.ipc.open_stream(source)


def _batches(file: RawFile, source: Any, size: int, reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        for at in range(reader.num_record_batches):
            yield reader.get_batch(at)
        return
    yield from reader
    if source.tell() != size:
        problem = f"{size - source.tell()} bytes follow the end of the stream"
        raise UnreadableFile(file.name, problem, _REMEDY, offset=source.tell())
