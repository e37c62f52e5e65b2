"""What a recall is about, and what holds it: questions to the lineage graph.

Every question is asked of all documents that were ever recorded, not only of those that the sources hold now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from anchor_pipeline.corpus.licences import needs_licence
from anchor_pipeline.corpus.recalls import BY_DIGEST, AffectedExport, AffectedRelease, Target, generator_is
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.graph.graph import Graph
from anchor_pipeline.graph.questions import as_keys
from anchor_pipeline.project.addresses import without_credentials
from anchor_pipeline.recall.orphans import affected_orphans

_SHORTEST_SHARD = 8
"""Digits of a shard's digest that are enough to name it, if no other begins so."""


@dataclass(frozen=True)
class Found:
    """What a recall is about."""

    digests: tuple[str, ...]
    """Content digests, sorted, each once."""
    documents: int
    """Ids with their contents."""
    tokens: dict[str, int]
    """Of these, each once, by modality."""
    sources: dict[str, int]
    """Documents by source."""
    releases: tuple[AffectedRelease, ...]
    exports: tuple[AffectedExport, ...]


def find(graph: Graph, store: Store, target: Target, known: Sequence[str] = ()) -> Found:
    """Everything that `target` means, and everything that holds it.

    `known` are content digests that an earlier recall of the same target named: what it was about then, it still is.
    UsageError if a shard is named by digits that several have.
    """
    connection = graph.connection
    find_keys(graph, target, known)
    digests = tuple(row[0] for row in _rows(connection, "SELECT DISTINCT digest FROM matched ORDER BY ALL"))
    tokens = _rows(connection, "SELECT modality, sum(tokens)::BIGINT FROM matched GROUP BY ALL ORDER BY ALL")
    sources = _rows(connection, "SELECT source, count(*) FROM matched GROUP BY ALL ORDER BY ALL")
    listed = sorted({*digests, *known})
    releases = (*_releases(connection), *affected_orphans(connection, store, target, listed))
    releases = tuple(sorted(_one_each(releases), key=lambda one: (one.stage, one.cycle, one.revision)))
    return Found(
        digests=tuple(listed),
        documents=sum(int(number) for _, number in sources),
        tokens={str(name): int(number) for name, number in tokens},
        sources={str(name): int(number) for name, number in sources},
        releases=releases,
        exports=exports_of(connection, [one.digest for one in releases]),
    )


def exports_of(connection: duckdb.DuckDBPyConnection, mixes: Iterable[str]) -> tuple[AffectedExport, ...]:
    """The recorded exports of releases, by their mix digests."""
    _register(connection, "mixes", sorted(set(mixes)))
    found = _rows(
        connection,
        "SELECT DISTINCT name, uri, release_digest FROM exports JOIN mixes ON release_digest = value ORDER BY ALL",
    )
    return tuple(
        AffectedExport(name=name, uri=None if uri is None else without_credentials(uri), release=digest)
        for name, uri, digest in found
    )


def find_keys(graph: Graph, target: Target, known: Sequence[str]) -> None:
    """Table `matched`: every document (key) that is meant, once."""
    connection = graph.connection
    by, value = target.by, target.value
    connection.execute("CREATE OR REPLACE TEMP TABLE named (key UBIGINT)")
    if by == "document":
        _add(connection, "name = hash($value) AND doc_id = $value", {"value": value})
    elif by == "source":
        _add(connection, "source = $value", {"value": value})
    elif by == "shard":
        _add(connection, "shard = $shard", {"shard": _shard(connection, value)})
    else:
        column = "licence" if by == "licence" else "generator"
        meant = needs_licence if by == "licence" else generator_is
        values = [one for (one,) in _rows(connection, f"SELECT DISTINCT {column} FROM documents ORDER BY ALL") if one]
        _register(connection, "meant", [one for one in values if meant(one, value)])
        _add(connection, f"{column} IN (SELECT value FROM meant)", {})
    if by in BY_DIGEST:
        _register(connection, "barred", sorted(set(known)))
        _add(connection, "content IN (SELECT hash(value) FROM barred)", {})
        _add_copies(connection)
    if by == "generator":
        _add_lineage(graph)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE matched AS
        SELECT key, min(doc_id) AS doc_id, min(digest) AS digest, min(source) AS source, min(modality) AS modality,
            min(tokens) AS tokens
        FROM documents SEMI JOIN named USING (key) GROUP BY key"""
    )


def _add_lineage(graph: Graph) -> None:
    """What was made from the documents of `named`, copies of that, what was made from those, and so on."""
    connection = graph.connection
    before = -1
    while (keys := as_keys(connection.execute("SELECT key FROM named").fetchnumpy()["key"])).size != before:
        before = keys.size
        connection.register("more", pa.table({"key": pa.array(graph.descendants(keys))}))
        connection.execute("INSERT INTO named SELECT key FROM more")
        connection.unregister("more")
        _add_copies(connection)


def _add_copies(connection: duckdb.DuckDBPyConnection) -> None:
    """Documents with the same content, under whatever name."""
    _add(connection, "content IN (SELECT content FROM documents SEMI JOIN named USING (key))", {})


def _add(connection: duckdb.DuckDBPyConnection, condition: str, parameters: dict[str, Any]) -> None:
    connection.execute(f"INSERT INTO named SELECT DISTINCT key FROM documents WHERE {condition}", parameters)


def _shard(connection: duckdb.DuckDBPyConnection, digits: str) -> int:
    found = _rows(
        connection, "SELECT shard FROM shards WHERE starts_with(digest, $digits) ORDER BY ALL", {"digits": digits}
    )
    if len(found) == 1 and len(digits) >= _SHORTEST_SHARD:
        return int(found[0][0])
    if found:
        raise UsageError(
            f"shard {digits}: give at least {_SHORTEST_SHARD} digits of its digest, and so many that only one has them"
        )
    return -1


def _releases(connection: duckdb.DuckDBPyConnection) -> tuple[AffectedRelease, ...]:
    found = _rows(
        connection,
        """SELECT stage, cycle, revision, releases.digest, modality, count(*), sum(members.tokens)::BIGINT
        FROM members JOIN matched USING (key) JOIN releases USING (release)
        GROUP BY ALL ORDER BY ALL""",
    )
    return collected(found)


def collected(found: Iterable[Sequence[Any]]) -> tuple[AffectedRelease, ...]:
    """Releases from rows of stage, cycle, revision, mix digest, modality, documents, tokens."""
    parts: dict[tuple[str, str, int, str], dict[str, tuple[int, int]]] = {}
    for stage, cycle, revision, digest, modality, documents, tokens in found:
        parts.setdefault((stage, cycle, int(revision), digest), {})[modality] = (int(documents), int(tokens))
    return tuple(
        AffectedRelease(
            stage=stage,
            cycle=cycle,
            revision=revision,
            digest=digest,
            documents=sum(documents for documents, _ in amounts.values()),
            tokens={name: tokens for name, (_, tokens) in sorted(amounts.items())},
        )
        for (stage, cycle, revision, digest), amounts in sorted(parts.items())
    )


def _one_each(releases: Iterable[AffectedRelease]) -> Iterable[AffectedRelease]:
    """Each release once, with the larger number of documents: orphans are counted anew, with all others."""
    best: dict[tuple[str, str, int], AffectedRelease] = {}
    for one in releases:
        name = (one.stage, one.cycle, one.revision)
        if name not in best or best[name].documents < one.documents:
            best[name] = one
    return best.values()


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    return connection.execute(sql, parameters or {}).fetchall()


def _register(connection: duckdb.DuckDBPyConnection, name: str, values: Sequence[str]) -> None:
    connection.register(name, pa.table({"value": pa.array(values, pa.string())}))
