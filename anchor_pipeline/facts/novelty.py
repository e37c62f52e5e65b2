"""Novelty: how many different word 5-grams, per million tokens, a bucket has that the previous release has not.

Asked of FracMinHash sketches (facts/sketch.py), which hold each 5-gram with the same probability p = 1/16 in every
document: a 5-gram of the bucket is known or novel in the sketches just as it is in the texts. Of D novel 5-grams K are
in the sketch, K ~ Binomial(D, p). The estimate is K / p; its standard deviation is √(D (1 - p) / p) = √(15 D), and

    P(|K/p - D| > e D) < 2 exp(-e² p D / 3)        (Chernoff; Mitzenmacher, Upfal, Probability and Computing, 4.2)

so that 100,000 novel 5-grams (about as many tokens) are counted within 1.2 % two times in three, and within 8.4 %
but for one time in a million. Stated with every figure is the interval K/p ± 1.96 √(15 K/p).

The rate falls with the size of the bucket, since its own 5-grams recur: buckets are compared at equal token counts,
and documents that the release has already (the same content) are not counted in.

Memory: 100 bytes a document of the bucket; 5-grams are sorted and joined in DuckDB, which spills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.measure import read_facts
from anchor_pipeline.facts.releases import release_facts, release_grams, spilling
from anchor_pipeline.facts.sketch import SCALE
from anchor_pipeline.facts.text import TEXT

OFFENDERS = 5
"""Documents of a bucket that are named: those of which the previous release has the most."""

LEAST_SKETCH = 8
"""Of documents with fewer 5-grams in their sketch nothing is said: about 130 words."""


@dataclass(frozen=True)
class Repeater:
    """A document of which the previous release has much."""

    document: str
    known: float
    """Share of its sketch that the release has, 0 to 1."""
    closest: str | None
    """The document of the release that shares most of it."""
    shared: float
    """Share of its sketch that the closest one has."""


@dataclass(frozen=True)
class Novelty:
    """Of one bucket: novel 5-grams per million tokens."""

    documents: int
    tokens: int
    sketched: int
    """Different 5-grams in its sketches."""
    novel: int
    """Those of them that the release has not."""
    repeaters: tuple[Repeater, ...] = ()

    @property
    def rate(self) -> float:
        """Novel 5-grams per million tokens, estimated."""
        return per_million(self.novel, self.tokens)[0]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate, for the error of sketching."""
        return per_million(self.novel, self.tokens)[1:]


def per_million(novel: int, tokens: int) -> tuple[float, float, float]:
    """(estimate, low, high) of the different novel 5-grams per million tokens, `novel` of them in the sketch."""
    if not tokens:
        return 0.0, 0.0, 0.0
    estimate = novel * SCALE
    error = 1.96 * sqrt((SCALE - 1) * estimate)
    scale = 1e6 / tokens
    return estimate * scale, max(0.0, estimate - error) * scale, (estimate + error) * scale


def count_novel(sketches: NDArray[np.uint64], known: NDArray[np.uint64]) -> tuple[int, int]:
    """(different values, those of them that are not in `known`); `known` rises. For buckets that fit into memory."""
    ranked = np.sort(sketches)
    different = ranked[np.concatenate([np.ones(min(1, len(ranked)), np.bool_), ranked[1:] != ranked[:-1]])]
    if not len(known):
        return len(different), len(different)
    at = np.searchsorted(known, different).clip(max=len(known) - 1)
    return len(different), int((known[at] != different).sum())


def novelty(store: Store, release: Released, buckets: pa.Table, shards: Sequence[str]) -> dict[int, Novelty]:
    """The novelty of each bucket against a release.

    `buckets` has a row per document and bucket: bucket (int), doc_id, tokens, shard (index into `shards`, whose base
    facts are measured), shard_row. Documents of the release itself must not be among them. DamagedData if facts or
    the release cannot be read.
    """
    with store.temporary() as work:
        work.mkdir(parents=True)
        with spilling(work) as database:
            database.register("documents", buckets.append_column("document", pa.array(np.arange(len(buckets)))))
            _load_grams(database, store, buckets, shards)
            known = str(release_grams(store, release))
            database.execute("CREATE TABLE known AS SELECT gram FROM read_parquet($known)", {"known": known})
            counts = database.execute(_COUNTS).fetchall()
            repeaters = _repeaters(database, [str(path) for path in release_facts(store, release)])
    return {
        bucket: Novelty(documents, tokens, sketched, novel, tuple(repeaters.get(bucket, ())))
        for bucket, documents, tokens, sketched, novel in counts
    }


_COUNTS = """
    WITH amounts AS (
        SELECT bucket, count(*) AS documents, sum(tokens)::BIGINT AS tokens FROM documents GROUP BY bucket
    ), different AS (
        SELECT DISTINCT bucket, gram FROM grams JOIN documents USING (document)
    ), found AS (
        SELECT bucket, count(*) AS sketched, count(*) FILTER (known.gram IS NULL) AS novel
        FROM different LEFT JOIN known USING (gram) GROUP BY bucket
    )
    SELECT bucket, documents, tokens, coalesce(sketched, 0), coalesce(novel, 0)
    FROM amounts LEFT JOIN found USING (bucket) ORDER BY bucket
"""

_WORST = f"""
    CREATE TABLE worst AS
    SELECT bucket, document, doc_id, sketched, known, row_number() OVER (
        PARTITION BY bucket ORDER BY known / sketched DESC, sketched DESC, doc_id
    ) AS place
    FROM (
        SELECT document, count(*) AS sketched, count(known.gram) AS known
        FROM grams LEFT JOIN known USING (gram) GROUP BY document
        HAVING count(*) >= {LEAST_SKETCH} AND count(known.gram) > 0
    ) JOIN documents USING (document)
    QUALIFY place <= {OFFENDERS}
"""

_CLOSEST = """
    WITH spread AS (SELECT doc_id AS older_id, unnest(sketch) AS gram FROM read_parquet($paths) WHERE epoch = 0),
    mine AS (SELECT document, gram FROM grams WHERE document IN (SELECT document FROM worst)),
    pairs AS (SELECT document, older_id, count(*) AS shared FROM mine JOIN spread USING (gram) GROUP BY ALL),
    closest AS (
        SELECT document, older_id, shared FROM pairs
        QUALIFY row_number() OVER (PARTITION BY document ORDER BY shared DESC, older_id) = 1
    )
    SELECT bucket, doc_id, known / sketched, older_id, coalesce(shared, 0) / sketched
    FROM worst LEFT JOIN closest USING (document) ORDER BY bucket, place
"""


def _load_grams(database: duckdb.DuckDBPyConnection, store: Store, buckets: pa.Table, shards: Sequence[str]) -> None:
    """Table `grams`: document, gram; the sketches of all documents."""
    database.execute("CREATE TABLE grams (document BIGINT, gram UBIGINT)")
    numbers, rows = (buckets.column(name).to_numpy() for name in ("shard", "shard_row"))
    for number, shard in enumerate(shards):
        mine = np.flatnonzero(numbers == number)
        sketches = read_facts(store, shard, TEXT.key, ["sketch"]).take(pa.array(rows[mine]))
        database.register("sketches", sketches.append_column("document", pa.array(mine)))
        database.execute("INSERT INTO grams SELECT document, unnest(sketch) FROM sketches")
        database.unregister("sketches")


def _repeaters(database: duckdb.DuckDBPyConnection, paths: list[str]) -> dict[int, list[Repeater]]:
    database.execute(_WORST)
    found: dict[int, list[Repeater]] = {}
    rows: list[tuple[Any, ...]] = database.execute(_CLOSEST, {"paths": paths}).fetchall()
    for bucket, *values in rows:
        found.setdefault(bucket, []).append(Repeater(*values))
    return found
