"""What became of the rows of each source, counted; and the rows quarantined in a cycle, kept to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from anchor_pipeline.corpus.corpus import SourceCounts
from anchor_pipeline.corpus.made_from import KEY
from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.classify import COLUMNS
from anchor_pipeline.project.cycles import Cycle


def copy_to(database: duckdb.DuckDBPyConnection, query: str, path: Path, made_from: str | None = None) -> None:
    """Write the rows of a query as Parquet; `made_from` is the digest of its inputs."""
    target = str(path).replace("'", "''")
    options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"
    if made_from is not None:
        options += f", KV_METADATA {{{KEY}: '{made_from}'}}"
    database.execute(f"COPY ({query}) TO '{target}' ({options})")


def counts_of(database: duckdb.DuckDBPyConnection, snapshots: Mapping[str, SourceSnapshot]) -> dict[str, SourceCounts]:
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


def keep_quarantined(
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
        query = f"""SELECT {COLUMNS}, shard, shard_row, reason FROM classified
            WHERE status = 'quarantined' AND source = '{source}' ORDER BY doc_id, digest, raw_file, raw_row"""
        path = work / f"{source}.parquet"
        copy_to(database, query, path)
        store.write(f"quarantine/{source}/cycle-{cycle.key}.parquet", path.read_bytes())
