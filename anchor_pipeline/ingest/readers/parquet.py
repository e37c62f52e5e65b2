"""Parquet files, row group by row group. The raw row number counts rows from 1 through the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.ingest.readers.base import (
    BATCH_BYTES,
    Chunk,
    RawFile,
    Reader,
    UnreadableFile,
    Wanted,
    checked,
    pieces,
    select_columns,
)

# Few rows at a time: dictionary encoding lets a small file hold large rows, and no size in it can be trusted.
_MAX_ROWS = 4096
_REMEDY = "write or fetch the file again"


class ParquetReader(Reader):
    """Reader of Parquet files."""

    name = "parquet"
    suffixes = (".parquet", ".pq")

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """Chunks of rows. Raises UnreadableFile for a damaged footer or page, or a missing column."""
        try:
            parquet = pq.ParquetFile(file.path, page_checksum_verification=True, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            size = file.path.stat().st_size
            problem = f"expected a Parquet footer at the end of {size} bytes: {error}"
            raise UnreadableFile(file.name, problem, _REMEDY, offset=max(0, size - 8)) from None
        with parquet:
            names = select_columns(file, wanted, parquet.schema_arrow.names)
            first = 1
            for group in range(parquet.metadata.num_row_groups):
                for batch in _batches(file, parquet, group, names):
                    yield checked(file, batch, first, wanted.text)
                    first += batch.num_rows
            if first - 1 != parquet.metadata.num_rows:
                problem = f"expected {parquet.metadata.num_rows} rows, as its footer says; found {first - 1}"
                raise UnreadableFile(file.name, problem, _REMEDY)


def _batches(file: RawFile, parquet: Any, group: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    meta = parquet.metadata.row_group(group)
    bytes_a_row = meta.total_byte_size / max(1, meta.num_rows)
    rows = int(min(_MAX_ROWS, max(1, BATCH_BYTES / max(1.0, bytes_a_row))))
    try:
        for batch in parquet.iter_batches(batch_size=rows, row_groups=[group], columns=names, use_threads=False):
            batch.validate()
            # Asked for `a`, Parquet also gives a column called `a.b`.
            batch = batch.select(names)
            yield from pieces(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        offset = min((meta.column(at).data_page_offset for at in range(meta.num_columns)), default=0)
        problem = f"row group {group + 1} of {parquet.metadata.num_row_groups} is damaged: {error}"
        raise UnreadableFile(file.name, problem, _REMEDY, offset=offset) from None
