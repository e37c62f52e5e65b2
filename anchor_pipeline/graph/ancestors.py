"""Everything a document was made from: its parents, theirs, and so on, with what is missing on the way."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from anchor_pipeline.graph.descendants import LEVELS
from anchor_pipeline.graph.links import all_links, dangling, find_links, named
from anchor_pipeline.graph.paths import Names, Paths
from anchor_pipeline.graph.questions import as_keys
from anchor_pipeline.graph.tables import GENERATED, LINE

_ABOVE = "(SELECT * FROM parents WHERE child_name IN (SELECT name FROM _frontier))"

_STEPS = """
    SELECT DISTINCT child_id, node_id, meant = 1, child_name, node FROM links
    WHERE child_name IN (SELECT name FROM _frontier) ORDER BY ALL
"""
_TOLD = f"""
    SELECT doc_id, min(source), min(authorship), min({LINE}), bool_or({GENERATED}), count(DISTINCT digest)
    FROM documents WHERE name IN (SELECT name FROM _told) GROUP BY doc_id ORDER BY doc_id
"""


@dataclass(frozen=True)
class Ancestor:
    """A document that another was made from."""

    doc_id: str
    distance: int
    """Over how many parents it is reached, at the least."""
    source: str
    authorship: str
    generator: str | None
    """The line of generators that wrote it, without its version; None if a person did, or nobody knows."""
    generated: bool
    contents: int
    """How many different contents were recorded under its id."""
    certain: bool
    """Some way to it goes over parents that can mean only one document."""
    circular: bool
    """It is among its own ancestors."""


@dataclass(frozen=True)
class Step:
    """A document and one that it was made from."""

    child: str
    parent: str
    certain: bool


@dataclass(frozen=True)
class Ancestry:
    """What is known of a document's ancestors."""

    doc_id: str
    recorded: bool
    """Whether the document itself is in the graph."""
    circular: bool
    """It is among its own ancestors."""
    ancestors: tuple[Ancestor, ...]
    """By distance and id."""
    steps: tuple[Step, ...]
    """All edges on the way, by child and parent."""
    dangling: tuple[tuple[str, str], ...]
    """Parents that no recorded document bears, with the document that names each: (document, parent)."""


def ancestry(connection: duckdb.DuckDBPyConnection, doc_id: str) -> Ancestry:
    """Everything a document was made from; several contents of one id are one document here.

    Cost: for each of the first levels one pass over the recorded parents and one over the names of all documents;
    for whatever is further away the whole graph of documents, once.
    """
    ((name,),) = connection.execute("SELECT hash(?)", [doc_id]).fetchall()
    start = as_keys([name])
    steps: dict[tuple[int, int], tuple[str, str, bool]] = {}
    lost: set[tuple[str, str]] = set()
    seen = frontier = start
    for level in range(LEVELS + 1):
        if not len(frontier):
            break
        if level == LEVELS:
            frontier = _all_above(connection, frontier)
        with named(connection, "_frontier", frontier):
            if level < LEVELS:
                find_links(connection, _ABOVE)
            for child_id, node_id, certain, child, node in connection.execute(_STEPS).fetchall():
                before = steps.get((child, node))
                steps[child, node] = (child_id, node_id, certain or (before is not None and before[2]))
            lost.update((child, parent) for _, child, parent in dangling(connection, _ABOVE))
        reached = as_keys([node for _, node in steps])
        frontier = np.setdiff1d(reached, seen)
        seen = np.union1d(seen, reached)
    return _told(connection, doc_id, int(start[0]), steps, lost)


def _all_above(connection: duckdb.DuckDBPyConnection, frontier: Names) -> Names:
    """Names of the documents from which there is a way up from `frontier`, these included."""
    links = all_links(connection)
    paths = Paths.of(links.child, links.parent, frontier)
    return paths.names[paths.reached(paths.numbers(frontier), down=False)]


def _told(
    connection: duckdb.DuckDBPyConnection,
    doc_id: str,
    start: int,
    steps: dict[tuple[int, int], tuple[str, str, bool]],
    lost: set[tuple[str, str]],
) -> Ancestry:
    edges = sorted(steps)
    children, parents = (np.array([edge[end] for edge in edges], np.uint64) for end in (0, 1))
    paths = Paths.of(children, parents, as_keys([start]))
    _, circular = paths.circles()
    circles = set(paths.names[circular].tolist())
    distance = _distances(start, edges)
    sure = _distances(start, [edge for edge in edges if steps[edge][2]])
    ids = {node: told[1] for (_, node), told in steps.items()}
    with named(connection, "_told", as_keys([*ids, start])):
        rows = {row[0]: row[1:] for row in connection.execute(_TOLD).fetchall()}
    ancestors = []
    for node, id in ids.items():
        if node != start:
            source, authorship, generator, generated, contents = rows[id]
            ancestors.append(
                Ancestor(
                    id,
                    distance[node],
                    source,
                    authorship,
                    generator,
                    generated,
                    contents,
                    node in sure,
                    node in circles,
                )
            )
    return Ancestry(
        doc_id,
        recorded=doc_id in rows,
        circular=start in circles,
        ancestors=tuple(sorted(ancestors, key=lambda one: (one.distance, one.doc_id))),
        steps=tuple(Step(*told) for told in sorted(steps.values())),
        dangling=tuple(sorted(lost)),
    )


def _distances(start: int, edges: list[tuple[int, int]]) -> dict[int, int]:
    """By name: over how many edges it is reached from `start`."""
    above: dict[int, list[int]] = {}
    for child, node in edges:
        above.setdefault(child, []).append(node)
    distance, frontier = {start: 0}, [start]
    while frontier:
        beyond = [node for child in frontier for node in above.get(child, ())]
        level = distance[frontier[0]] + 1
        frontier = [node for node in dict.fromkeys(beyond) if node not in distance]
        distance.update(dict.fromkeys(frontier, level))
    return distance
