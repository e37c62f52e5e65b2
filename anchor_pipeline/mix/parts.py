"""Write the parts of a mix: the metadata that was judged, with the content it was judged for.

The bytes of a part follow from its rows alone: the same selection gives the same parts, however the shards lie and
however many threads write.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.gather import Survey, selection_batches
from anchor_pipeline.mix.manifest import Part, part_path
from anchor_pipeline.mix.shares import group_amounts
from anchor_pipeline.mix.spill import Spill

METADATA = (
    "source",
    "kind",
    "authorship",
    "domain",
    "modality",
    "tokens",
    "collected_at",
    "licence",
    "generator",
    "family",
    "digest",
    "parents",
)
"""Columns of a mix after doc_id, text and payload; `epoch` follows."""

GROUP_ROWS = 16_384
"""Rows of a row group, as in shards."""

BATCH_ROWS = 2_048
"""Rows sorted, checked and written in one go: few enough to stay in the processor's cache."""

_REPEATING = ["source", "kind", "authorship", "domain", "modality", "licence", "generator", "family"]


def mix_schema(content: tuple[str, ...]) -> pa.schema:
    """Columns of the rows of a mix; `payload` only if the mix holds images or sounds."""
    names = ("doc_id", *content, *METADATA)
    return pa.schema([*(DOCUMENT_SCHEMA.field(n) for n in names), pa.field("epoch", pa.int32(), nullable=False)])


@dataclass(frozen=True)
class Written:
    """A part, and its amounts by modality and every share dimension."""

    part: Part
    amounts: pa.Table
    """Of `group_amounts`."""


def write_parts(
    store: Store, selection: Path, plan: Survey, spill: Spill, folder: Path, threads: int
) -> Iterator[Written]:
    """Write all parts into `folder`, yielding them in order."""
    room = threading.local()
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[Written]] = []
        for index, rows in enumerate(_slices(selection, plan)):
            if len(waiting) >= threads:
                yield waiting.pop(0).result()
            waiting.append(pool.submit(_write_part, store, rows, plan, spill, folder, index, room))
        for future in waiting:
            yield future.result()


def _slices(selection: Path, plan: Survey) -> Iterator[pa.Table]:
    """The selection's metadata, cut into parts."""
    columns = ["doc_id", *METADATA, "epoch", "shard", "shard_row"]
    ends = iter(plan.starts[1:].tolist())
    end = next(ends)
    position = 0
    pieces: list[pa.RecordBatch] = []
    for batch in selection_batches(selection, columns):
        batch = batch.select(columns)
        while position + batch.num_rows >= end:
            pieces.append(batch.slice(0, end - position))
            yield pa.Table.from_batches(pieces).combine_chunks()
            batch, pieces, position = batch.slice(end - position), [], end
            end = next(ends, plan.rows + 1)
        pieces.append(batch)
        position += batch.num_rows


def _write_part(
    store: Store, rows: pa.Table, plan: Survey, spill: Spill, folder: Path, index: int, room: threading.local
) -> Written:
    content = _Content(spill, plan, index, room)
    schema = mix_schema(plan.content)
    name = part_path(index, plan.parts)
    # In memory, so that the writer does not come back to Python, and wait for its lock, for every page.
    stream = pa.BufferOutputStream()
    with pq.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=_REPEATING,
        # Smallest and largest text say nothing, and would fill the footer.
        write_statistics=[n for n in schema.names if n not in plan.content],
    ) as writer:
        # Batches of fixed length: where pages end must not depend on how the rows came together.
        for start in range(0, rows.num_rows, BATCH_ROWS):
            batch = rows.slice(start, BATCH_ROWS)
            found = content.rows(start, batch.num_rows)
            columns = [found[n] if n in found else _whole(batch.column(n)) for n in schema.names]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema), row_group_size=GROUP_ROWS)
    data = stream.getvalue()
    with store.files.create(folder / name) as file:
        store.files.write(file, data)
        store.files.sync(file)
    tokens = pc.sum(rows.column("tokens")).as_py()
    pa.default_memory_pool().release_unused()
    part = Part(path=name, sha256=hashlib.sha256(data).hexdigest(), rows=rows.num_rows, tokens=tokens, bytes=data.size)
    return Written(part, group_amounts(rows))


class _Content:
    """The content of a part, in training order."""

    def __init__(self, spill: Spill, plan: Survey, index: int, room: threading.local) -> None:
        # One buffer per thread, used again for every part: fresh memory costs as much as the copying.
        if not hasattr(room, "buffer"):
            room.buffer = bytearray(int(np.diff(plan.content_starts).max()))
        waiting = spill.take(index, room.buffer)
        self._order = np.argsort(waiting["position"])
        if not np.array_equal(waiting["position"][self._order], np.arange(plan.starts[index], plan.starts[index + 1])):
            raise DamagedData(f"the rows gathered for part {index} are not those selected; build again")
        edges = np.concatenate([[0], np.cumsum(waiting["bytes"], dtype=np.int64)]).astype(np.int32)
        self._values = pa.Array.from_buffers(
            pa.binary(), len(waiting), [None, pa.py_buffer(edges), pa.py_buffer(room.buffer)]
        )
        self._column = waiting["column"]
        self._names = plan.content

    def rows(self, start: int, count: int) -> dict[str, pa.Array]:
        """The content columns of some rows."""
        order = self._order[start : start + count]
        values = self._values.take(pa.array(order))
        columns = {}
        for number, name in enumerate(self._names):
            other = self._column[order] != number
            column = pc.if_else(pa.array(other), None, values) if other.any() else values
            columns[name] = column.cast(pa.string()) if name == "text" else column
        return columns


def write_table(rows: pa.Table, target: Path) -> None:
    """Write rows of a part to `target` in the way of a part, all at once."""
    content = [name for name in ("text", "payload") if name in rows.schema.names]
    statistics = [name for name in rows.schema.names if name not in content]
    options = {"use_dictionary": _REPEATING, "write_statistics": statistics, "row_group_size": GROUP_ROWS}
    pq.write_table(rows, target, compression="zstd", compression_level=3, **options)


def content_digests(modalities: list[str], columns: list[pa.Array]) -> Iterator[str]:
    """Per row, the hexadecimal SHA-256 of modality, NUL and content (the first of `columns` that is not null)."""
    begin = {name: hashlib.sha256(f"{name}\0".encode()).copy for name in set(modalities)}
    views = [_views(column) for column in columns]
    view, edges, null = views[0]
    for row, (name, start, end) in enumerate(zip(modalities, edges, edges[1:], strict=False)):
        hasher = begin[name]()
        if null is None or not null[row]:
            hasher.update(view[start:end])
        else:
            for other, places, nothing in views[1:]:
                if nothing is None or not nothing[row]:
                    hasher.update(other[places[row] : places[row + 1]])
                    break
        yield hasher.hexdigest()


def _views(column: pa.Array) -> tuple[memoryview, list[int], list[bool] | None]:
    """The bytes of all values, where each begins and the last ends, and which are null (None: none)."""
    _, offsets, data = column.buffers()
    edges = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1].tolist()
    null = column.is_null().to_pylist() if column.null_count else None
    return memoryview(data or b"").cast("B"), edges, null


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
