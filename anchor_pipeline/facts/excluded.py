"""Rows that recalls bar from a cycle: found by content digest, or by source, licence or generator.

Documents, shards and generators are barred by the digests of the recall's list, so that exact copies stay out under
whatever name; sources, licences and generators by their names as well, so that documents stay out which came later.
A generator takes with it whatever descends from its documents: parents are followed as rules.ancestry does.

Only metadata columns are read, and nothing at all where there is no recall.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from anchor_pipeline.corpus.keyed_hash import seed_key, siphash
from anchor_pipeline.corpus.licences import needs_licence
from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.recalls import BY_DIGEST, REASONS, Action, RecallRecord, generator_is

EXCLUDED_SCHEMA = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("shard_row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)

READ = ("doc_id", "digest", "source", "licence", "generator", "parents", "shard", "shard_row")
"""Columns of the rows that are asked about."""

_HIT = "shard, shard_row, doc_id, digest"

# A parent is named by a whole id or by the id within its source; whole ids win, and no document is meant by a bare id
# that it has itself (see rules.ancestry).
_NEXT = f"""
    WITH bare AS (
        SELECT DISTINCT substr(doc_id, instr(doc_id, '/') + 1) AS name, doc_id, number FROM fresh
    ),
    names AS (
        SELECT DISTINCT doc_id AS name, '' AS itself, number FROM fresh
        UNION SELECT name, doc_id, number FROM bare
        WHERE instr(name, '/') = 0 OR name NOT IN (SELECT doc_id FROM {{rows}} WHERE instr(doc_id, '/') > 0)
    ),
    found AS (
        SELECT DISTINCT {_HIT}, number FROM kin JOIN names ON parent = name WHERE doc_id <> itself
        UNION
        SELECT DISTINCT {_HIT}, number FROM {{rows}} JOIN (SELECT DISTINCT digest, number FROM fresh) USING (digest)
    )
    SELECT * FROM found ANTI JOIN hits USING (shard, shard_row, number)
"""

_PURPOSE = b"anchor_pipeline/recall/weight/v1\0"
_STRENGTH: tuple[Action, ...] = ("recall", "quarantine", "weight")


@dataclass(frozen=True)
class Barring:
    """A recall that stands, and the content digests that it bars."""

    record: RecallRecord
    digests: Sequence[str]


def barrings(files: RecallFiles) -> list[Barring]:
    """What stands. DamagedData if a record, or the list of one that bars by digest, is whole nowhere."""
    return [
        Barring(record, files.tombstones(record) if record.what.by in BY_DIGEST else ()) for record in files.standing()
    ]


def excluded_rows(database: duckdb.DuckDBPyConnection, rows: str, standing: Sequence[Barring], seed: int) -> pa.Table:
    """The rows of the relation `rows` (READ) that are barred, with the reason (EXCLUDED_SCHEMA), in order.

    Of several recalls of a row the strictest gives the reason. A down-weighted row is barred if the keyed hash of its
    document's id, as a number from 0 to 1, is at or above the weight: the same documents in every cycle.
    """
    if not standing:
        return EXCLUDED_SCHEMA.empty_table()
    _find(database, rows, standing)
    _descend(database, rows, standing)
    hits = database.sql("SELECT DISTINCT shard, shard_row, doc_id, number FROM hits ORDER BY ALL").to_arrow_table()
    return _strictest(hits, standing, seed)


def digest_of(excluded: pa.Table) -> str:
    """What to put into a digest of inputs: empty if nothing is barred, whatever recalls there are."""
    if excluded.num_rows == 0:
        return ""
    sha = hashlib.sha256()
    for batch in excluded.to_batches(max_chunksize=65536):
        for shard, row, reason in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            sha.update(f"{shard}\0{row}\0{reason}\n".encode())
    return sha.hexdigest()


def _find(database: duckdb.DuckDBPyConnection, rows: str, standing: Sequence[Barring]) -> None:
    """Table `hits`: rows that a recall (its number) bars by digest or by name."""
    licences, generators = (
        [value for (value,) in database.execute(f"SELECT DISTINCT {name} FROM {rows} ORDER BY ALL").fetchall() if value]
        for name in ("licence", "generator")
    )
    pairs: dict[str, list[tuple[str, int]]] = {name: [] for name in ("digest", "source", "licence", "generator")}
    for number, one in enumerate(standing):
        by, value = one.record.what.by, one.record.what.value
        pairs["digest"] += [(digest, number) for digest in one.digests]
        if by == "source":
            pairs["source"].append((value, number))
        if by == "licence":
            pairs["licence"] += [(licence, number) for licence in licences if needs_licence(licence, value)]
        if by == "generator":
            pairs["generator"] += [(name, number) for name in generators if generator_is(name, value)]
    database.execute(
        "CREATE TEMP TABLE hits (shard VARCHAR, shard_row BIGINT, doc_id VARCHAR, digest VARCHAR, number INTEGER)"
    )
    for name, found in pairs.items():
        if not found:
            continue
        database.register("barred_values", _table(name, found))
        database.execute(f"INSERT INTO hits SELECT {_HIT}, number FROM {rows} JOIN barred_values USING ({name})")
        database.unregister("barred_values")


def _descend(database: duckdb.DuckDBPyConnection, rows: str, standing: Sequence[Barring]) -> None:
    """Add to `hits` what descends from the documents of barred generators, and copies of any of it.

    Ends in circles, for hits only grow.
    """
    numbers = [number for number, one in enumerate(standing) if one.record.what.by == "generator"]
    if not numbers:
        return
    database.execute(
        f"""CREATE TEMP TABLE kin AS SELECT DISTINCT {_HIT}, parent
        FROM (SELECT {_HIT}, unnest(parents) AS parent FROM {rows} WHERE len(parents) > 0)"""
    )
    generators = ", ".join(map(str, numbers))
    database.execute(f"CREATE TEMP TABLE fresh AS SELECT * FROM hits WHERE number IN ({generators})")
    while database.execute("SELECT count(*) FROM fresh").fetchall()[0][0]:
        database.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {_NEXT.format(rows=rows)}")
        database.execute("INSERT INTO hits SELECT * FROM fresh")


def _strictest(hits: pa.Table, standing: Sequence[Barring], seed: int) -> pa.Table:
    numbers = hits.column("number").to_numpy()
    shares = np.array([float(one.record.share) for one in standing])
    chance = siphash(hits.column("doc_id"), seed_key(_PURPOSE, seed)).astype(np.float64) / 2.0**64
    strength = np.array([_STRENGTH.index(one.record.action) for one in standing], np.int8)[numbers]
    barred = hits.select(["shard", "shard_row"]).append_column("strength", pa.array(strength))
    # Those of another action than a weight have none, and a share of 0.
    frame = cast(pl.DataFrame, pl.from_arrow(barred.filter(pa.array(chance >= shares[numbers]))))
    reasons = (
        pl.col("strength")
        .min()
        .replace_strict(dict(enumerate(map(REASONS.__getitem__, _STRENGTH))), return_dtype=pl.String)
    )
    found = frame.group_by("shard", "shard_row").agg(reason=reasons).sort("shard", "shard_row")
    return found.to_arrow().cast(EXCLUDED_SCHEMA)


def _table(name: str, found: Sequence[tuple[str, int]]) -> pa.Table:
    columns: Mapping[str, pa.Array] = {
        name: pa.array([value for value, _ in found], pa.string()),
        "number": pa.array([number for _, number in found], pa.int32()),
    }
    return pa.table(columns)
