"""Put the metadata of drawn documents into training order, in bounded memory.

The corpus table is read once, in its own order; rows go to the block of positions they belong to (blocks wait on
disk if there is more than one), and each block is sorted in memory and written. So memory holds one block, and
nothing is sorted as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.made_from import KEY
from anchor_pipeline.rules.evidence import SELECTION_SCHEMA

BLOCK_ROWS = 262_144
"""Rows sorted at once: about 100 MB."""

_READ_ROWS = 65_536
_REPEATING = ["source", "kind", "authorship", "domain", "modality", "licence", "generator", "family", "shard"]
_OWN = ("fresh", "synthetic", "epoch")
_FROM_DOCUMENTS = [name for name in SELECTION_SCHEMA.names if name not in _OWN]


@dataclass(frozen=True)
class Positions:
    """The drawn documents in training order; the n-th entry is the n-th row of the selection."""

    row: npt.NDArray[np.int64]
    """Row of the document in the corpus table."""
    epoch: npt.NDArray[np.int32]
    fresh: npt.NDArray[np.bool_]
    synthetic: npt.NDArray[np.bool_]


def arrange(positions: Positions, documents: Path, work: Path, target: Path, made_from: str = "") -> None:
    """Write `target` (Parquet, SELECTION_SCHEMA) from the corpus table `documents`; `work` is a folder for blocks.

    The footer says that it was `made_from` inputs of that digest.
    """
    blocks = max(1, -(-len(positions.row) // BLOCK_ROWS))
    # As plain strings, whatever encoding the columns came in.
    options = {"compression": "zstd", "compression_level": 1, "use_dictionary": _REPEATING, "store_schema": False}
    with ExitStack() as stack:
        writer = stack.enter_context(pq.ParquetWriter(target, _schema(), **options))
        writer.add_key_value_metadata({KEY: made_from})
        pieces = _routed(positions, documents)
        waiting = [list(pieces)] if blocks == 1 else _on_disk(pieces, blocks, work)
        for number, block in enumerate(waiting):
            first = number * BLOCK_ROWS
            writer.write_table(_sorted(block, positions, first), row_group_size=65_536)


def _schema() -> pa.Schema:
    """SELECTION_SCHEMA with repeated strings by number, as they are read from the corpus table."""
    numbered = pa.dictionary(pa.int32(), pa.string())
    fields = [field.with_type(numbered) if field.name in _REPEATING else field for field in SELECTION_SCHEMA]
    return pa.schema(fields)


def _routed(positions: Positions, documents: Path) -> Iterator[pa.Table]:
    """The drawn rows in the order of the corpus table, each with its position."""
    order = np.argsort(positions.row, kind="stable")
    rows = positions.row[order]
    start = 0
    with pq.ParquetFile(documents, read_dictionary=_REPEATING) as file:
        for batch in file.iter_batches(_READ_ROWS, columns=_FROM_DOCUMENTS):
            first, last = np.searchsorted(rows, [start, start + batch.num_rows])
            if first < last:
                drawn = batch.select(_FROM_DOCUMENTS).take(pa.array(rows[first:last] - start))
                table = pa.Table.from_batches([drawn])
                yield table.append_column("position", pa.array(order[first:last]))
            start += batch.num_rows


def _on_disk(pieces: Iterator[pa.Table], blocks: int, work: Path) -> Iterator[list[pa.Table]]:
    """Sort the pieces into blocks by position; give back one block after the other."""
    paths = [work / f"block-{number}.arrows" for number in range(blocks)]
    with ExitStack() as stack:
        writers: list[pa.RecordBatchStreamWriter | None] = [None] * blocks
        for piece in pieces:
            block = piece.column("position").to_numpy() // BLOCK_ROWS
            order = np.argsort(block, kind="stable")
            present, first = np.unique(block[order], return_index=True)
            for number, run in zip(present.tolist(), np.split(order, first[1:]), strict=True):
                if writers[number] is None:
                    writers[number] = stack.enter_context(pa.ipc.new_stream(str(paths[number]), piece.schema))
                writers[number].write_table(piece.take(pa.array(run)))
    for path in paths:
        with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as stream:
            yield [stream.read_all()]
        path.unlink()


def _sorted(block: list[pa.Table], positions: Positions, first: int) -> pa.Table:
    """The rows of a block in training order, with what the planner knew of them."""
    columns = {name: pa.array(getattr(positions, name)[first : first + BLOCK_ROWS]) for name in _OWN}
    if not block:
        return _schema().empty_table()
    table = pa.concat_tables(block).unify_dictionaries()
    table = table.take(pa.array(np.argsort(table.column("position").to_numpy())))
    arrays = [columns[name] if name in columns else table.column(name) for name in SELECTION_SCHEMA.names]
    return pa.table(arrays, names=SELECTION_SCHEMA.names).cast(_schema())
