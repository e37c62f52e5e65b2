"""Quarantine: rows that could not be used, each with its reason, in a Parquet file any tool can read.

| column | type | meaning |
|---|---|---|
| source | string | as declared |
| raw_file, raw_row | string, int64 | where it was read |
| id | string, null | of the document, where one was found |
| reason | string | one of REASONS |
| detail | string | what exactly was wrong |
| content | binary | the first MiB of the row's content (the line, text or file); empty if a recall erased it |
| bytes | int64 | size of the whole content |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.readers.base import Reject

REASONS = (
    "unparsable_row",
    "ragged_row",
    "bad_utf8",
    "null_text",
    "text_not_string",
    "oversized",
    "empty_text",
    "not_an_image",
    "not_audio",
    "unsafe_name",
    "no_id",
    "no_date",
    "unparsable_date",
    "no_licence",
    "unparsable_licence",
    "unknown_authorship",
    "unknown_domain",
    "licence_not_allowed",
    "no_consent",
    "recalled",
)
"""In the order they are asked: a row is quarantined for the first that holds."""

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("raw_file", pa.string(), nullable=False),
        pa.field("raw_row", pa.int64(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("content", pa.binary(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
    ]
)

_IN_MEMORY = 32 * 1024 * 1024


def quarantine_table(source: str, rows: Iterable[tuple[str, Reject]]) -> pa.Table:
    """Rejects, each with its raw file's name, as a table of QUARANTINE_SCHEMA."""
    rows = list(rows)
    columns: list[list[Any]] = [
        [source] * len(rows),
        [name for name, _ in rows],
        [reject.row for _, reject in rows],
        [reject.id for _, reject in rows],
        [reject.reason for _, reject in rows],
        [reject.detail for _, reject in rows],
        [reject.content for _, reject in rows],
        [reject.size for _, reject in rows],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, QUARANTINE_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=QUARANTINE_SCHEMA)


class Spool:
    """Quarantined rows of a unit, kept in order until it is done; those of a file that breaks are taken back.

    Rows beyond 32 MiB wait in a temporary file, so a file of nothing but rejects needs no more memory.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._writer: Any = None
        self._parts: list[pa.Table | None] = []  # None: lies in the scratch file
        self._held = 0
        self._dead: set[int] = set()
        self._file_start = 0

    def add(self, table: pa.Table) -> None:
        """Rows of the file that is being read."""
        if table.num_rows == 0:
            return
        self._held += table.nbytes
        self._parts.append(table.combine_chunks())
        if self._held > _IN_MEMORY:
            self._spill()

    def file_done(self) -> None:
        """All rows so far are to stay."""
        self._file_start = len(self._parts)

    def file_broken(self) -> None:
        """The rows since the last file was done are not to stay."""
        self._dead.update(range(self._file_start, len(self._parts)))
        self.file_done()

    def write(self, store: Store, source: str) -> str | None:
        """Write the quarantine file, named by the digest of its content; its place in the store, None if empty."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if len(self._dead) == len(self._parts):
            return None
        with store.temporary() as temporary:
            with pq.ParquetWriter(temporary, QUARANTINE_SCHEMA, compression="zstd", compression_level=3) as writer:
                for table in self._tables():
                    writer.write_table(table)
            with temporary.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            relative = f"quarantine/{source}/{digest}.parquet"
            store.adopt(temporary, relative)
        return relative

    def _spill(self) -> None:
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._scratch), QUARANTINE_SCHEMA)
        for at, table in enumerate(self._parts):
            if table is not None:
                self._writer.write_batch(table.to_batches()[0])
                self._parts[at] = None
        self._held = 0

    def _tables(self) -> Iterator[pa.Table]:
        spilled = 0
        for at, table in enumerate(self._parts):
            if table is None:
                if at not in self._dead:
                    with pa.OSFile(str(self._scratch)) as file:
                        yield pa.Table.from_batches([pa.ipc.open_file(file).get_batch(spilled)])
                spilled += 1
            elif at not in self._dead:
                yield table
