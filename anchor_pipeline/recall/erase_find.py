"""What an erasure has to do: which shards, releases and raw files hold the content of a recall's documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from anchor_pipeline.corpus.document import CONTENT_COLUMNS
from anchor_pipeline.corpus.erasures import BARRED_BY, Bar, RawRows
from anchor_pipeline.corpus.recall_files import Kept, RecallFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.graph.snapshots import new_shards
from anchor_pipeline.recall.find import find
from anchor_pipeline.recall.settle import Settled, settle

_SHARDS = """
    SELECT DISTINCT shards.digest FROM documents SEMI JOIN matched USING (key) JOIN shards USING (shard) ORDER BY ALL
"""


@dataclass(frozen=True)
class Held:
    """Rows of a shard that are of the recall and have content."""

    shard: str
    source: str
    rows: tuple[int, ...]
    raw: tuple[tuple[str, int], ...]
    """Raw file and record of each."""


@dataclass(frozen=True)
class ToErase:
    """Everything that there is to do now; nothing where it has been done."""

    bar: Bar
    held: tuple[Held, ...]
    settled: Settled
    more: tuple[str, ...]
    """Content digests that the recall's list has not: found since."""

    @property
    def rows(self) -> int:
        """Rows of shards with content that has to go."""
        return sum(len(one.rows) for one in self.held)


def to_erase(store: Store, files: RecallFiles, kept: Kept) -> ToErase:
    """What the erasure of a recall has to do. DamagedData if a shard or record is missing or damaged."""
    record = kept.record
    known = files.tombstones(record)
    with open_graph(store) as graph:
        settled = next(one for one in settle(graph, store, files) if one.kept.record.id == record.id)
        digests = find(graph, store, record.what, known).digests
        recorded = [str(digest) for (digest,) in graph.connection.execute(_SHARDS).fetchall()]
    there = set(new_shards(store, set()))
    more = sorted(set(digests) - set(known))
    bar = files.bar(kept, more)
    held = (held_in(store, digest, bar) for digest in recorded if digest in there)
    return ToErase(bar, tuple(one for one in held if one is not None), settled, tuple(more))


def held_in(store: Store, digest: str, bar: Bar) -> Held | None:
    """The rows of a shard that have to lose their content; None if there is none."""
    table = read_shard(store, digest, [*BARRED_BY, *CONTENT_COLUMNS, "raw_file", "raw_row"])
    rows = np.flatnonzero(with_content(table, bar))
    if not len(rows):
        return None
    raw = table.select(["raw_file", "raw_row"]).take(pa.array(rows)).to_pylist()
    source = str(table.column("source")[0])
    return Held(digest, source, tuple(rows.tolist()), tuple((one["raw_file"], one["raw_row"]) for one in raw))


def read_shard(store: Store, digest: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The documents of a shard; DamagedData unless its bytes are those that its name stands for."""
    path = store.local_shard(digest)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise DamagedData(f"{path}: the shard is damaged (its digest is {found}); restore it, or ingest again")
        with pq.ParquetFile(path) as parquet:
            return parquet.read(columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{path}: the shard is missing or damaged ({error}); restore it, or ingest again") from None


def with_content(table: pa.Table, bar: Bar) -> NDArray[np.bool_]:
    """Which rows are of the recall and have content."""
    held = np.zeros(table.num_rows, np.bool_)
    for name in CONTENT_COLUMNS:
        if name in table.schema.names:
            held |= table.column(name).is_valid().to_numpy()
    return np.asarray(held & bar.of_documents(table), np.bool_)


def emptied(table: pa.Table, rows: NDArray[np.bool_]) -> pa.Table:
    """The table without the content of these rows; all else stays."""
    for name in CONTENT_COLUMNS:
        if name in table.schema.names:
            at = table.schema.get_field_index(name)
            kept = pc.if_else(pa.array(rows), pa.scalar(None, table.schema.field(name).type), table.column(name))
            table = table.set_column(at, table.schema.field(name), kept)
    return table


def raw_rows(held: Iterable[Held], before: Iterable[RawRows] = ()) -> tuple[RawRows, ...]:
    """The raw rows that all this was read from, with those that were known before, by source and file."""
    found: dict[tuple[str, str], set[int]] = {(one.source, one.file): set(_numbers(one.rows)) for one in before}
    for one in held:
        for file, row in one.raw:
            found.setdefault((one.source, file), set()).add(row)
    return tuple(
        RawRows(source=source, file=file, rows=_spans(sorted(rows))) for (source, file), rows in sorted(found.items())
    )


def _spans(numbers: Sequence[int]) -> str:
    """Rising numbers as 1-5,7."""
    spans = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        first, *rest = (number for _, number in run)
        spans.append(f"{first}-{rest[-1]}" if rest else str(first))
    return ",".join(spans)


def _numbers(spans: str) -> Iterator[int]:
    for span in spans.split(","):
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)
