"""The whole way of one document: from the raw files it was read in to every mix and export that holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from anchor_pipeline.corpus.corpus import corpus_table_name
from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph.graph import Graph
from anchor_pipeline.recall.find import exports_of, find_keys

_RECORDED = """
    SELECT DISTINCT documents.digest, raw_file, raw_row, documents.source, kind, domain, modality, authorship,
        generator, licence, strftime(collected_at, '%Y-%m-%dT%H:%M:%SZ') AS collected_at, documents.tokens,
        shards.digest AS shard, shard_row
    FROM documents JOIN shards USING (shard) WHERE name = hash($id) AND doc_id = $id ORDER BY ALL
"""
_COPIES = """
    WITH its AS (SELECT content, digest FROM documents WHERE name = hash($id) AND doc_id = $id)
    SELECT DISTINCT doc_id, digest FROM documents
    WHERE content IN (SELECT content FROM its) AND digest IN (SELECT digest FROM its) AND doc_id <> $id ORDER BY ALL
"""
_SNAPSHOTS = """
    SELECT DISTINCT source, snapshots.digest, latest FROM snapshots JOIN snapshot_shards USING (source, digest)
    JOIN shards ON shards.digest = shard_digest JOIN documents USING (shard)
    WHERE name = hash($id) AND doc_id = $id ORDER BY ALL
"""
_HELD = """
    SELECT DISTINCT stage, cycle, revision, releases.digest AS mix, folder, superseded, passes, members.tokens,
        documents.digest
    FROM members JOIN documents USING (key) JOIN releases USING (release)
    WHERE name = hash($id) AND doc_id = $id ORDER BY ALL
"""


@dataclass(frozen=True)
class Trace:
    """What is known of a document; every list is sorted, and empty where nothing is known."""

    doc_id: str
    recorded: list[dict[str, Any]]
    """Every row of a shard that it was: digest, raw file and row, source, shard, …"""
    copies: list[dict[str, Any]]
    """Documents of another id with the same content: doc_id, digest."""
    snapshots: list[dict[str, Any]]
    """States of its source that hold it: source, digest, latest."""
    ancestors: list[dict[str, Any]]
    """What it was made from, as far as parents are recorded: doc_id, generator, distance, certain."""
    dangling: list[str]
    """Parents on the way that nothing recorded bears."""
    corpus: list[dict[str, Any]]
    """What became of it in each cycle: cycle, digest, status, reason, duplicate_of."""
    releases: list[dict[str, Any]]
    exports: list[dict[str, Any]]
    recalls: list[dict[str, Any]]
    """Recalls and quarantines that bar it: id, what, action, erased (when, or None), reason, at."""


def trace(graph: Graph, store: Store, files: RecallFiles, doc_id: str) -> Trace:
    """Everything that is on record about a document."""
    held = _asked(graph, _HELD, doc_id)
    exports = exports_of(graph.connection, [one["mix"] for one in held])
    above = graph.ancestry(doc_id)
    # The graph remembers shards that an erasure has replaced.
    gone = {one.old for kept in files.all() if kept.stands and kept.erasure for one in kept.erasure.shards}
    return Trace(
        doc_id=doc_id,
        recorded=[row for row in _asked(graph, _RECORDED, doc_id) if row["shard"] not in gone],
        copies=_asked(graph, _COPIES, doc_id),
        snapshots=_asked(graph, _SNAPSHOTS, doc_id),
        ancestors=[
            {"doc_id": one.doc_id, "generator": one.generator, "distance": one.distance, "certain": one.certain}
            for one in above.ancestors
        ],
        dangling=sorted({parent for _, parent in above.dangling}),
        corpus=_in_corpora(store, doc_id),
        releases=held,
        exports=[one.model_dump(mode="json") for one in exports],
        recalls=_recalls(graph, files, doc_id),
    )


def nearest(graph: Graph, doc_id: str, most: int = 5) -> list[str]:
    """Ids that are spelled alike, for a document that was never recorded."""
    rows = graph.connection.execute(
        """SELECT doc_id FROM (SELECT DISTINCT doc_id FROM documents)
        ORDER BY jaro_winkler_similarity(doc_id, $id) DESC, doc_id LIMIT $most""",
        {"id": doc_id, "most": most},
    )
    return [str(one) for (one,) in rows.fetchall()]


def _asked(graph: Graph, sql: str, doc_id: str) -> list[dict[str, Any]]:
    cursor = graph.connection.execute(sql, {"id": doc_id})
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _in_corpora(store: Store, doc_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for cycle in store.list("corpus"):
        name = corpus_table_name(cycle)
        if not store.exists(name):
            continue
        rows = (
            pl.scan_parquet(store.local(name), glob=False)
            .filter(pl.col("doc_id") == doc_id)
            .select("digest", "status", "reason", "duplicate_of")
            .unique()
            .sort("digest", "status")
            .collect()
        )
        found += [{"cycle": cycle, **row} for row in rows.to_dicts()]
    return found


def _recalls(graph: Graph, files: RecallFiles, doc_id: str) -> list[dict[str, Any]]:
    """Those whose documents, as they were found then or would be now, it is one of."""
    found = []
    for kept in files.all():
        if not kept.stands:
            continue
        record = kept.record
        find_keys(graph, record.what, files.tombstones(record))
        row = graph.connection.execute("SELECT count(*) FROM matched WHERE doc_id = ?", [doc_id]).fetchone()
        if row is not None and row[0]:
            told: dict[str, Any] = {"id": record.id, "what": str(record.what), "action": record.action}
            told["erased"] = None if kept.erasure is None else kept.erasure.at
            found.append({**told, "reason": record.reason, "at": record.at})
    return found
