"""What a drawn lineage graph is asked for, as documents: what they were made from, and what was made of them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from anchor_pipeline.errors import UsageError
from anchor_pipeline.graph.links import find_links
from anchor_pipeline.graph.tables import LINE
from anchor_pipeline.rules.wording import names as named

NO_NAME = ""
"""Stands for the generator of synthetic documents that name none."""

GENERATOR = f"CASE WHEN generator IS NULL AND authorship = 'synthetic' THEN '{NO_NAME}' ELSE generator END"

_START = {
    "release": "SELECT key FROM members WHERE release = $value",
    "source": "SELECT key FROM documents WHERE source = $value",
    "document": "SELECT key FROM documents WHERE name = hash($value) AND doc_id = $value",
    "generator": f"SELECT key FROM documents WHERE generator = $value OR {LINE} = $value",
}

_ABOUT = """
    CREATE OR REPLACE TEMP TABLE picked AS
    WITH RECURSIVE
    asked AS MATERIALIZED ({start}),
    first AS MATERIALIZED (SELECT DISTINCT name FROM documents SEMI JOIN asked USING (key)),
    above(name) AS (
        SELECT node FROM links JOIN first ON child_name = first.name
        UNION SELECT node FROM links JOIN above ON child_name = above.name
    ),
    below(name) AS ({below})
    SELECT key, any_value(name) AS name, bool_or(key IN (FROM asked) OR name IN (FROM above)) AS up,
        bool_or(key IN (FROM asked) OR name IN (FROM below)) AS down
    FROM documents WHERE key IN (FROM asked) OR name IN (FROM above) OR name IN (FROM below) GROUP BY key
"""
_BELOW = """
        SELECT child_name FROM links JOIN first ON node = first.name
        UNION SELECT child_name FROM links JOIN below ON node = below.name
"""
_NOTHING_BELOW = "SELECT name FROM first WHERE false"


@dataclass(frozen=True)
class Asked:
    """One of: a release (`stage/cycle`, or with a revision), a source, a document, a generator."""

    kind: str
    value: str


@dataclass(frozen=True)
class Found:
    """What was asked for, as it is in the graph."""

    title: str
    value: str | int
    """Number of the release, or the name."""


def find(connection: duckdb.DuckDBPyConnection, asked: Asked) -> Found:
    """Look up what was asked for; UsageError says what there is."""
    if asked.kind == "release":
        return _release(connection, asked.value)
    condition = _START[asked.kind].partition(" WHERE ")[2]
    if connection.execute(f"SELECT 1 FROM documents WHERE {condition} LIMIT 1", {"value": asked.value}).fetchone():
        return Found(f"{asked.kind} {asked.value}", asked.value)
    column = {"source": "source", "generator": "generator"}.get(asked.kind)
    if column is None:
        raise UsageError(f"no document {asked.value!r} is recorded; a document is named by its whole id, SOURCE/ID")
    rows = connection.execute(f"SELECT DISTINCT {column} FROM documents WHERE {column} IS NOT NULL ORDER BY 1")
    there = [row[0] for row in rows.fetchall()]
    raise UsageError(f"no {asked.kind} {asked.value!r} is recorded; there are {named(there, 20) if there else 'none'}")


def pick(connection: duckdb.DuckDBPyConnection, asked: Asked, found: Found) -> None:
    """Make the temporary table picked(key, name, up, down), and `links` of all parents.

    `up`: was asked for, or something asked for was made from it; `down`: was asked for, or was made from it. What was
    made of a release's documents elsewhere has nothing to do with the release. One pass over documents and parents for
    every generation.
    """
    find_links(connection)
    below = _NOTHING_BELOW if asked.kind == "release" else _BELOW
    connection.execute(_ABOUT.format(start=_START[asked.kind], below=below), {"value": found.value})


def _release(connection: duckdb.DuckDBPyConnection, value: str) -> Found:
    stage, _, rest = value.partition("/")
    cycle, _, revision = rest.partition("/")
    rows = connection.execute(
        "SELECT release, revision FROM releases WHERE stage = ? AND cycle = ? ORDER BY revision DESC", [stage, cycle]
    ).fetchall()
    for number, one in rows:
        if not revision or revision == str(one) or revision == f"{one:04d}":
            return Found(f"release {stage}/{cycle}" + (f"/{one}" if revision else ""), number)
    known = connection.execute("SELECT DISTINCT stage || '/' || cycle FROM releases ORDER BY 1 DESC").fetchall()
    there = named([row[0] for row in known], 20) if known else "none"
    raise UsageError(f"no release {value!r} is in the store; expected STAGE/CYCLE, and there are {there}")
