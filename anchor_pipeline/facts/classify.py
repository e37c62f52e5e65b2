"""The rows of a cycle in DuckDB, and the status of each: see assemble.py for what is asked, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from anchor_pipeline.corpus.document import METADATA_COLUMNS
from anchor_pipeline.corpus.set_aside import SET_ASIDE_SCHEMA, SetAside, read_set_aside
from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.project.cycles import Cycle

_KINDS = ("anchor", "licensed", "enterprise", "synthetic")
_AUTHORS = ("human", "human_edited", "unknown", "synthetic")
PROVENANCE = f"list_position({list(_KINDS)}, kind), list_position({list(_AUTHORS)}, authorship)"
"""What documents are ordered by, in SQL, the best first; then the earliest."""

COLUMNS = ", ".join(METADATA_COLUMNS)


def database_in(work: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory database that spills into `work`."""
    database = duckdb.connect(":memory:")
    database.execute("SET memory_limit = '1GB'")
    database.execute(f"SET temp_directory = '{str(work).replace(chr(39), chr(39) * 2)}'")
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET enable_progress_bar = false")
    database.execute("SET preserve_insertion_order = false")
    return database


def load(database: duckdb.DuckDBPyConnection, snapshots: Mapping[str, SourceSnapshot], store: Store) -> None:
    """Table `loaded`: the metadata of all rows of the snapshots, with where each lies."""
    view_rows(database, snapshots, store)
    try:
        database.execute(f"CREATE TABLE loaded AS SELECT {COLUMNS}, shard, shard_row FROM rows")
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise DamagedData(f"a shard of the store is missing or damaged: {error}") from None


def view_rows(database: duckdb.DuckDBPyConnection, snapshots: Mapping[str, SourceSnapshot], store: Store) -> None:
    """View `rows`: what `load` loads, read when it is asked. DamagedData if a shard is missing or damaged."""
    digests = [digest for snapshot in snapshots.values() for digest in snapshot.shards]
    paths = [str(path) for path in store.local_shards(digests)]
    masked = [pair for snapshot in snapshots.values() for pair in snapshot.masked()]
    masks = pa.table(
        {
            "shard": pa.array([s for s, _ in masked], pa.string()),
            "raw_file": pa.array([f for _, f in masked], pa.string()),
        }
    )
    database.register("masks", masks)
    if not paths:
        columns = ", ".join(f"NULL::{_duckdb_type(name)} AS {name}" for name in METADATA_COLUMNS)
        database.execute(f"CREATE VIEW rows AS SELECT {columns}, '' AS shard, 0::BIGINT AS shard_row LIMIT 0")
        return
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    try:
        database.execute(
            f"""CREATE VIEW rows AS
            SELECT {COLUMNS}, parse_filename(filename, true) AS shard, file_row_number AS shard_row
            FROM read_parquet([{listed}], filename = true, file_row_number = true) AS files
            WHERE NOT EXISTS (
                SELECT 1 FROM masks
                WHERE masks.shard = parse_filename(files.filename, true) AND masks.raw_file = files.raw_file
            )"""
        )
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise DamagedData(f"a shard of the store is missing or damaged: {error}") from None


def _duckdb_type(column: str) -> str:
    types = {"tokens": "BIGINT", "bytes": "BIGINT", "raw_row": "BIGINT", "parents": "VARCHAR[]"}
    return "TIMESTAMPTZ" if column == "collected_at" else types.get(column, "VARCHAR")


def register_barred(
    database: duckdb.DuckDBPyConnection,
    barred: Mapping[str, str],
    set_aside: Mapping[str, SetAside],
    excluded: pa.Table,
    store: Store,
) -> None:
    """Tables `barred`, `set_aside` and `excluded`: sources and single rows that are kept out, and why."""
    names = pa.table(
        {"source": pa.array(list(barred), pa.string()), "barred": pa.array(list(barred.values()), pa.string())}
    )
    database.register("barred", names)
    rows = [read_set_aside(store, kept) for _, kept in sorted(set_aside.items())]
    database.register("set_aside", pa.concat_tables([SET_ASIDE_SCHEMA.empty_table(), *rows]))
    database.register("excluded", excluded)


def classify(database: duckdb.DuckDBPyConnection, cycle: Cycle) -> None:
    """Table `classified`: `loaded` with status, reason and duplicate_of."""
    database.execute(
        """CREATE TABLE dated AS
        SELECT loaded.*, row_number() OVER () AS row_id, loaded.collected_at >= $as_of AS is_later,
            coalesce(excluded.reason, barred.barred, set_aside.reason) AS barred
        FROM loaded LEFT JOIN barred USING (source) LEFT JOIN set_aside USING (source, raw_file, raw_row)
        LEFT JOIN excluded USING (shard, shard_row)""",
        {"as_of": cycle.as_of},
    )
    # The earliest content of an id stays, so that a document stays in from cycle to cycle.
    database.execute(
        """CREATE TABLE identified AS
        SELECT row_id, digest <> first_value(digest) OVER versions AS conflict
        FROM dated WHERE NOT is_later AND barred IS NULL
        WINDOW versions AS (PARTITION BY doc_id ORDER BY collected_at, digest)"""
    )
    order = f"{PROVENANCE}, collected_at, doc_id, licence, raw_file, raw_row"
    database.execute(
        f"""CREATE TABLE ranked AS
        SELECT row_id,
            row_number() OVER copies AS copy,
            first_value(doc_id) OVER copies AS first_copy
        FROM dated JOIN identified USING (row_id) WHERE NOT conflict
        WINDOW copies AS (PARTITION BY digest ORDER BY {order})"""
    )
    database.execute(
        """CREATE TABLE classified AS
        SELECT dated.* EXCLUDE (is_later, barred),
            CASE WHEN is_later THEN 'later'
                 WHEN barred IS NOT NULL OR conflict THEN 'quarantined'
                 WHEN copy > 1 THEN 'duplicate'
                 ELSE 'kept' END AS status,
            CASE WHEN is_later THEN NULL
                 WHEN barred IS NOT NULL THEN barred
                 WHEN conflict THEN 'duplicate_id'
                 WHEN copy > 1 THEN 'same_content' END AS reason,
            CASE WHEN copy > 1 THEN first_copy END AS duplicate_of
        FROM dated LEFT JOIN identified USING (row_id) LEFT JOIN ranked USING (row_id)"""
    )
