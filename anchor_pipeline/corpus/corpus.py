"""The corpus of a cycle: one row of metadata per document, and what became of every row read.

The table (Parquet, sorted by source and doc_id) holds METADATA_COLUMNS and

| column | type | meaning |
|---|---|---|
| shard, shard_row | string, int64 | where the content lies: shard digest, 0-based row |
| status | string | kept, duplicate, quarantined, later |
| reason | string, null | for duplicates and quarantined rows, snake_case |
| duplicate_of | string, null | doc_id of the kept copy |
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.snapshot import Unreadable, canonical_digest, canonical_json
from anchor_pipeline.corpus.store import Store

Status = Literal["kept", "duplicate", "quarantined", "later"]


class SourceCounts(BaseModel):
    """What became of the rows of one source in one cycle: read = kept + duplicate + quarantined + later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshot: str
    """Digest of the snapshot."""
    read: int
    kept: int
    duplicate: int
    later: int
    quarantined: dict[str, int]
    """By reason, those of the ingest included."""
    filtered: int
    """Rows that `where` left out; they are not read."""
    kept_tokens: int
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def balance(self) -> int:
        """Rows unaccounted for; 0 when nothing vanished."""
        return self.read - self.kept - self.duplicate - self.later - sum(self.quarantined.values())


class Corpus(BaseModel):
    """The corpus of one cycle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cycle: str
    inputs: str
    """Digest of what it was assembled from."""
    documents: str
    """Digest of (doc_id, content digest, status) of all documents, sorted: what the corpus holds."""
    sources: dict[str, SourceCounts]

    @property
    def digest(self) -> str:
        """What the corpus holds and what became of every row, however the raw files were laid out or named."""
        snapshots = {name: {"snapshot"} for name in self.sources}
        return canonical_digest(self.model_dump(mode="json", exclude={"inputs": True, "sources": snapshots}))


def corpus_table_name(cycle: str) -> str:
    """The name of the table of documents in the store."""
    return f"corpus/{cycle}/documents.parquet"


def corpus_table(store: Store, cycle: str) -> Path:
    """Where the table of documents can be read."""
    return store.local(corpus_table_name(cycle))


def write_corpus(store: Store, corpus: Corpus) -> None:
    """Keep the record; the table is in place before it."""
    store.write(f"corpus/{corpus.cycle}/corpus.json", canonical_json(corpus.model_dump(mode="json")))


def read_corpus(store: Store, cycle: str) -> Corpus | None:
    """The corpus of a cycle, or None if it was never assembled."""
    data = store.find(f"corpus/{cycle}/corpus.json")
    return None if data is None else Corpus.model_validate_json(data)
