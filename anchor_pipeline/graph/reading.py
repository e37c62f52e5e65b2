"""The picture of a lineage graph, read from its tables and from the records of corpora and selections in the store.

Cost, for D documents, P recorded parents and M members of the releases shown: some passes over each, so seconds for
ten million documents. Only names and sums come out of the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from anchor_pipeline.graph.asked import GENERATOR, NO_NAME, Asked, find, pick
from anchor_pipeline.graph.downstream import add_corpora, add_exports, add_releases, add_unreleased
from anchor_pipeline.graph.drawn import Drawn, counts, grouped
from anchor_pipeline.graph.graph import Graph
from anchor_pipeline.graph.links import find_links
from anchor_pipeline.graph.picture import Count, Edge, Node, Picture, checked, total

_SOURCES = """
    SELECT source, modality, count(*), sum(tokens)::BIGINT, count(*) FILTER (up OR down),
        sum(tokens) FILTER (up OR down)::BIGINT
    FROM (SELECT source, modality, key, max(tokens) AS tokens FROM documents GROUP BY ALL) LEFT JOIN picked USING (key)
    GROUP BY ALL ORDER BY ALL
"""
_ORIGINS = """
    SELECT source, origin, modality, count(*), sum(tokens)::BIGINT, count(*) FILTER (up),
        sum(tokens) FILTER (up)::BIGINT
    FROM (SELECT source, {origin} AS origin, modality, key, max(tokens) AS tokens FROM documents GROUP BY ALL)
    LEFT JOIN picked USING (key) {where} GROUP BY ALL ORDER BY ALL
"""
_PARENTS = """
    WITH pairs AS (
        SELECT child_name, substr(node_id, 1, instr(node_id, '/') - 1) AS parent,
            bool_or(coalesce(p.down, false)) AS via
        FROM links LEFT JOIN (SELECT name, bool_or(down) AS down FROM picked GROUP BY name) AS p ON p.name = node
        GROUP BY ALL
    )
    SELECT parent, source, modality, count(*), sum(tokens)::BIGINT, count(*) FILTER (up OR (down AND via)),
        sum(tokens) FILTER (up OR (down AND via))::BIGINT
    FROM (SELECT source, modality, key, any_value(name) AS child_name, max(tokens) AS tokens FROM documents
        GROUP BY ALL)
    JOIN pairs USING (child_name) LEFT JOIN (SELECT key, up, down FROM picked) USING (key) GROUP BY ALL ORDER BY ALL
"""
_DANGLING = """
    SELECT source, modality, count(*), sum(tokens)::BIGINT, count(*) FILTER (up), sum(tokens) FILTER (up)::BIGINT
    FROM (SELECT source, modality, key, max(tokens) AS tokens FROM documents WHERE name IN (
        SELECT child_name FROM parents ANTI JOIN links USING (child_name, parent)
    ) GROUP BY ALL) LEFT JOIN picked USING (key) GROUP BY ALL ORDER BY ALL
"""
_DOCUMENTS = """
    SELECT doc_id, source, modality, count(*), sum(tokens)::BIGINT, 0, 0
    FROM (SELECT doc_id, source, modality, key, max(tokens) AS tokens FROM documents SEMI JOIN picked USING (key)
        GROUP BY ALL)
    GROUP BY ALL ORDER BY ALL
"""
_STEPS = """
    SELECT node_id, child_id, modality, count(*), sum(tokens)::BIGINT, 0, 0
    FROM (SELECT doc_id, modality, key, max(tokens) AS tokens, any_value(up) AS up, any_value(down) AS down
        FROM documents JOIN (SELECT key, up, down FROM picked) USING (key) GROUP BY ALL)
    JOIN (SELECT DISTINCT child_id, node_id, node FROM links) ON child_id = doc_id
    JOIN (SELECT name, bool_or(down) AS via FROM picked GROUP BY name) ON name = node
    WHERE up OR (down AND via) GROUP BY ALL ORDER BY ALL
"""

MOST_FILES = 4000
"""Raw files that are told apart in one picture."""

OUTSIDE = "\0outside"
"""Name of the node of all parents that no recorded document bears."""


def read_picture(graph: Graph, asked: Asked | None = None) -> Picture:
    """The picture of a project, or of what was asked for in it. UsageError if that is not there."""
    drawn = Drawn(graph.connection, graph.store, asked)
    if asked is None:
        find_links(drawn.connection)
        drawn.connection.execute(
            "CREATE OR REPLACE TEMP TABLE picked (key UBIGINT, name UBIGINT, up BOOLEAN, down BOOLEAN)"
        )
    else:
        drawn.found = find(drawn.connection, asked)
        pick(drawn.connection, asked, drawn.found)
    _add_sources(drawn)
    _add_origins(drawn)
    _add_parents(drawn)
    if asked is not None and asked.kind == "document":
        _add_documents(drawn)
    add_corpora(drawn)
    add_releases(drawn)
    add_unreleased(drawn)
    add_exports(drawn)
    drawn.remarks += graph.updated.troubles
    nodes = _in_order(drawn.nodes)
    title = "the whole project" if drawn.found is None else drawn.found.title
    return checked(Picture(title, tuple(nodes), tuple(drawn.edges), _focus(drawn, nodes), tuple(drawn.remarks)))


def _in_order(nodes: Iterable[Node]) -> list[Node]:
    """What is large comes first; of corpora, selections and releases the newest."""
    by_name = sorted(nodes, key=lambda node: (node.column, node.name))
    timed = [node for node in by_name if node.column in ("corpus", "selection", "mix")]
    timed.sort(key=lambda node: node.name.split("/")[-1:] if node.column == "corpus" else _cycle(node), reverse=True)
    others = [node for node in by_name if node.column not in ("corpus", "selection", "mix")]
    others.sort(key=lambda node: (-(node.picked.documents if node.picked else 0), -node.count.documents))
    return [*others, *timed]


def _cycle(node: Node) -> list[str]:
    """Cycle and revision; stages stay in their order."""
    _, cycle, *revision = node.name.split("/")
    return [cycle, *(f"{int(one):09d}" for one in revision)]


def _focus(drawn: Drawn, nodes: Iterable[Node]) -> tuple[str, str] | None:
    if drawn.asked is None:
        return None
    kind, value = drawn.asked.kind, drawn.asked.value
    if kind == "source":
        return "source", value
    picked = [node for node in nodes if node.picked is not None]
    if kind == "release":
        return next((node.column, node.name) for node in picked if node.column == "mix")
    if kind == "document":
        return "document", value
    of = [node for node in picked if node.kind == "generator" and node.label.split("@")[0] == value.split("@")[0]]
    exact = [node for node in of if node.label == value]
    return next((node.column, node.name) for node in (*exact, *of))


def _add_sources(drawn: Drawn) -> None:
    for source, rows in grouped(drawn.rows(_SOURCES), 1):
        count, picked = counts(rows)
        drawn.nodes.append(Node("source", source, source, count, picked=picked))
        drawn.sources.add(source)
        if len(rows) == 1:
            drawn.modalities[source] = rows[0][0]
    if drawn.sources:
        drawn.remarks.append(
            "A source stands for all documents that were ever recorded of it and whose shards lie in the store, also "
            "those that later cycles no longer use."
        )


def _add_origins(drawn: Drawn) -> None:
    for source, file, stands_for, rows in _files(drawn):
        count, picked = counts(rows)
        name = f"file\0{source}\0{stands_for if stands_for > 1 else ''}\0{file}"
        label = f"{stands_for:,} more files of {source}" if stands_for > 1 else file or source
        note = "too many to be told apart" if stands_for > 1 else "" if file else "its name was not recorded"
        drawn.nodes.append(Node("raw", name, label, count, note=note, picked=picked, stands_for=stands_for))
        drawn.edges.append(Edge(("raw", name), ("source", source), "read", count, picked))
    sums: dict[str, list[tuple[Count, Count | None]]] = defaultdict(list)
    where = "WHERE origin IS NOT NULL"
    for (source, generator), rows in grouped(drawn.rows(_ORIGINS.format(origin=GENERATOR, where=where)), 2):
        count, picked = counts(rows)
        sums[generator].append((count, picked))
        drawn.edges.append(Edge(("raw", f"by\0{generator}"), ("source", source), "generated", count, picked))
    for generator, parts in sorted(sums.items()):
        count = sum((one for one, _ in parts), Count())
        label = "not named" if generator == NO_NAME else generator
        picked = total(one for _, one in parts)
        drawn.nodes.append(Node("raw", f"by\0{generator}", label, count, "generator", picked=picked))


def _files(drawn: Drawn) -> Iterator[tuple[str, str | None, int, list[tuple[Any, ...]]]]:
    """Source, file, how many files it stands for, and figures: of very many only the largest of each source."""
    by_source = grouped(drawn.rows(_ORIGINS.format(origin="raw_file", where="")), 1)
    files = [(source, grouped(rows, 1)) for source, rows in by_source]
    few = sum(len(of) for _, of in files) <= MOST_FILES
    most = MOST_FILES if few else max(1, MOST_FILES // len(files) - 1)
    for source, of in files:
        of.sort(key=lambda one: (-sum(row[3] for row in one[1]), -sum(row[1] for row in one[1]), one[0] or ""))
        rest = of[most:] if len(of) > most + 1 else []
        for file, rows in of[: len(of) - len(rest)]:
            yield source, file, 1, rows
        if rest:
            yield source, None, len(rest), [row for _, rows in rest for row in rows]


def _add_parents(drawn: Drawn) -> None:
    for (parent, source), rows in grouped(drawn.rows(_PARENTS), 2):
        count, picked = counts(rows)
        drawn.edges.append(Edge(("source", parent), ("source", source), "parent", count, picked))
    parts = []
    for source, rows in grouped(drawn.rows(_DANGLING), 1):
        count, picked = counts(rows)
        parts.append((count, picked))
        drawn.edges.append(Edge(("raw", OUTSIDE), ("source", source), "parent", count, picked))
    if parts:
        count, part = sum((one for one, _ in parts), Count()), total(one for _, one in parts)
        drawn.nodes.append(Node("raw", OUTSIDE, "parents not recorded", count, "outside", picked=part))
        drawn.remarks.append(
            f"{count.documents:,} documents name a parent that no recorded document bears: it was never ingested, or "
            "its id is spelt in another way."
        )


def _add_documents(drawn: Drawn) -> None:
    """The document that was asked for, and those on its path, one by one."""
    for (doc_id, source), rows in grouped(drawn.rows(_DOCUMENTS), 2):
        count, _ = counts(rows)
        drawn.nodes.append(Node("document", doc_id, doc_id, count, picked=count))
        drawn.edges.append(Edge(("source", source), ("document", doc_id), "holds", count, count))
    for (parent, child), rows in grouped(drawn.rows(_STEPS), 2):
        count, _ = counts(rows)
        drawn.edges.append(Edge(("document", parent), ("document", child), "parent", count, count))
