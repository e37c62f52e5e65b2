"""Training texts of an origin detector, from ingested sources of a project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from anchor_pipeline.corpus.keyed_hash import document_keys
from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.origin.train import Samples

MOST_TEXTS = 20_000
"""Texts of each side that a detector is trained on at most, chosen by keyed hash of their ids."""

_COLUMNS = ["doc_id", "text", "source", "domain", "generator", "parents", "raw_file"]


@dataclass(frozen=True)
class Side:
    """Sources that stand for one side."""

    snapshots: Sequence[SourceSnapshot]
    generator: str | None
    """What their texts count as written by where a document does not say; None: a person."""


def samples_from(store: Store, ours: Iterable[Side], human: Iterable[Side], competitors: Iterable[Side]) -> Samples:
    """The texts of all sides. A document with parents belongs to the first of them, so that rewrites stay together."""
    parts = [
        _choose(_rows(store, sides, generated=role != "human").with_columns(role=pl.lit(role)))
        for role, sides in (("ours", ours), ("human", human), ("competitor", competitors))
    ]
    rows = pl.concat([part for part in parts if len(part)])
    return Samples(
        rows["text"].to_arrow(),
        np.asarray((rows["role"] == "ours").to_numpy(), np.bool_),
        rows["generator"].to_list(),
        rows["group"].to_list(),
        rows["domain"].to_list(),
    )


def _rows(store: Store, sides: Iterable[Side], *, generated: bool) -> pl.DataFrame:
    schema = dict.fromkeys(("doc_id", "text", "domain", "generator", "group"), pl.String)
    parts = [pl.DataFrame(schema=schema)]
    for side in sides:
        name = pl.coalesce("generator", pl.lit(side.generator, pl.String)) if generated else pl.lit(None, pl.String)
        for snapshot in side.snapshots:
            for unit in snapshot.units:
                files = [file.path for file in snapshot.files if file.unit == unit.id]
                for shard in unit.shards:
                    rows = pl.read_parquet(store.local_shard(shard.digest), columns=_COLUMNS, glob=False)
                    used = rows.filter(pl.col("raw_file").is_in(files) & pl.col("text").is_not_null())
                    group = pl.coalesce(pl.col("parents").list.sort().list.first(), "doc_id")
                    parts.append(used.select("doc_id", "text", "domain", generator=name, group=group))
    return pl.concat(parts)


def _choose(rows: pl.DataFrame) -> pl.DataFrame:
    """At most MOST_TEXTS, in an order that is the same however the rows lie in shards."""
    keys, _ = document_keys(rows["doc_id"].to_arrow(), 0)
    return rows.with_columns(key=pl.Series(keys)).sort("key", "doc_id").head(MOST_TEXTS).drop("key")
