"""Near-duplicates among the texts of a selection, and between them and the release before: rule 12 asks for both."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.released import Released
from anchor_pipeline.facts.classify import PROVENANCE
from anchor_pipeline.facts.near import Documents, near_duplicates
from anchor_pipeline.facts.near_shards import documents_in
from anchor_pipeline.facts.releases import release_facts
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.query import connect, literal

_TEXTS = f"""
    CREATE TEMP TABLE texts AS
    WITH different AS (
        SELECT digest, min(doc_id) AS doc_id, min_by(shard, doc_id) AS shard, min_by(shard_row, doc_id) AS shard_row,
            min_by(kind, doc_id) AS kind, min_by(authorship, doc_id) AS authorship,
            min_by(collected_at, doc_id) AS collected_at
        FROM read_parquet($file) WHERE modality = 'text' GROUP BY digest
    )
    SELECT *, row_number() OVER (ORDER BY {PROVENANCE}, collected_at, doc_id) - 1 AS place FROM different
"""
"""The different texts of a selection, the best provenance first; of equal ones that with the smallest id."""


def mark_near(evidence: Evidence, connection: duckdb.DuckDBPyConnection, similarity: Fraction) -> None:
    """Table `near_copies` (digest, doc_id, original): texts of the selection that nearly repeat a better one of it.

    Makes table `texts` too. The facts of the selection's shards are measured if they are not.
    """
    connection.execute("DROP TABLE IF EXISTS texts; DROP TABLE IF EXISTS near_copies")
    connection.execute(_TEXTS, {"file": literal(evidence.selection)})
    shards, file, row = _in_order(connection, "texts")
    with evidence.store.temporary() as work:
        work.mkdir(parents=True)
        found = near_duplicates(documents_in(evidence.store, shards, file, row), similarity, work)
    gone = np.flatnonzero(found >= 0)
    connection.register("near", pa.table({"place": gone, "other": found[gone]}))
    connection.execute(
        """CREATE TEMP TABLE near_copies AS SELECT mine.digest, mine.doc_id, its.doc_id AS original
        FROM near JOIN texts AS mine ON near.place = mine.place JOIN texts AS its ON near.other = its.place"""
    )


def repeats_of_release(
    evidence: Evidence, connection: duckdb.DuckDBPyConnection, release: Released, similarity: Fraction
) -> pl.DataFrame:
    """Texts of the selection that the release has not, but nearly: doc_id, digest, older (an id of the release).

    Sorted by doc_id; needs table `texts`.
    """
    parts = release_facts(evidence.store, release)
    paths = [str(path) for path in parts]
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE older AS
        SELECT doc_id, digest, filename, file_row_number AS row, shingles > 0 AND epoch = 0 AS compared
        FROM read_parquet($paths, filename = true, file_row_number = true)""",
        {"paths": paths},
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE newer AS
        SELECT *, row_number() OVER (ORDER BY place) - 1 AS number FROM texts
        WHERE digest NOT IN (SELECT digest FROM older)"""
    )
    shards, file, row = _in_order(connection, "newer")
    new = documents_in(evidence.store, shards, file, row)
    connection.register("files", pa.table({"filename": paths, "file": np.arange(len(paths))}))
    old = connection.sql(
        "SELECT doc_id, file, row FROM older JOIN files USING (filename) WHERE compared ORDER BY file, row"
    ).to_arrow_table()
    documents = _joined(evidence, release, parts, old, new)
    with evidence.store.temporary() as work:
        work.mkdir(parents=True)
        found = near_duplicates(documents, similarity, work, older=len(old))[len(old) :]
    # What nearly repeats another new text, and not an older one, is none of this.
    hits = np.flatnonzero((found >= 0) & (found < len(old)))
    ids = old.column("doc_id").take(pa.array(found[hits]))
    connection.register("repeats", pa.table({"number": hits, "older": ids}))
    named = "SELECT doc_id, digest, older FROM repeats JOIN newer USING (number) ORDER BY doc_id"
    rows: pl.DataFrame = connection.sql(named).pl()
    return rows


def near_generated(documents: Path) -> pl.DataFrame:
    """Human-declared documents of a corpus that synthetic ones equal or nearly repeat, as the corpus found them.

    Columns doc_id, source, generated (the id of the synthetic document), generator, reason; sorted. A text that our
    own recorded generators wrote, and that stands in a human source too, was hardly written by people twice. Needs a
    corpus that leaves near-duplicates out; of one that does not, equal texts only.
    """
    with connect() as connection:
        rows: pl.DataFrame = connection.sql(
            """SELECT human.doc_id, human.source, made.doc_id AS generated, made.generator, made.reason
            FROM read_parquet($file) AS made JOIN read_parquet($file) AS human ON made.duplicate_of = human.doc_id
            WHERE made.kind = 'synthetic' AND made.status = 'duplicate' AND human.status = 'kept'
                AND human.kind <> 'synthetic' AND human.authorship IN ('human', 'human_edited')
            ORDER BY human.doc_id, made.doc_id""",
            params={"file": literal(documents)},
        ).pl()
        return rows


def _in_order(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[list[str], Any, Any]:
    """(shards, index of the shard, row in it) of the texts of a table, in the order of their places."""
    shards = [name for (name,) in connection.execute(f"SELECT DISTINCT shard FROM {table} ORDER BY shard").fetchall()]
    connection.register("shards", pa.table({"shard": pa.array(shards, pa.string()), "file": np.arange(len(shards))}))
    ordered = connection.sql(
        f"SELECT file, shard_row FROM {table} JOIN shards USING (shard) ORDER BY place"
    ).to_arrow_table()
    return shards, ordered.column("file").to_numpy(), ordered.column("shard_row").to_numpy()


def _joined(evidence: Evidence, release: Released, parts: list[Path], old: pa.Table, new: Documents) -> Documents:
    """The documents of a release, and then new ones."""
    files = [*(evidence.store.local(part) for part in release.parts), *new.files]

    def measured(number: int) -> Any:
        if number >= len(parts):
            return new.measured(number - len(parts))
        return pq.read_table(parts[number], columns=["minhash", "shingles"])

    return Documents(
        files=files,
        measured=measured,
        file=np.concatenate([old.column("file").to_numpy(), new.file + len(parts)]),
        row=np.concatenate([old.column("row").to_numpy(), new.row]),
    )
