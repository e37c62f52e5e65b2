"""Documents made by hand, for tests of the rooms above ingest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.snapshot import RawFile, SourceSnapshot, Unit, write_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project import Project, load_project


def document(source: str, id: str, text: str = "", **fields: Any) -> dict[str, Any]:
    """A row of DOCUMENT_SCHEMA with sensible defaults."""
    text = text or f"text of {id}"
    modality = fields.get("modality", "text")
    content = fields.get("payload") or text.encode()
    row = {
        "doc_id": f"{source}/{id}",
        "text": None if fields.get("payload") else text,
        "payload": None,
        "source": source,
        "kind": "licensed",
        "authorship": "human",
        "domain": "d",
        "modality": modality,
        "tokens": len(text.split()),
        "bytes": len(content),
        "digest": hashlib.sha256(modality.encode() + b"\0" + content).hexdigest(),
        "collected_at": datetime(2020, 6, 1, tzinfo=UTC),
        "licence": "CC0-1.0",
        "generator": None,
        "family": None,
        "parents": [],
        "stratum": None,
        "raw_file": f"{source}.jsonl",
        "raw_row": 1,
    }
    return {**row, **fields}


def snapshot_of(
    store: Store, source: str, rows: Iterable[dict[str, Any]], shard_rows: int = 1000, **counts: Any
) -> SourceSnapshot:
    """Write rows as shards and make them the source's snapshot."""
    rows = list(rows)
    shards = []
    for start in range(0, len(rows), shard_rows):
        table = pa.Table.from_pylist(rows[start : start + shard_rows], schema=DOCUMENT_SCHEMA)
        shards.append(store.write_shard(table))
    quarantined = counts.get("quarantined", {})
    file = RawFile(
        path=f"{source}.jsonl",
        size=1,
        version="1",
        sha256=hashlib.sha256(repr(rows).encode()).hexdigest(),
        unit="u",
        read=len(rows) + sum(quarantined.values()),
        filtered=0,
        quarantined=quarantined,
    )
    unit = Unit(id="u", files=(file.path,), shards=tuple(shards))
    snapshot = SourceSnapshot(
        source=source, settings="s", files=(file,), units=(unit,), unreadable=counts.get("unreadable", ())
    )
    write_snapshot(store, snapshot)
    return snapshot


def project_at(folder: Path, text: str) -> Project:
    """A project declared by `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.yaml").write_text(text)
    return load_project(folder)
