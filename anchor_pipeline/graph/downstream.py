"""The right half of a drawn lineage graph: corpora, selections, releases and exports, the newest first."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from anchor_pipeline.corpus.corpus import corpus_table, read_corpus
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.graph.drawn import Drawn, counts, grouped
from anchor_pipeline.graph.picture import UNKNOWN, Count, Edge, Node, total
from anchor_pipeline.graph.tables import KEY
from anchor_pipeline.mix.selection import read_selection, selection_table
from anchor_pipeline.project.addresses import without_credentials
from anchor_pipeline.rules.query import literal

DETAILED = 100
"""Releases of which it is counted what they hold of each source; of others only how many documents they hold."""

_KEPT = f"""
    SELECT source, doc_id, modality, count(*), sum(tokens)::BIGINT, count(*), sum(tokens)::BIGINT
    FROM read_parquet(?) WHERE status = 'kept' AND {KEY} IN (SELECT key FROM picked WHERE down)
    GROUP BY ALL ORDER BY ALL
"""
_MEMBERS = """
    SELECT m.release, d.source, d.modality, count(*), sum(m.tokens)::BIGINT, count(*) FILTER (p.down),
        sum(m.tokens) FILTER (p.down)::BIGINT
    FROM members AS m LEFT JOIN (
        SELECT key, min(source) AS source, min(modality) AS modality FROM documents GROUP BY key
    ) AS d USING (key) LEFT JOIN picked AS p USING (key)
    WHERE m.release IN (SELECT unnest(?)) GROUP BY ALL ORDER BY ALL
"""
_CHOSEN = f"""
    SELECT source, modality, count(*), sum(tokens)::BIGINT, count(*) FILTER (picked),
        sum(tokens) FILTER (picked)::BIGINT
    FROM (SELECT source, modality, sum(tokens) AS tokens, {KEY} IN (SELECT key FROM picked WHERE down) AS picked
        FROM read_parquet(?) GROUP BY source, modality, doc_id, digest)
    GROUP BY ALL ORDER BY ALL
"""


def add_corpora(drawn: Drawn) -> None:
    """Corpora by their records, with what each took from every source."""
    for cycle in sorted(drawn.store.list("corpus"), reverse=True):
        corpus = read_corpus(drawn.store, cycle)
        if corpus is None:
            continue
        picked = _kept(drawn, cycle)
        at = ("corpus", cycle)
        sums = []
        for source, of in sorted(corpus.sources.items()):
            modality = drawn.modalities.get(source, "text")
            count = Count(of.kept, {modality: of.kept_tokens})
            sums.append(count)
            _need_source(drawn, source)
            drawn.edges.append(Edge(("source", source), at, "assembled", count, picked.get(source)))
        drawn.nodes.append(Node(*at, cycle, sum(sums, Count()), picked=total(picked.values())))


def _kept(drawn: Drawn, cycle: str) -> dict[str, Count]:
    """By source: what the corpus of a cycle has kept of what was asked for. One pass over its table."""
    if drawn.asked is None or (drawn.asked.kind == "release" and drawn.asked.value.split("/")[1] != cycle):
        return {}
    rows = drawn.rows(_KEPT, [literal(corpus_table(drawn.store, cycle))])
    if drawn.asked.kind == "document":
        for (_, doc_id), of in grouped(rows, 2):
            count, _ = counts(of)
            drawn.edges.append(Edge(("document", doc_id), ("corpus", cycle), "assembled", count, count))
    return {source: counts([row[1:] for row in of])[0] for source, of in grouped(rows, 1)}


def add_releases(drawn: Drawn) -> None:
    """Releases and the selections they were written from."""
    releases = drawn.rows(
        "SELECT release, stage, cycle, revision, folder, superseded, (SELECT count(*) FROM members AS m "
        "WHERE m.release = r.release), release IN (SELECT release FROM members SEMI JOIN picked USING (key)) "
        "FROM releases AS r ORDER BY cycle DESC, stage, revision DESC"
    )
    asked = drawn.found.value if drawn.asked is not None and drawn.asked.kind == "release" and drawn.found else None
    first = sorted(releases, key=lambda row: (row[0] != asked, not row[7]))[:DETAILED]
    held: dict[int, list[tuple[Any, ...]]] = dict(grouped(drawn.rows(_MEMBERS, [[row[0] for row in first]]), 1))
    if len(releases) > len(first):
        drawn.remarks.append(
            f"Of {len(releases) - len(first):,} older releases it was not counted what they hold of each source; ask "
            "for one with --release."
        )
    for release, stage, cycle, revision, folder, superseded, documents, _ in releases:
        count, picked, sources = Count(documents, {}, 1), None, None
        if release in held:
            _tell_unrecorded(drawn, folder, held[release])
            count, picked = counts([(modality or "text", *row) for _, modality, *row in held[release]])
            sources = frozenset(source for source, *_ in held[release] if source is not None)
        if asked is not None and release != asked:
            picked = None
        notes = [*(["replaced"] if superseded else []), *(["recalled"] if _is_recalled(drawn, folder) else [])]
        label = f"{stage} {cycle}" + (f" r{revision}" if revision > 1 else "")
        at = ("mix", f"{stage}/{cycle}/{revision}")
        drawn.nodes.append(Node(*at, label, count, note=", ".join(notes), picked=picked, sources=sources))
        _add_selection(drawn, stage, cycle, count, picked, sources)
        drawn.edges.append(Edge(("selection", f"{stage}/{cycle}"), at, "released", count, picked))


def _add_selection(
    drawn: Drawn, stage: str, cycle: str, count: Count, picked: Count | None, sources: frozenset[str] | None,
    note: str = "",
) -> None:  # fmt: skip
    """A selection with the figures of its newest release; another revision of it only adds what belongs to the path."""
    at = ("selection", f"{stage}/{cycle}")
    for place, node in enumerate(drawn.nodes):
        if (node.column, node.name) == at:
            if node.picked is None and picked is not None:
                drawn.nodes[place] = Node(*at, node.label, node.count, node.kind, node.note, picked, node.sources)
                drawn.edges = [
                    Edge(edge.tail, edge.head, edge.kind, edge.count, picked) if edge.head == at else edge
                    for edge in drawn.edges
                ]
            return
    drawn.nodes.append(Node(*at, f"{stage} {cycle}", count, note=note, picked=picked, sources=sources))
    if not any((node.column, node.name) == ("corpus", cycle) for node in drawn.nodes):
        drawn.nodes.append(Node("corpus", cycle, cycle, UNKNOWN, note="its record is gone", picked=picked))
        on_path = {node.name for node in drawn.nodes if node.column == "source" and node.picked} if picked else set()
        for source in sorted(sources or ()):
            _need_source(drawn, source)
            part = UNKNOWN if source in on_path else None
            drawn.edges.append(Edge(("source", source), ("corpus", cycle), "assembled", UNKNOWN, part))
    drawn.edges.append(Edge(("corpus", cycle), at, "drawn", count, picked))


def add_unreleased(drawn: Drawn) -> None:
    """Selections that nothing was released from: refused, or not built to the end."""
    there = {node.name for node in drawn.nodes if node.column == "selection"}
    found = [
        (stage, cycle) for stage in drawn.store.list("selection") for cycle in drawn.store.list(f"selection/{stage}")
    ]
    for stage, cycle in sorted(found):
        if f"{stage}/{cycle}" in there or read_selection(drawn.store, stage, cycle) is None:
            continue
        rows = drawn.rows(_CHOSEN, [literal(selection_table(drawn.store, stage, cycle))])
        count, picked = counts([row[1:] for row in rows])
        asked_for_release = drawn.asked is not None and drawn.asked.kind == "release"
        sources = frozenset(row[0] for row in rows)
        picked = None if asked_for_release else picked
        _add_selection(drawn, stage, cycle, count, picked, sources, "unreleased")


def add_exports(drawn: Drawn) -> None:
    """What was written from releases, by the events; one that was written again is one."""
    rows = drawn.rows("SELECT DISTINCT name, uri, release_digest FROM exports ORDER BY ALL")
    by_digest: dict[str, list[Node]] = defaultdict(list)
    nodes = {(node.column, node.name): node for node in drawn.nodes}
    for stage, cycle, revision, digest in drawn.rows(
        "SELECT stage, cycle, revision, digest FROM releases ORDER BY superseded, stage, cycle, revision"
    ):
        by_digest[digest].append(nodes["mix", f"{stage}/{cycle}/{revision}"])
    for name, uri, digest in rows:
        address = without_credentials(uri)
        label = address.rstrip("/").rpartition("/")[2] or name
        at = ("export", f"{name}\0{uri}\0{digest or ''}")
        of = by_digest.get(digest, [])[:1]
        note = address if of else f"{address}, of a release that is not in this store"
        count = of[0].count if of else UNKNOWN
        picked, sources = (of[0].picked, of[0].sources) if of else (None, frozenset[str]())
        drawn.nodes.append(Node(*at, label, count, note=note, picked=picked, sources=sources))
        for release in of:
            drawn.edges.append(Edge(("mix", release.name), at, "exported", count, picked))


def _need_source(drawn: Drawn, source: str) -> None:
    """A source whose shards are gone, or that never had any documents, is in the picture all the same."""
    if source not in drawn.sources:
        drawn.sources.add(source)
        drawn.nodes.append(Node("source", source, source, Count(), note="no documents recorded"))


def _is_recalled(drawn: Drawn, folder: str) -> bool:
    return drawn.store.find(f"{folder}/{NOTICE}") is not None


def _tell_unrecorded(drawn: Drawn, folder: str, rows: list[tuple[Any, ...]]) -> None:
    lost = sum(row[2] for row in rows if row[0] is None)
    if lost:
        drawn.remarks.append(
            f"{folder} holds {lost:,} documents whose shards are gone; which sources they came from is not in the "
            "graph, so no line shows it."
        )
