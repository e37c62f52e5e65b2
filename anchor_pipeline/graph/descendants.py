"""All documents that were made from some, by way of any number of others.

Level by level while there are few levels of few documents: each is one pass over the recorded parents and one over
the names of all documents. Longer and wider lines of descent are followed in arrays of the whole graph. Whatever was
reached is not followed again, so circles end.
"""

from __future__ import annotations

import duckdb
import numpy as np

from anchor_pipeline.graph.links import all_links, find_links, named
from anchor_pipeline.graph.paths import Names, Paths
from anchor_pipeline.graph.questions import Keys, as_keys, registered

LEVELS = 12
"""Followed one by one; what is further away is looked up in the whole graph."""

MANY = 5_000
"""From so many documents on, the whole graph is no dearer than the next level."""

_BELOW = """(
    SELECT * FROM parents WHERE parent_name IN (
        SELECT name FROM _frontier UNION ALL SELECT bare FROM documents WHERE name IN (SELECT name FROM _frontier)
    )
)"""
_CHILDREN = """
    SELECT DISTINCT child, child_name FROM parents JOIN (
        SELECT DISTINCT child_name, parent FROM links WHERE node IN (SELECT name FROM _frontier) AND meant <= ?
    ) USING (child_name, parent)
"""
_ANY = 2**62


def descendants(connection: duckdb.DuckDBPyConnection, keys: Keys, *, possible: bool) -> Keys:
    """Keys of the documents reached over at least one parent; of those asked about only what was reached as well."""
    most = _ANY if possible else 1
    with registered(connection, keys, "key") as held:
        rows = connection.execute(f"SELECT DISTINCT name FROM documents WHERE {held}").fetchnumpy()
    seen = frontier = as_keys(rows["name"])
    found = [as_keys([])]
    for _ in range(LEVELS):
        if not len(frontier):
            return as_keys(np.concatenate(found))
        if len(frontier) > MANY:
            break
        children, names = _children(connection, frontier, most)
        found.append(children)
        frontier = np.setdiff1d(names, seen)
        seen = np.union1d(seen, names)
    return as_keys(np.concatenate([*found, _far(connection, seen, most)]))


def _children(connection: duckdb.DuckDBPyConnection, frontier: Names, most: int) -> tuple[Keys, Names]:
    """Keys and names of the documents that have one of `frontier` as a parent."""
    with named(connection, "_frontier", frontier):
        find_links(connection, _BELOW)
        rows = connection.execute(_CHILDREN, [most]).fetchnumpy()
    return as_keys(rows["child"]), as_keys(rows["child_name"])


def _far(connection: duckdb.DuckDBPyConnection, seen: Names, most: int) -> Keys:
    links = all_links(connection)
    use = links.certain if most == 1 else np.ones(len(links.child), bool)
    paths = Paths.of(links.child[use], links.parent[use], seen)
    reached = paths.names[paths.reached(paths.numbers(seen), down=True)]
    with named(connection, "_frontier", reached):
        return as_keys(connection.execute(_CHILDREN, [most]).fetchnumpy()["child"])
