"""Assemble the corpus of a cycle: every row read gets a status, and exact duplicates a kept copy.

Works on metadata columns alone, in DuckDB, which spills to disk: about 100 bytes a document of memory.
In this order a row is
1. `later`, if dated at or after `as_of`;
2. `quarantined`, if its source's licence has expired (`licence_expired`), does not permit training
   (`use_not_permitted`), if an expectation that quarantines could not be evaluated (`expectation_not_evaluated`), if
   it violates one (`expectation_COLUMN_TYPE`), or if another content has the same id (`duplicate_id`; the earliest
   stays);
3. `duplicate`, if the same content has a copy of better provenance: anchors before licensed before enterprise
   before synthetic, human before unknown before synthetic authorship, then the earliest, then the smallest id;
4. `kept`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.corpus import (
    Corpus,
    SourceCounts,
    corpus_table,
    corpus_table_name,
    read_corpus,
    write_corpus,
)
from anchor_pipeline.corpus.document import METADATA_COLUMNS
from anchor_pipeline.corpus.made_from import KEY, is_made_from
from anchor_pipeline.corpus.set_aside import NOT_EVALUATED, SET_ASIDE_SCHEMA, SetAside, read_set_aside
from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.expectations import quarantines

_FORMAT = 1
_KINDS = ("anchor", "licensed", "enterprise", "synthetic")
_AUTHORS = ("human", "human_edited", "unknown", "synthetic")


def assemble(
    project: Project,
    cycle: Cycle,
    snapshots: Mapping[str, SourceSnapshot],
    store: Store,
    set_aside: Mapping[str, SetAside] = MappingProxyType({}),
) -> tuple[Corpus, bool]:
    """The corpus of `cycle` from the current snapshots, and whether it was there already.

    `set_aside` has the rows of these snapshots that expectations keep out; of a source with such expectations that
    is not in it, nothing is taken. Raises DamagedData if a shard or a list of rows is missing or damaged.
    """
    barred = _barred_sources(project, cycle, set_aside)
    inputs = _inputs_digest(cycle, snapshots, barred, set_aside)
    current = read_corpus(store, cycle.key)
    if current is not None and current.inputs == inputs and _is_there(store, cycle, inputs):
        return current, True
    with store.temporary() as work:
        work.mkdir(parents=True)
        table = work / "documents.parquet"
        with _database(work) as database:
            _load(database, snapshots, store)
            _register_barred(database, barred, set_aside, store)
            _classify(database, cycle)
            _copy(database, _DOCUMENTS, table, inputs)
            counts = _counts(database, snapshots)
            _keep_quarantined(database, snapshots, store, cycle, work)
        target = store.adopt(table, corpus_table_name(cycle.key))
    corpus = Corpus(cycle=cycle.key, inputs=inputs, documents=_documents_digest(target), sources=counts)
    write_corpus(store, corpus)
    return corpus, False


def _is_there(store: Store, cycle: Cycle, inputs: str) -> bool:
    return store.exists(corpus_table_name(cycle.key)) and is_made_from(corpus_table(store, cycle.key), inputs)


def _barred_sources(project: Project, cycle: Cycle, set_aside: Mapping[str, SetAside]) -> dict[str, str]:
    """Sources whose terms bar them from this cycle, or of which no row is known to be allowed, and why."""
    barred = {}
    for name, source in project.sources.items():
        kept_out = set_aside.get(name)
        if kept_out.not_evaluated if kept_out is not None else any(map(quarantines, source.expectations)):
            barred[name] = NOT_EVALUATED
        terms = source.terms
        if terms is None:
            continue
        if terms.uses is not None and "training" not in terms.uses:
            barred[name] = "use_not_permitted"
        if terms.expires is not None:
            last = datetime(terms.expires.year, terms.expires.month, terms.expires.day, tzinfo=UTC)
            if cycle.as_of > last + timedelta(days=1):
                barred[name] = "licence_expired"
    return barred


def _inputs_digest(
    cycle: Cycle,
    snapshots: Mapping[str, SourceSnapshot],
    barred: Mapping[str, str],
    set_aside: Mapping[str, SetAside],
) -> str:
    sources = {
        name: {"snapshot": snapshot.digest, "shards": snapshot.shards, "masked": snapshot.masked()}
        for name, snapshot in snapshots.items()
    }
    rows = {name: kept.digest for name, kept in set_aside.items() if kept.digest}
    as_of = cycle.as_of.isoformat()
    return canonical_digest(
        {"format": _FORMAT, "as_of": as_of, "barred": barred, "sources": sources, "set_aside": rows}
    )


def _database(work: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory database that spills into `work`."""
    database = duckdb.connect(":memory:")
    database.execute("SET memory_limit = '1GB'")
    database.execute(f"SET temp_directory = '{str(work).replace(chr(39), chr(39) * 2)}'")
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET enable_progress_bar = false")
    database.execute("SET preserve_insertion_order = false")
    return database


_COLUMNS = ", ".join(METADATA_COLUMNS)
_DOCUMENTS = """SELECT * EXCLUDE (row_id) FROM classified
    ORDER BY source, doc_id, digest, status, collected_at, raw_file, raw_row"""


def _load(database: duckdb.DuckDBPyConnection, snapshots: Mapping[str, SourceSnapshot], store: Store) -> None:
    """Table `loaded`: the metadata of all rows of the snapshots, with where each lies."""
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
        database.execute(f"CREATE TABLE loaded AS SELECT {columns}, '' AS shard, 0::BIGINT AS shard_row LIMIT 0")
        return
    try:
        database.execute(
            f"""CREATE TABLE loaded AS
            SELECT {_COLUMNS}, parse_filename(filename, true) AS shard, file_row_number AS shard_row
            FROM read_parquet($paths, filename = true, file_row_number = true) AS rows
            WHERE NOT EXISTS (
                SELECT 1 FROM masks
                WHERE masks.shard = parse_filename(rows.filename, true) AND masks.raw_file = rows.raw_file
            )""",
            {"paths": paths},
        )
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise DamagedData(f"a shard of the store is missing or damaged: {error}") from None


def _duckdb_type(column: str) -> str:
    types = {"tokens": "BIGINT", "bytes": "BIGINT", "raw_row": "BIGINT", "parents": "VARCHAR[]"}
    return "TIMESTAMPTZ" if column == "collected_at" else types.get(column, "VARCHAR")


def _register_barred(
    database: duckdb.DuckDBPyConnection, barred: Mapping[str, str], set_aside: Mapping[str, SetAside], store: Store
) -> None:
    """Tables `barred` and `set_aside`: sources and single rows that are kept out, and why."""
    names = pa.table(
        {"source": pa.array(list(barred), pa.string()), "barred": pa.array(list(barred.values()), pa.string())}
    )
    database.register("barred", names)
    rows = [read_set_aside(store, kept) for _, kept in sorted(set_aside.items())]
    database.register("set_aside", pa.concat_tables([SET_ASIDE_SCHEMA.empty_table(), *rows]))


def _classify(database: duckdb.DuckDBPyConnection, cycle: Cycle) -> None:
    """Table `classified`: `loaded` with status, reason and duplicate_of."""
    database.execute(
        """CREATE TABLE dated AS
        SELECT loaded.*, row_number() OVER () AS row_id, loaded.collected_at >= $as_of AS is_later,
            coalesce(barred.barred, set_aside.reason) AS barred
        FROM loaded LEFT JOIN barred USING (source) LEFT JOIN set_aside USING (source, raw_file, raw_row)""",
        {"as_of": cycle.as_of},
    )
    # The earliest content of an id stays, so that a document stays in from cycle to cycle.
    database.execute(
        """CREATE TABLE identified AS
        SELECT row_id, digest <> first_value(digest) OVER versions AS conflict
        FROM dated WHERE NOT is_later AND barred IS NULL
        WINDOW versions AS (PARTITION BY doc_id ORDER BY collected_at, digest)"""
    )
    rank = f"list_position({list(_KINDS)}, kind), list_position({list(_AUTHORS)}, authorship)"
    order = f"{rank}, collected_at, doc_id, licence, raw_file, raw_row"
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


def _copy(database: duckdb.DuckDBPyConnection, query: str, path: Path, made_from: str | None = None) -> None:
    target = str(path).replace("'", "''")
    options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"
    if made_from is not None:
        options += f", KV_METADATA {{{KEY}: '{made_from}'}}"
    database.execute(f"COPY ({query}) TO '{target}' ({options})")


def _counts(database: duckdb.DuckDBPyConnection, snapshots: Mapping[str, SourceSnapshot]) -> dict[str, SourceCounts]:
    """What became of the rows of each source."""
    query = "SELECT source, status, reason, count(*), sum(tokens) FROM classified GROUP BY ALL"
    rows = database.execute(query).fetchall()
    counts = {}
    for name in sorted(snapshots):
        snapshot = snapshots[name]
        own = [row for row in rows if row[0] == name]
        quarantined = dict(snapshot.quarantined)
        for _, status, reason, number, _ in own:
            if status == "quarantined":
                quarantined[reason] = quarantined.get(reason, 0) + number
        by_status = {
            status: sum(row[3] for row in own if row[1] == status) for status in ("kept", "duplicate", "later")
        }
        counts[name] = SourceCounts(
            snapshot=snapshot.digest,
            read=snapshot.read,
            quarantined=dict(sorted(quarantined.items())),
            filtered=snapshot.filtered,
            kept_tokens=sum(int(row[4]) for row in own if row[1] == "kept"),
            unreadable=snapshot.unreadable,
            **by_status,
        )
    return counts


def _keep_quarantined(
    database: duckdb.DuckDBPyConnection,
    snapshots: Mapping[str, SourceSnapshot],
    store: Store,
    cycle: Cycle,
    work: Path,
) -> None:
    """Rows quarantined in this cycle, to be looked at; their content stays in the shards."""
    sources = database.execute("SELECT DISTINCT source FROM classified WHERE status = 'quarantined'").fetchall()
    # A file of an earlier build whose rows are now allowed must not go on telling of them.
    stale = {name for name in snapshots if store.exists(f"quarantine/{name}/cycle-{cycle.key}.parquet")}
    for source in sorted({name for (name,) in sources} | stale):
        query = f"""SELECT {_COLUMNS}, shard, shard_row, reason FROM classified
            WHERE status = 'quarantined' AND source = '{source}' ORDER BY doc_id, digest, raw_file, raw_row"""
        path = work / f"{source}.parquet"
        _copy(database, query, path)
        store.write(f"quarantine/{source}/cycle-{cycle.key}.parquet", path.read_bytes())


def _documents_digest(table: Path) -> str:
    """SHA-256 over doc_id, NUL, content digest, NUL, status, newline of all documents in order."""
    sha = hashlib.sha256()
    for batch in pq.ParquetFile(table).iter_batches(columns=["doc_id", "digest", "status"]):
        lines = pc.binary_join_element_wise(*batch.columns, "\0")
        sha.update("".join(f"{line}\n" for line in lines.to_pylist()).encode())
    return sha.hexdigest()
