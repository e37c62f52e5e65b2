"""From raw columns to documents: fields are mapped and checked, and rows that fail go to quarantine.

Works on whole columns; dates and licences are looked at once per distinct value. The content is not altered,
except that a byte order mark at its start is dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.ingest.content import Content, content_of
from anchor_pipeline.ingest.mapping import Mapped, map_fields
from anchor_pipeline.ingest.problems import Problems
from anchor_pipeline.ingest.quarantine import quarantine_table
from anchor_pipeline.ingest.readers.base import KEPT_BYTES, ROW, Reject
from anchor_pipeline.ingest.settings import Settings
from anchor_pipeline.ingest.tokens import TokenCounter


@dataclass(frozen=True)
class Normalised:
    """Documents (DOCUMENT_SCHEMA) and quarantined rows (QUARANTINE_SCHEMA), each in the order of the raw rows."""

    documents: pa.Table
    quarantined: pa.Table


def normalise(batch: pa.RecordBatch, files: Sequence[str], settings: Settings, counter: TokenCounter) -> Normalised:
    """Documents from a reader's `batch`; `files` names the raw file of every row."""
    problems = Problems(batch.num_rows)
    content = content_of(batch, settings, counter, problems)
    mapped = map_fields(batch, settings, problems)
    usable = problems.usable()
    digests = _digests(settings.modality, content, usable)
    ids = mapped.ids if mapped.ids is not None else digests
    kept = pa.array(usable)
    documents = _documents(batch, files, settings, content, mapped, digests, ids)
    if not usable.all():
        documents = documents.filter(kept)
    rejects = [
        (
            files[at],
            Reject(
                row=batch.column(ROW)[at].as_py(),
                reason=problems.reason(at),
                detail=problems.detail(at),
                content=_bytes_at(content, at),
                size=int(content.sizes[at]),
                id=mapped.ids[at].as_py() if mapped.ids is not None else None,
            ),
        )
        for at in np.flatnonzero(~usable).tolist()
    ]
    return Normalised(documents, quarantine_table(settings.source, rejects))


def _documents(
    batch: pa.RecordBatch,
    files: Sequence[str],
    settings: Settings,
    content: Content,
    mapped: Mapped,
    digests: Any,
    ids: Any,
) -> pa.Table:
    rows = batch.num_rows

    def constant(value: str | None) -> Any:
        return pa.repeat(pa.scalar(value, pa.string()), rows)

    binary = settings.modality in ("image", "audio")
    columns = {
        "doc_id": pc.binary_join_element_wise(pa.scalar(settings.source), ids.cast(pa.string()), "/"),
        "text": pa.nulls(rows, pa.string()) if binary else content.column,
        "payload": content.column if binary else pa.nulls(rows, pa.binary()),
        "source": constant(settings.source),
        "kind": constant(settings.kind),
        "authorship": mapped.authorship,
        "domain": mapped.domain,
        "modality": constant(settings.modality),
        "tokens": pa.array(content.amounts, pa.int64()),
        "bytes": pa.array(content.sizes, pa.int64()),
        "digest": digests,
        "collected_at": pa.array(mapped.collected_at, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "licence": mapped.licence,
        "generator": mapped.generator,
        "family": mapped.family,
        "parents": mapped.parents,
        "stratum": mapped.stratum,
        "raw_file": pa.array(files, pa.string()),
        "raw_row": batch.column(ROW),
    }
    arrays = [columns[field.name].cast(field.type) for field in DOCUMENT_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=DOCUMENT_SCHEMA)


def _digests(modality: str, content: Content, usable: Any) -> Any:
    """Hexadecimal SHA-256 of modality, NUL and content, per usable row; null for the others."""
    start = hashlib.sha256(modality.encode() + b"\0")
    data, edges = memoryview(content.data.data), content.offsets.tolist()
    digests: list[str | None] = []
    for at, good in enumerate(usable.tolist()):
        if good:
            digest = start.copy()
            digest.update(data[edges[at] : edges[at + 1]])
            digests.append(digest.hexdigest())
        else:
            digests.append(None)
    return pa.array(digests, pa.string())


def _bytes_at(content: Content, at: int) -> bytes:
    data: Bytes = content.data
    offsets: Offsets = content.offsets
    return data[offsets[at] : min(offsets[at + 1], offsets[at] + KEPT_BYTES)].tobytes()
