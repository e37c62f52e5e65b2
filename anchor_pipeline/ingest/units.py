"""A unit: raw files ingested together. Builds its shards and its quarantine file, in bounded memory.

Small files share batches and shards, so that ten thousand files do not make ten thousand shards. Whatever a
file has contributed is taken back if the file proves unreadable: none of its rows gets in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.erasures import Bar
from anchor_pipeline.corpus.store import SHARD_BYTES, Shard, Store
from anchor_pipeline.ingest.erased import without_erased, without_erased_content
from anchor_pipeline.ingest.normalise import normalise
from anchor_pipeline.ingest.quarantine import Spool, quarantine_table
from anchor_pipeline.ingest.readers.base import BATCH_BYTES, Chunk, RowFilter, UnreadableFile, WhereFailed, sift
from anchor_pipeline.ingest.settings import Settings
from anchor_pipeline.ingest.tokens import TokenCounter


@dataclass
class Counts:
    """What became of the rows of one file. read = rows in shards + quarantined."""

    read: int = 0
    filtered: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)


@dataclass
class _Share:
    """What a file, or the finished files of a unit, have contributed so far, in order."""

    shards: list[Shard] = field(default_factory=list)
    documents: list[pa.Table] = field(default_factory=list)
    pending: list[tuple[str, Chunk]] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)

    def pending_bytes(self) -> int:
        return sum(
            chunk.batch.nbytes + sum(len(reject.content) for reject in chunk.rejects) for _, chunk in self.pending
        )


class UnitWriter:
    """Takes the chunks of one file after another; `finish` gives shards and quarantine."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        where: RowFilter | None,
        counter: TokenCounter,
        scratch: Path,
        bars: Sequence[Bar] = (),
    ) -> None:
        self._store, self._settings, self._where, self._counter = store, settings, where, counter
        self._bars = bars
        self._spool = Spool(scratch)
        self._done, self._file = _Share(), _Share()
        self._small_bytes = 0
        self.broken: dict[str, UnreadableFile] = {}
        """Files whose rows proved unusable as a whole after they had been read."""

    def add(self, name: str, chunk: Chunk) -> None:
        """Rows of the file `name`. Raises UnreadableFile; call `file_broken` then."""
        self._file.pending.append((name, chunk))
        if self._file.pending_bytes() > BATCH_BYTES:
            self._flush_done()
            self._flush(self._file)

    def file_done(self, name: str) -> None:
        """The file was read to its end. Raises UnreadableFile; call `file_broken` then."""
        share = self._file
        if share.counts:  # part of it went ahead already, so the rest must not wait for other files
            self._flush(share)
            self._done.shards += share.shards
            self._done.documents += share.documents
            self._done.counts.update(share.counts)
            self._spool.file_done()
        else:
            self._small_bytes += share.pending_bytes()
            self._done.pending += share.pending
            self._done.counts[name] = Counts()
        self._file = _Share()
        if self._small_bytes > BATCH_BYTES:
            self._flush_done()

    def file_broken(self) -> None:
        """The file cannot be read: nothing of it stays."""
        self._file = _Share()
        self._spool.file_broken()

    def finish(self) -> tuple[tuple[Shard, ...], str | None, dict[str, Counts]]:
        """(shards, where the quarantine lies, what became of the rows of each file)."""
        self._flush_done()
        self._write_shard(self._done)
        quarantine = self._spool.write(self._store, self._settings.source)
        return tuple(self._done.shards), quarantine, self._done.counts

    def _flush_done(self) -> None:
        """Normalise what finished small files left pending; if that fails, find the file at fault."""
        share, pending = self._done, self._done.pending
        share.pending, self._small_bytes = [], 0
        if not pending:
            return
        try:
            documents, quarantined, counts = self._normalised(pending)
        except UnreadableFile:
            for name, chunks in groupby(pending, key=lambda entry: entry[0]):
                try:
                    self._take(share, *self._normalised(list(chunks)))
                except UnreadableFile as error:
                    self.broken[name] = error
                    share.counts.pop(name, None)
        else:
            self._take(share, documents, quarantined, counts)
        self._spool.file_done()

    def _flush(self, share: _Share) -> None:
        pending, share.pending = share.pending, []
        if pending:
            self._take(share, *self._normalised(pending))

    def _take(self, share: _Share, documents: pa.Table, quarantined: pa.Table, counts: dict[str, Counts]) -> None:
        for name, count in counts.items():
            total = share.counts.setdefault(name, Counts())
            total.read += count.read
            total.filtered += count.filtered
            total.quarantined.update(count.quarantined)
        self._spool.add(quarantined)
        share.documents.append(documents)
        if sum(table.nbytes for table in share.documents) >= SHARD_BYTES:
            if share is self._file:
                self._write_shard(self._done)
            self._write_shard(share)

    def _write_shard(self, share: _Share) -> None:
        documents = [table for table in share.documents if table.num_rows]
        share.documents = []
        if documents:
            # In one piece, so that the bytes of a shard do not tell in which batches its rows came.
            share.shards.append(self._store.write_shard(pa.concat_tables(documents).combine_chunks()))

    def _normalised(self, pending: list[tuple[str, Chunk]]) -> tuple[pa.Table, pa.Table, dict[str, Counts]]:
        counts = {name: Counts() for name, _ in pending}
        documents: list[pa.Table] = []
        quarantined: list[pa.Table] = []
        for _, run in groupby(pending, key=lambda entry: (entry[1].batch.schema, entry[1].sifted)):
            entries = list(run)
            rejects = [(name, reject) for name, chunk in entries for reject in chunk.rejects]
            quarantined.append(quarantine_table(self._settings.source, rejects))
            for name, chunk in entries:
                counts[name].filtered += chunk.filtered
            batch, names = _joined(entries)
            try:
                if not entries[0][1].sifted:
                    batch, keep = sift(batch, self._where)
                    for name, kept in zip(names, keep.tolist(), strict=True):
                        counts[name].filtered += not kept
                    names = [name for name, kept in zip(names, keep.tolist(), strict=True) if kept]
                if batch.num_rows:
                    result = normalise(batch, names, self._settings, self._counter)
                    let_in, kept_out = without_erased(result.documents, self._bars)
                    documents.append(let_in)
                    quarantined += [result.quarantined, kept_out]
            except WhereFailed as error:
                raise UnreadableFile(names[0], str(error), "correct `where` of the source, or the rows") from None
            except (pa.ArrowException, ValueError, OverflowError) as error:
                raise UnreadableFile(names[0], f"holds values that cannot be handled: {error}", "correct it") from error
        rejected = without_erased_content(pa.concat_tables(quarantined), self._bars)
        tables = pa.concat_tables(documents) if documents else _no_documents(), rejected
        _count(counts, *tables)
        return *tables, counts


def _no_documents() -> pa.Table:
    from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA

    return DOCUMENT_SCHEMA.empty_table()


def _joined(entries: list[tuple[str, Chunk]]) -> tuple[pa.RecordBatch, list[str]]:
    """The batches of chunks of one schema as one, and the file name of each row."""
    names: list[str] = []
    for name, chunk in entries:
        names += [name] * chunk.batch.num_rows
    if len(entries) == 1:
        return entries[0][1].batch, names
    return pa.concat_batches([chunk.batch for _, chunk in entries]), names


def _count(counts: dict[str, Counts], documents: pa.Table, quarantined: pa.Table) -> None:
    for name, number in _value_counts(documents.column("raw_file")):
        counts[name].read += number
    groups = quarantined.select(["raw_file", "reason"]).group_by(["raw_file", "reason"]).aggregate([([], "count_all")])
    for row in groups.to_pylist():
        counts[row["raw_file"]].read += row["count_all"]
        counts[row["raw_file"]].quarantined[row["reason"]] += row["count_all"]


def _value_counts(column: Any) -> list[tuple[str, int]]:
    return [(entry["values"], entry["counts"]) for entry in column.value_counts().to_pylist()]
