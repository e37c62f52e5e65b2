"""Fetch the content of a selection from the shards: every shard is read once, rows go to the part they belong to.

The selection names documents in training order, scattered over all shards. A counting sort on disk turns it into,
for each shard, the rows wanted of it; nothing that grows with the corpus is held in memory but a number per shard
and a number per part.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.spill import WAITING, Spill

PART_BYTES = 32 * 1024 * 1024
"""Content of a part, uncompressed: as many as there are threads are in memory at once."""

ROW_OVERHEAD = 256
"""Bytes of metadata that a row is taken to have, when parts are measured out."""

BATCH_ROWS = 131_072
"""Rows of the selection looked at in one go."""

_WANTED = np.dtype(
    [("position", np.int64), ("row", np.int32), ("bytes", np.int32), ("id", np.uint64), ("digest", np.uint64)]
)
"""A row wanted of a shard: where it goes, where it lies, how long it is, and hashes of its doc_id and digest."""

Ints = npt.NDArray[np.int64]
Wanted = npt.NDArray[np.void]


@dataclass(frozen=True)
class Survey:
    """What a selection needs: how its rows divide into parts and over shards."""

    rows: int
    starts: Ints
    """Position of the first row of every part, and the number of rows."""
    content_starts: Ints
    """Bytes of content before every part, and in all."""
    shards: list[str]
    """Digests, sorted."""
    counts: Ints
    """Rows wanted of each."""
    content: tuple[str, ...]
    """The content columns that the mix has: text, payload, or both."""

    @property
    def parts(self) -> int:
        return len(self.starts) - 1

    @property
    def bytes(self) -> int:
        """Length of the content."""
        return int(self.content_starts[-1])


def survey(selection: Path, part_bytes: int = PART_BYTES) -> Survey:
    """Measure out the parts: each ends with the row that brings it to `part_bytes` of content and overhead."""
    counts: Counter[str] = Counter()
    modalities: set[str] = set()
    starts: list[int] = []
    content_starts: list[int] = []
    rows = size = 0
    last = -1
    for batch in selection_batches(selection, ["bytes", "shard", "modality"]):
        lengths = batch.column("bytes").to_numpy()
        before = size + np.cumsum(lengths) - lengths
        part = (before + ROW_OVERHEAD * np.arange(rows, rows + len(lengths))) // part_bytes
        firsts = np.flatnonzero(np.diff(part, prepend=last))
        starts.extend((rows + firsts).tolist())
        content_starts.extend(before[firsts].tolist())
        rows, size, last = rows + len(lengths), size + int(lengths.sum()), int(part[-1])
        names = batch.column("shard")
        drawn = np.bincount(names.indices.to_numpy(), minlength=len(names.dictionary)).tolist()
        counts.update(dict(zip(names.dictionary.to_pylist(), drawn, strict=True)))
        modalities.update(batch.column("modality").unique().to_pylist())
    shards = sorted(name for name, count in counts.items() if count)
    return Survey(
        rows=rows,
        starts=np.array([*starts, rows], np.int64),
        content_starts=np.array([*content_starts, size], np.int64),
        shards=shards,
        counts=np.array([counts[shard] for shard in shards], np.int64),
        content=("text", "payload") if modalities & {"image", "audio"} else ("text",),
    )


def selection_batches(selection: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The selection in batches, in order, `shard` as a dictionary; DamagedData if the file is no selection."""
    try:
        with pq.ParquetFile(selection, buffer_size=1 << 20, read_dictionary=["shard"]) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                if batch.num_rows:
                    yield batch
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{selection}: not a readable selection ({error}); choose it again") from None


def gather(store: Store, selection: Path, plan: Survey, spill: Spill, scratch: Path, threads: int) -> None:
    """Put the content of every selected row into `spill`.

    Raises DamagedData if a shard is missing or is not the file that its name, a digest, says; or if it holds other
    documents, or other content, than the selection says.
    """
    wanted_of = _index(store, selection, plan, scratch)
    with ThreadPoolExecutor(threads) as pool:
        futures: list[Future[None]] = []
        for shard, wanted in zip(plan.shards, wanted_of, strict=True):
            # Few are in flight, so that an error is seen soon and little memory is bound.
            if len(futures) > 2 * threads:
                futures.pop(0).result()
            futures.append(pool.submit(_gather_shard, store, shard, wanted, plan, spill))
        for future in futures:
            future.result()


def _index(store: Store, selection: Path, plan: Survey, scratch: Path) -> Iterator[Wanted]:
    """The rows wanted of each shard, by row; sorted through a file with room for every shard's at its place."""
    ends = np.cumsum(plan.counts)
    room = ends - plan.counts
    free = room.copy()
    position = 0
    with store.files.create(scratch) as file:
        for batch in selection_batches(selection, ["shard", "shard_row", "bytes", "doc_id", "digest"]):
            names = batch.column("shard")
            codes = np.searchsorted(plan.shards, names.dictionary.to_pylist())[names.indices.to_numpy()]
            order = np.argsort(codes, kind="stable")
            wanted = np.empty(len(order), _WANTED)
            wanted["position"] = position + order
            wanted["row"] = batch.column("shard_row").to_numpy()[order]
            wanted["bytes"] = batch.column("bytes").to_numpy()[order]
            wanted["id"] = _hashes(batch.column("doc_id"))[order]
            wanted["digest"] = _hashes(batch.column("digest"))[order]
            present, first = np.unique(codes[order], return_index=True)
            for code, run in zip(present.tolist(), np.split(wanted, first[1:]), strict=True):
                file.seek(int(free[code]) * _WANTED.itemsize)
                store.files.write(file, run.tobytes())
                free[code] += len(run)
            position += len(order)
    for start, count in zip(room.tolist(), plan.counts.tolist(), strict=True):
        rows = np.fromfile(scratch, _WANTED, count, offset=start * _WANTED.itemsize)
        yield rows[np.argsort(rows["row"], kind="stable")]


def _gather_shard(store: Store, shard: str, wanted: Wanted, plan: Survey, spill: Spill) -> None:
    path = store.local_shard(shard)
    with _opened(path) as file:
        with _readable(path):
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
        edges = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        lowest, highest = int(wanted["row"][0]), int(wanted["row"][-1])
        if lowest < 0 or highest >= edges[-1]:
            raise DamagedData(
                f"{path}: has {edges[-1]} rows, the selection asks for rows {lowest} to {highest}; "
                "restore the shard, or choose again from the current corpus"
            )
        for first, last in _runs_of_groups(file.metadata):
            start, stop = np.searchsorted(wanted["row"], [edges[first], edges[last]])
            if start < stop:
                with _readable(path):
                    groups = list(range(first, last))
                    table = file.read_row_groups(groups, columns=["doc_id", "digest", *plan.content], use_threads=False)
                _route(path, table, wanted[start:stop], int(edges[first]), plan, spill)
                del table
    # The allocator keeps what threads free; over many shards that adds up to several times what is in use.
    pa.default_memory_pool().release_unused()


def _runs_of_groups(metadata: pq.FileMetaData) -> Iterator[tuple[int, int]]:
    """Row groups to be read together: a part's worth, so that not too little goes to each part at once."""
    first = held = 0
    for group in range(metadata.num_row_groups):
        held += metadata.row_group(group).total_byte_size
        if held >= PART_BYTES or group + 1 == metadata.num_row_groups:
            yield first, group + 1
            first, held = group + 1, 0


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The shard, once its bytes are those that its name says."""
    with _readable(path):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
    if digest != path.stem:
        raise DamagedData(
            f"{path}: the shard is damaged (its bytes have digest {digest}); restore it, or ingest its source again"
        )
    with _readable(path), pq.ParquetFile(pa.BufferReader(data)) as file:
        yield file


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DamagedData(f"{path}: the shard is missing; restore it, or ingest its source again") from None
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DamagedData(f"{path}: the shard is damaged ({error}); restore it, or ingest its source again") from None


def _route(path: Path, table: pa.Table, wanted: Wanted, first: int, plan: Survey, spill: Spill) -> None:
    """Put the wanted rows of a row group whose first row is `first` to their parts."""
    ids, digests = _whole(table.column("doc_id")), _whole(table.column("digest"))
    content = [_whole(table.column(name)) for name in plan.content]
    # A document drawn many times makes more rows than the shard has: no more than a part's worth at once.
    runs = np.flatnonzero(np.diff(np.cumsum(wanted["bytes"].astype(np.int64)) // PART_BYTES)) + 1
    for run in np.split(wanted, runs):
        run = run[np.argsort(run["position"])]
        rows = pa.array(run["row"].astype(np.int64) - first)
        column, values = _content([array.take(rows) for array in content])
        _, offsets, data = values.buffers()
        edges = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
        foreign = np.diff(edges) != run["bytes"]
        for name, column_of in (("id", ids), ("digest", digests)):
            foreign |= _hashes(column_of.take(rows)) != run[name]
        if foreign.any():
            raise _other_document(path, ids, run[foreign][0], first)
        waiting = np.empty(len(run), WAITING)
        waiting["position"], waiting["bytes"], waiting["column"] = run["position"], run["bytes"], column
        view = memoryview(data or b"").cast("B")
        cuts = np.searchsorted(run["position"], plan.starts)
        for part in np.flatnonzero(np.diff(cuts)).tolist():
            start, stop = cuts[part], cuts[part + 1]
            spill.put(part, waiting[start:stop], view[edges[start] : edges[stop]])


def _content(columns: list[pa.Array]) -> tuple[Ints, pa.Array]:
    """Per row, which column has its content (the first that is not null), and that content, as binary."""
    first, *others = columns
    which = np.zeros(len(first), np.int64)
    if others and first.null_count:
        which[pc.is_null(first).to_numpy(zero_copy_only=False)] = 1
        first = pc.coalesce(first.cast(pa.binary()), *others)
    return which, first


def _hashes(strings: pa.Array) -> npt.NDArray[np.uint64]:
    """Hashes that tell strings of one run apart; they reach no result."""
    return pl.Series(strings).hash().to_numpy()


def _other_document(path: Path, ids: pa.Array, wanted: np.void, first: int) -> DamagedData:
    row = int(wanted["row"])
    return DamagedData(
        f"{path}, row {row}: holds document {ids[row - first].as_py()!r}, not the one selected from there (of "
        f"{int(wanted['bytes'])} bytes, position {int(wanted['position'])} of the selection); restore the shard, or "
        "choose again from the current corpus"
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
