"""Which documents the recorded parents mean.

A parent is named by a whole document id (`<source>/<id>`) or by the id within its source, as in rules.ancestry: whole
ids win, no document is meant by a bare id that it has itself, and an id that several documents bear stands for each
of them as a possible parent and for none as a certain one. What no recorded document bears is dangling.

Documents are told apart by `name`, 64 bits of hash; every match is confirmed by the id itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from anchor_pipeline.graph.questions import Keys
from anchor_pipeline.graph.tables import BARE

_LINKS = (
    # Tables one after the other, not one question: DuckDB then knows which of two sides is the small one.
    """
    CREATE OR REPLACE TEMP TABLE links_asked AS
    SELECT DISTINCT child_name, child_id, parent_name, parent FROM {parents}
    """,
    "CREATE OR REPLACE TEMP TABLE links_borne AS SELECT DISTINCT parent_name, parent FROM links_asked",
    """
    CREATE OR REPLACE TEMP TABLE links_whole AS
    SELECT DISTINCT parent_name, parent
    FROM links_borne JOIN documents AS d ON d.name = parent_name AND d.doc_id = parent
    """,
    "CREATE OR REPLACE TEMP TABLE links_others AS FROM links_borne ANTI JOIN links_whole USING (parent_name, parent)",
    f"""
    CREATE OR REPLACE TEMP TABLE links_bare AS
    SELECT DISTINCT parent_name, parent, d.name AS node, d.doc_id AS node_id
    FROM links_others JOIN documents AS d ON d.bare = parent_name AND {BARE.replace("doc_id", "d.doc_id")} = parent
    """,
    """
    CREATE OR REPLACE TEMP TABLE links AS
    SELECT child_name, child_id, parent, parent_name AS node, parent AS node_id, 1 AS meant
    FROM links_asked SEMI JOIN links_whole USING (parent_name, parent)
    UNION ALL
    SELECT child_name, child_id, parent, node, node_id, count(*) OVER (PARTITION BY child_name, parent)
    FROM links_asked JOIN links_bare USING (parent_name, parent) WHERE node_id <> child_id
    """,
)
_DANGLING = """
    SELECT DISTINCT child_name, child_id, parent FROM {parents}
    ANTI JOIN links USING (child_name, parent) ORDER BY ALL
"""


@dataclass(frozen=True)
class Links:
    """All parents that are known, as arrays of the same length, by child and parent; names are hashes of ids."""

    child: Keys
    parent: Keys
    certain: npt.NDArray[np.bool_]
    dangling: Keys
    """Children, once for each parent of theirs that no recorded document bears."""
    ambiguous: Keys
    """Children, once for each parent of theirs that several documents bear."""


def find_links(connection: duckdb.DuckDBPyConnection, parents: str = "parents") -> None:
    """Put what the rows of `parents` (a table, or a query in brackets) mean into the temporary table `links`.

    Columns: child_name, child_id, parent (as it was named), node and node_id (the document meant), meant (how many
    documents are meant). One pass over the names of all documents.
    """
    for statement in _LINKS:
        connection.execute(statement.format(parents=parents))


def dangling(connection: duckdb.DuckDBPyConnection, parents: str = "parents") -> list[tuple[int, str, str]]:
    """Parents without a row in `links`: name and id of the child, and the parent as it was named."""
    return connection.execute(_DANGLING.format(parents=parents)).fetchall()


def all_links(connection: duckdb.DuckDBPyConnection) -> Links:
    """The whole graph of documents. Memory: about 50 bytes for each recorded parent."""
    find_links(connection)
    known = arrays(
        connection, "SELECT child_name, node, bool_or(meant = 1) AS certain FROM links GROUP BY ALL ORDER BY ALL"
    )
    lost = arrays(
        connection, "SELECT child_name FROM (SELECT DISTINCT child_name, parent FROM parents) "
        "ANTI JOIN links USING (child_name, parent) ORDER BY ALL"
    )  # fmt: skip
    unclear = arrays(
        connection,
        "SELECT child_name FROM (SELECT DISTINCT child_name, parent FROM links WHERE meant > 1) ORDER BY ALL",
    )
    return Links(
        known["child_name"], known["node"], known["certain"], lost["child_name"], unclear["child_name"]
    )  # fmt: skip


@contextmanager
def named(connection: duckdb.DuckDBPyConnection, table: str, names: npt.NDArray[np.uint64]) -> Iterator[None]:
    """Names as a relation of one column, `name`, for as long as the `with` block."""
    connection.register(table, pa.table({"name": pa.array(names)}))
    try:
        yield
    finally:
        connection.unregister(table)


def arrays(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, npt.NDArray[Any]]:
    """The columns that answer a question, none of which may hold NULL."""
    return {name: np.asarray(values) for name, values in connection.execute(sql).fetchnumpy().items()}
