"""The tables of the lineage graph, and how their rows are named.

| table or view | one row is |
|---|---|
| shards | a shard file: its number here, digest, source, documents, tokens |
| documents | a row of a shard: what was recorded of it, never its content |
| parents | a parent that a document names, as it is declared or was recorded |
| snapshots, snapshot_shards | a state of a source that was seen, and the shards it consists of |
| releases, members | a revision of a released mix, and every document in it, once |
| runs, datasets, edges, exports | what the OpenLineage events say: views of `events` and `io` |

A document is an id with a content: `key` is a hash of both, `name` one of the whole id, `bare` one of the id within its
source, `content` one of the digest. They are DuckDB's own, of 64 bits: two of n documents share one by chance with
probability n² / 2⁶⁵, and then an answer names too much, never too little. (MD5 has no fewer collisions in 64 bits, and
would take half the time of a build.) They hold for one version of DuckDB, and so does the file. Numbers of shards and
releases follow the order in which they were first seen: no result depends on them.

Nothing but `state` says what has been read: a row is put there in the transaction that adds what it stands for.
"""

from __future__ import annotations

import hashlib

import duckdb

KEY = "hash(doc_id, digest)"
BARE = "substr(doc_id, instr(doc_id, '/') + 1)"

LINE = "coalesce(nullif(split_part(generator, '@', 1), ''), nullif(family, ''))"
"""A generator whatever its version, as in rules.ancestry: a model trained on its predecessor's output feeds itself."""

GENERATED = f"(authorship = 'synthetic' OR {LINE} IS NOT NULL)"

OURS = "https://anchor-pipeline.dev/"
"""How the producer of our own events begins (lineage.facets.PRODUCER)."""

_TABLES = """
CREATE TABLE state (kind VARCHAR NOT NULL, name VARCHAR NOT NULL, version VARCHAR NOT NULL);
CREATE TABLE shards (
    shard INTEGER NOT NULL, digest VARCHAR NOT NULL, source VARCHAR NOT NULL, documents BIGINT NOT NULL,
    tokens BIGINT NOT NULL
);
CREATE TABLE documents (
    key UBIGINT NOT NULL, name UBIGINT NOT NULL, bare UBIGINT NOT NULL, content UBIGINT NOT NULL,
    doc_id VARCHAR NOT NULL, digest VARCHAR NOT NULL, shard INTEGER NOT NULL, shard_row BIGINT NOT NULL,
    source VARCHAR NOT NULL, kind VARCHAR NOT NULL, authorship VARCHAR NOT NULL, domain VARCHAR NOT NULL,
    modality VARCHAR NOT NULL, tokens BIGINT NOT NULL, licence VARCHAR NOT NULL, generator VARCHAR, family VARCHAR,
    collected_at TIMESTAMPTZ, raw_file VARCHAR, raw_row BIGINT
);
CREATE TABLE parents (
    child UBIGINT NOT NULL, child_name UBIGINT NOT NULL, child_id VARCHAR NOT NULL, parent_name UBIGINT NOT NULL,
    parent VARCHAR NOT NULL
);
CREATE TABLE snapshots (source VARCHAR NOT NULL, digest VARCHAR NOT NULL, latest BOOLEAN NOT NULL);
CREATE TABLE snapshot_shards (source VARCHAR NOT NULL, digest VARCHAR NOT NULL, shard_digest VARCHAR NOT NULL);
CREATE TABLE releases (
    release INTEGER NOT NULL, stage VARCHAR NOT NULL, cycle VARCHAR NOT NULL, revision INTEGER NOT NULL,
    digest VARCHAR NOT NULL, manifest VARCHAR NOT NULL, folder VARCHAR NOT NULL, rows BIGINT NOT NULL,
    superseded BOOLEAN NOT NULL
);
CREATE SEQUENCE release_numbers MINVALUE 0 START 0;
CREATE TABLE members (
    release INTEGER NOT NULL, key UBIGINT NOT NULL, passes INTEGER NOT NULL, tokens BIGINT NOT NULL
);
CREATE TABLE events (
    run VARCHAR NOT NULL, type VARCHAR NOT NULL, "at" TIMESTAMPTZ NOT NULL, namespace VARCHAR NOT NULL,
    job VARCHAR NOT NULL, ours BOOLEAN NOT NULL, cycle VARCHAR, parent VARCHAR, event VARCHAR NOT NULL
);
CREATE TABLE io (
    event VARCHAR NOT NULL, run VARCHAR NOT NULL, direction VARCHAR NOT NULL, namespace VARCHAR NOT NULL,
    name VARCHAR NOT NULL, version VARCHAR, uri VARCHAR
);
CREATE TABLE unusable (batch VARCHAR NOT NULL, line INTEGER NOT NULL, reason VARCHAR NOT NULL);
"""
# `members.tokens`: of all passes together. `events.event`: digest of the event, so that a repetition is known as one.

_VIEWS = """
CREATE VIEW runs AS
    -- The end of a run outranks whatever arrives later or was dated later: order of arrival means nothing.
    SELECT run, min_by(namespace, ("at", namespace, job)) AS namespace, min_by(job, ("at", namespace, job)) AS job,
        max_by(type, (type IN ('COMPLETE', 'FAIL', 'ABORT'), "at", type)) AS state,
        min("at") AS began, max("at") AS "at", bool_and(ours) AS ours, max(cycle) AS cycle, max(parent) AS parent
    FROM events GROUP BY run;
CREATE VIEW datasets AS SELECT DISTINCT namespace, name, version FROM io;
CREATE VIEW edges AS
    SELECT DISTINCT i.namespace AS input_namespace, i.name AS input, i.version AS input_version,
        o.namespace AS output_namespace, o.name AS output, o.version AS output_version, run
    FROM io AS i JOIN io AS o USING (run) WHERE i.direction = 'input' AND o.direction = 'output';
CREATE VIEW exports AS
    SELECT (row_number() OVER (ORDER BY "at", run, name, uri, release_digest))::INTEGER AS export, * FROM (
        SELECT DISTINCT o.name, coalesce(o.uri, o.namespace || '/' || o.name) AS uri, i.version AS release_digest,
            runs."at", run
        FROM runs JOIN io AS o USING (run) LEFT JOIN (
            SELECT run, name, max(version) AS version FROM io
            WHERE direction = 'input' AND name LIKE 'mix/%' AND version IS NOT NULL GROUP BY ALL
        ) AS i USING (run)
        WHERE runs.ours AND runs.job LIKE 'export/%' AND runs.state = 'COMPLETE' AND o.direction = 'output'
    );
"""


FORMAT = hashlib.sha256((_TABLES + _VIEWS).encode()).hexdigest()
"""A file with other tables is built again from the store."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make all tables, empty, in one transaction."""
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE made_by (format VARCHAR, duckdb VARCHAR)")
    connection.execute("INSERT INTO made_by VALUES (?, version())", [FORMAT])
    connection.execute(_TABLES)
    connection.execute(_VIEWS)
    connection.execute("COMMIT")


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file has these tables, made by this version of DuckDB."""
    try:
        return connection.execute("SELECT format, duckdb = version() FROM made_by").fetchall() == [(FORMAT, True)]
    except duckdb.Error:
        return False
