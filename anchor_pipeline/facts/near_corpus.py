"""Near-duplicates of the corpus of a cycle, among the rows that are kept otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.classify import PROVENANCE
from anchor_pipeline.facts.near import near_duplicates
from anchor_pipeline.facts.near_shards import documents_in

_ORDERED = f"""
    SELECT row_id, shards.number AS file, shard_row AS row
    FROM classified JOIN shards USING (shard) LEFT JOIN released USING (doc_id, digest)
    WHERE status = 'kept' AND modality = 'text'
    ORDER BY {PROVENANCE}, released.doc_id IS NULL, collected_at, doc_id
"""

_MARKED = """
    CREATE TABLE marked AS
    WITH gone AS (
        SELECT near.row_id, mine.doc_id, its.doc_id AS kept
        FROM near JOIN classified AS mine ON near.row_id = mine.row_id JOIN classified AS its ON near.other = its.row_id
    )
    SELECT classified.* REPLACE (
        CASE WHEN gone.kept IS NULL THEN status ELSE 'duplicate' END AS status,
        CASE WHEN gone.kept IS NULL THEN reason ELSE 'near_duplicate' END AS reason,
        coalesce(gone.kept, onward.kept, duplicate_of) AS duplicate_of
    )
    FROM classified LEFT JOIN gone USING (row_id) LEFT JOIN gone AS onward ON classified.duplicate_of = onward.doc_id
"""


def mark_near_duplicates(
    database: duckdb.DuckDBPyConnection, store: Store, similarity: Fraction, earlier: Sequence[Released], work: Path
) -> None:
    """Make near-duplicates of table `classified` duplicates of the copy of best provenance.

    Of equal provenance, what is in one of the `earlier` releases goes before what is not, and then the earliest: so
    a document that was trained on stays the kept copy. Exact copies of a near-duplicate point to the kept copy too.
    """
    kept = "SELECT DISTINCT shard FROM classified WHERE status = 'kept' AND modality = 'text' ORDER BY shard"
    shards = [shard for (shard,) in database.execute(kept).fetchall()]
    numbers = pa.table({"shard": pa.array(shards, pa.string()), "number": np.arange(len(shards))})
    database.register("shards", numbers)
    _register_released(database, store, earlier)
    ordered: pa.Table = database.sql(_ORDERED).to_arrow_table()
    row_id, file, row = (ordered.column(name).to_numpy() for name in ("row_id", "file", "row"))
    del ordered
    found = near_duplicates(documents_in(store, shards, file, row), similarity, work)
    gone = np.flatnonzero(found >= 0)
    if len(gone):
        database.register("near", pa.table({"row_id": row_id[gone], "other": row_id[found[gone]]}))
        database.execute(_MARKED)
        database.execute("DROP TABLE classified")
        database.execute("ALTER TABLE marked RENAME TO classified")


def _register_released(database: duckdb.DuckDBPyConnection, store: Store, earlier: Sequence[Released]) -> None:
    """Table `released`: ids and digests of the documents of earlier releases."""
    paths = [str(store.local(part)) for release in earlier for part in release.parts]
    if not paths:
        database.execute("CREATE TABLE released (doc_id VARCHAR, digest VARCHAR)")
        return
    database.execute(
        "CREATE TABLE released AS SELECT DISTINCT doc_id, digest FROM read_parquet($paths)", {"paths": paths}
    )
