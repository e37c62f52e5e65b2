"""Shards and snapshots of the store, as rows: the metadata of every document, never its content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
from pydantic import ValidationError

from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph.tables import BARE, KEY
from anchor_pipeline.rules.query import literal

_SHARD = re.compile(r"(?P<digest>[0-9a-f]{64})\.parquet")

_FROM_SHARD = (
    "doc_id", "digest", "source", "kind", "authorship", "domain", "modality", "tokens", "licence", "generator",
    "family", "collected_at", "raw_file", "raw_row",
)  # fmt: skip

_DOCUMENTS = f"""
    INSERT INTO documents (key, name, bare, content, shard, shard_row, {", ".join(_FROM_SHARD)})
    SELECT {KEY}, hash(doc_id), hash({BARE}), hash(digest), $first + file_index, file_row_number,
        {", ".join(_FROM_SHARD)}
    FROM read_parquet($files, file_row_number = true, hive_partitioning = false)
"""
_PARENTS = f"""
    INSERT INTO parents (child, child_name, child_id, parent_name, parent)
    SELECT child, hash(doc_id), doc_id, hash(parent), parent FROM (
        SELECT {KEY} AS child, doc_id, unnest(list_distinct(parents)) AS parent
        FROM read_parquet($files, hive_partitioning = false) WHERE len(parents) > 0
    )
"""
_SHARDS = """
    INSERT INTO shards SELECT named.shard, named.digest, coalesce(min(source), ''), count(source),
        coalesce(sum(tokens), 0)
    FROM (SELECT ($first + generate_subscripts($digests, 1) - 1)::INTEGER AS shard, unnest($digests) AS digest) AS named
    LEFT JOIN (SELECT shard, source, tokens FROM documents WHERE shard >= $first) USING (shard) GROUP BY ALL
"""


def new_shards(store: Store, known: set[str]) -> list[str]:
    """Digests of the shards that lie in the store and were not read yet, sorted."""
    found = (
        match["digest"]
        for folder in store.list("shards")
        for name in store.list(f"shards/{folder}")
        if (match := _SHARD.fullmatch(name))
    )
    return sorted(digest for digest in found if digest not in known)


def add_shards(connection: duckdb.DuckDBPyConnection, digests: Sequence[str], files: Sequence[Path]) -> None:
    """Add shards by their local files; duckdb.Error if one is no shard. In the transaction of the caller."""
    ((first,),) = connection.execute("SELECT coalesce(max(shard), -1) + 1 FROM shards").fetchall()
    paths = [literal(path) for path in files]
    connection.execute(_DOCUMENTS, {"first": first, "files": paths})
    connection.execute(_PARENTS, {"files": paths})
    connection.execute(_SHARDS, {"first": first, "digests": list(digests)})


def changed_snapshots(store: Store, known: dict[str, str]) -> dict[str, tuple[str, bytes]]:
    """By source: SHA-256 and bytes of the snapshots that are not as they were when last read."""
    changed = {}
    for source in store.list("sources"):
        data = store.find(f"sources/{source}/snapshot.json")
        if data is not None and known.get(source) != (version := hashlib.sha256(data).hexdigest()):
            changed[source] = (version, data)
    return changed


def add_snapshot(connection: duckdb.DuckDBPyConnection, source: str, data: bytes) -> str | None:
    """Note the state of a source; gives what is wrong with it, if anything is."""
    try:
        snapshot = SourceSnapshot.model_validate_json(data)
    except ValidationError as error:
        return f"sources/{source}/snapshot.json: not a snapshot ({error.error_count()} errors); build the source again"
    digest = snapshot.digest
    connection.execute("DELETE FROM snapshots WHERE source = ? AND digest = ?", [source, digest])
    connection.execute("DELETE FROM snapshot_shards WHERE source = ? AND digest = ?", [source, digest])
    connection.execute("UPDATE snapshots SET latest = false WHERE source = ?", [source])
    connection.execute("INSERT INTO snapshots VALUES (?, ?, true)", [source, digest])
    connection.execute("INSERT INTO snapshot_shards SELECT ?, ?, unnest(?)", [source, digest, snapshot.shards])
    return None
