"""Small projects, and what an ingest made of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.quarantine import QUARANTINE_SCHEMA
from anchor_pipeline.ingest.readers import reader_named
from anchor_pipeline.ingest.readers.base import ROW, Chunk, RawFile, Reject, Wanted
from anchor_pipeline.ingest.source import ingest_source
from anchor_pipeline.project import Project, load_project

PLAIN = {"collected_at": "2020-01-02", "authorship": "human", "licence": "CC0-1.0"}


def declare(folder: Path, rules: dict[str, Any] | None = None, tokens: str = "words", **source: Any) -> Project:
    """A project in `folder` with one source `s`; its `fields` get those of PLAIN unless they say otherwise."""
    fields = {**PLAIN, **source.pop("fields", {})}
    declared = {
        "kind": "licensed",
        "domain": "d",
        "fields": {k: v for k, v in fields.items() if v is not None},
        **source,
    }
    text = yaml.safe_dump(
        {
            "project": "p",
            "cycle": {"cadence": "yearly", "start": "2000-01-01"},
            "tokens": tokens,
            "domains": {"d": {}, "e": {}},
            "sources": {"s": declared},
            "stages": {"t": {"tokens": 10, "domains": {"d": 1.0}}},
            "rules": rules or {},
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.yaml").write_text(text, encoding="utf-8")
    return load_project(folder)


def ingest(folder: Path, **source: Any) -> tuple[SourceSnapshot, list[dict[str, Any]], list[dict[str, Any]]]:
    """(snapshot, documents, quarantined rows) of a source declared in `folder`."""
    project = declare(folder, **source)
    store = Store(project.store_path)
    snapshot = ingest_source(project, "s", store)
    return snapshot, documents(store, snapshot), quarantined(store, snapshot)


def documents(store: Store, snapshot: SourceSnapshot) -> list[dict[str, Any]]:
    """The rows of a snapshot's shards that still count, in order."""
    masked = set(snapshot.masked())
    rows = []
    for unit in snapshot.units:
        for shard in unit.shards:
            table = pq.read_table(store.shard_path(shard.digest))
            assert table.schema.equals(DOCUMENT_SCHEMA)
            assert table.num_rows == shard.rows
            rows += [row for row in table.to_pylist() if (shard.digest, row["raw_file"]) not in masked]
    return rows


def quarantined(store: Store, snapshot: SourceSnapshot) -> list[dict[str, Any]]:
    """The quarantined rows of a snapshot's live files."""
    live = {(file.unit, file.path) for file in snapshot.files}
    rows = []
    for unit in snapshot.units:
        if unit.quarantine is not None:
            table = pq.read_table(store.path(unit.quarantine))
            assert table.schema.equals(QUARANTINE_SCHEMA)
            assert set(table.column("raw_file").to_pylist()) <= set(unit.files)
            rows += [row for row in table.to_pylist() if (unit.id, row["raw_file"]) in live]
    return rows


def read(
    format: str, path: Path, *columns: str, name: str = "", **wanted: Any
) -> tuple[list[dict[str, Any]], list[Reject]]:
    """(rows, rejects) of a file as its reader gives them; rows have `row` for their raw number."""
    file = RawFile(name or path.name, path, alone=True)
    return gathered(reader_named(format).read(file, Wanted(columns=columns, **wanted)))


def gathered(chunks: Iterable[Chunk]) -> tuple[list[dict[str, Any]], list[Reject]]:
    """All rows and rejects of chunks; what readers yield must be valid Arrow."""
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for chunk in chunks:
        chunk.batch.validate(full=True)
        assert chunk.batch.schema.field(ROW).type == pa.int64()
        for row in chunk.batch.to_pylist():
            rows.append({**{name: value for name, value in row.items() if name != ROW}, "row": row[ROW]})
        rejects += chunk.rejects
    return rows, rejects


def check_conservation(snapshot: SourceSnapshot, kept: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> None:
    """read = rows in shards + quarantined, exactly, for every file."""
    for file in snapshot.files:
        in_shards = sum(row["raw_file"] == file.path for row in kept)
        reasons = [row["reason"] for row in rejected if row["raw_file"] == file.path]
        assert file.read == in_shards + len(reasons)
        assert file.quarantined == {reason: reasons.count(reason) for reason in sorted(set(reasons))}
