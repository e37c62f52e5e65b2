"""What the rules may ask of the graph: documents that a corpus does not hold, as they were recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.graph.links import all_links, named
from anchor_pipeline.graph.paths import Names, Paths
from anchor_pipeline.graph.questions import as_keys
from anchor_pipeline.graph.tables import BARE
from anchor_pipeline.rules.ancestry import Recorded

_BORNE = f"""
    SELECT DISTINCT name FROM documents JOIN _borne ON documents.name = hash(id) AND doc_id = id
    UNION
    SELECT DISTINCT name FROM documents JOIN _borne ON documents.bare = hash(id) AND {BARE} = id
"""
_ROWS = """
    SELECT DISTINCT doc_id, key, generator, family, authorship FROM documents
    WHERE name IN (SELECT name FROM _recorded) ORDER BY ALL
"""
_PARENTS = """
    SELECT DISTINCT child, parent FROM parents WHERE child_name IN (SELECT name FROM _recorded) ORDER BY ALL
"""


def recorded_documents(store: Store) -> Callable[[Sequence[str]], list[Recorded]]:
    """Gives the recorded documents that names may mean, and all that those were made from, by id.

    The graph is opened, and brought up to date, only when something is asked.
    """

    def ask(names: Sequence[str]) -> list[Recorded]:
        with open_graph(store) as graph:
            return _recorded(graph.connection, names)

    return ask


def _recorded(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[Recorded]:
    connection.register("_borne", pa.table({"id": pa.array(list(names), pa.string())}))
    borne = as_keys(connection.execute(_BORNE).fetchnumpy()["name"])
    connection.unregister("_borne")
    with named(connection, "_recorded", _with_ancestors(connection, borne)):
        parents: dict[int, list[str]] = defaultdict(list)
        for child, parent in connection.execute(_PARENTS).fetchall():
            parents[child].append(parent)
        rows = connection.execute(_ROWS).fetchall()
    return [
        Recorded(doc_id, generator, family, authorship, tuple(parents[key]))
        for doc_id, key, generator, family, authorship in rows
    ]


def _with_ancestors(connection: duckdb.DuckDBPyConnection, start: Names) -> Names:
    if not len(start):
        return start
    links = all_links(connection)
    paths = Paths.of(links.child, links.parent, start)
    return paths.names[paths.reached(paths.numbers(start), down=False)]
