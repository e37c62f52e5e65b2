"""Content that a recall erased from the store is not let in again: not as a document, nor in quarantine.

Whether it is such content its digest tells, or its source, licence or generator where these were recalled. Such rows
are quarantined as `recalled`, so that every row stays accounted for, and of their content only the size is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anchor_pipeline.corpus.erasures import Bar
from anchor_pipeline.corpus.recalls import REASONS
from anchor_pipeline.ingest.quarantine import QUARANTINE_SCHEMA

MODALITIES = ("text", "table", "image", "audio")


def without_erased(documents: pa.Table, bars: Sequence[Bar]) -> tuple[pa.Table, pa.Table]:
    """The documents that may come in (DOCUMENT_SCHEMA), and the quarantine rows of the others, without content."""
    refused = []
    for bar in bars:
        barred = bar.of_documents(documents)
        if barred.any():
            refused.append(_refused(documents.filter(pa.array(barred)), bar))
            documents = documents.filter(pa.array(~barred))
    return documents, pa.concat_tables(refused) if refused else QUARANTINE_SCHEMA.empty_table()


def without_erased_content(quarantined: pa.Table, bars: Sequence[Bar]) -> pa.Table:
    """Quarantined rows (QUARANTINE_SCHEMA), of those with erased content only its size."""
    if not bars or not quarantined.num_rows:
        return quarantined
    source = str(quarantined.column("source")[0])
    contents = quarantined.column("content").to_pylist()
    barred = np.zeros(len(contents), np.bool_)
    # What it would have been as a document is not known of a row that could not be read.
    for modality in MODALITIES:
        digests = [hashlib.sha256(f"{modality}\0".encode() + content).hexdigest() for content in contents]
        for bar in bars:
            barred |= bar.of_rejects(source, digests)
    barred &= np.array([bool(content) for content in contents])
    if not barred.any():
        return quarantined
    kept = pc.if_else(pa.array(barred), pa.scalar(b""), quarantined.column("content").combine_chunks())
    at = quarantined.schema.get_field_index("content")
    return quarantined.set_column(at, QUARANTINE_SCHEMA.field("content"), kept)


def _refused(documents: pa.Table, bar: Bar) -> pa.Table:
    rows = documents.num_rows
    detail = f"its content was erased by recall {bar.record.id} ({bar.record.what}) and stays out"
    columns = {
        "source": documents.column("source"),
        "raw_file": documents.column("raw_file"),
        "raw_row": documents.column("raw_row"),
        "id": pa.array(list(_bare(documents)), pa.string()),
        "reason": pa.repeat(pa.scalar(REASONS["recall"]), rows),
        "detail": pa.repeat(pa.scalar(detail), rows),
        "content": pa.repeat(pa.scalar(b""), rows),
        "bytes": documents.column("bytes"),
    }
    return pa.table([columns[field.name] for field in QUARANTINE_SCHEMA], schema=QUARANTINE_SCHEMA)


def _bare(documents: pa.Table) -> Iterator[str]:
    """Ids as the raw files have them."""
    pairs = zip(documents.column("source").to_pylist(), documents.column("doc_id").to_pylist(), strict=True)
    return (id.removeprefix(f"{source}/") for source, id in pairs)
