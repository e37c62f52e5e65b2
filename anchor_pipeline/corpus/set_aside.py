"""Rows of a source that its expectations keep out of every corpus: which they are, and why.

quarantine/<source>/expectations/<digest>.parquet holds one line per such row, in the order of the raw files:

| column | type | meaning |
|---|---|---|
| source | string | as declared |
| raw_file, raw_row | string, int64 | where it was read; tells the row from all others of the source |
| doc_id | string | of the document |
| reason | string | `expectation_…`, of the first expectation it violates |
| detail | string | what stands in the columns the expectation is about |

The content of the rows stays in the shards.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData

SET_ASIDE_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("raw_file", pa.string(), nullable=False),
        pa.field("raw_row", pa.int64(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)

NOT_EVALUATED = "expectation_not_evaluated"
"""Reason of all rows of a source if an expectation that quarantines could not be evaluated."""


class SetAside(BaseModel):
    """What the expectations of a source keep out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = None
    """Where in the store the rows lie; None if there are none."""
    digest: str = ""
    """SHA-256 of the rows, empty if there are none."""
    reasons: dict[str, int] = {}
    """Rows by reason; each row counts once."""
    not_evaluated: tuple[str, ...] = ()
    """Expectations that quarantine and could not be evaluated: which rows would violate them is not known."""

    @property
    def rows(self) -> int:
        """How many rows are kept out, as far as that is known."""
        return sum(self.reasons.values())


def keep_set_aside(store: Store, source: str, rows: pa.Table, not_evaluated: tuple[str, ...] = ()) -> SetAside:
    """Write the rows (SET_ASIDE_SCHEMA, in order, each once), under a name that is the digest of what they hold."""
    if rows.num_rows == 0:
        return SetAside(not_evaluated=not_evaluated)
    digest = _digest(rows)
    file = f"quarantine/{source}/expectations/{digest}.parquet"
    if not store.exists(file):
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd", compression_level=3)
        store.write(file, buffer.getvalue())
    reasons = Counter(rows.column("reason").to_pylist())
    return SetAside(file=file, digest=digest, reasons=dict(sorted(reasons.items())), not_evaluated=not_evaluated)


def read_set_aside(store: Store, kept: SetAside) -> pa.Table:
    """The rows, SET_ASIDE_SCHEMA. Raises DamagedData unless they are what was written."""
    if kept.file is None:
        return SET_ASIDE_SCHEMA.empty_table()
    problem = f"{kept.file}: is not the list of rows that was written; delete it and build the source again"
    try:
        rows = pq.read_table(pa.BufferReader(store.read(kept.file)))
    except (pa.ArrowException, OSError):
        raise DamagedData(problem) from None
    if not rows.schema.equals(SET_ASIDE_SCHEMA) or _digest(rows) != kept.digest:
        raise DamagedData(problem)
    return rows


def _digest(rows: pa.Table) -> str:
    """SHA-256 over the rows, each as its values with their lengths, so that no two tables read alike."""
    sha = hashlib.sha256()
    for batch in rows.to_batches(max_chunksize=65536):
        columns: list[list[Any]] = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            encoded = [str(value).encode("utf-8", errors="surrogatepass") for value in row]
            sha.update(b"".join(b"%d:%b," % (len(value), value) for value in encoded))
    return sha.hexdigest()
