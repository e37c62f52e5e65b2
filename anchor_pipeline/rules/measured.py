"""Facts about the documents of a selection, as rules ask for them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from anchor_pipeline.facts.measure import read_facts
from anchor_pipeline.rules.evidence import Evidence

DESCRIBED = ("doc_id", "domain", "modality", "source", "kind", "authorship", "synthetic", "tokens", "collected_at")


def facts_of(evidence: Evidence, key: str, columns: Sequence[str], modality: str = "text") -> pl.DataFrame:
    """One row per selected document of a modality: DESCRIBED, `shard`, `shard_row`, and `columns` of fact set `key`.

    Sorted by doc_id. Raises DamagedData if the facts of a shard were never measured or are damaged.
    """
    documents = (
        evidence.selected.filter(pl.col("modality") == modality)
        .select(*DESCRIBED, "shard", "shard_row")
        .unique(subset="doc_id", keep="any")
        .sort("doc_id")
        .collect(engine="streaming")
    )
    parts = []
    for (shard,), rows in documents.partition_by("shard", as_dict=True).items():
        measured = read_facts(evidence.store, str(shard), key, list(columns))
        taken = measured.take(pa.array(rows["shard_row"].to_numpy()))
        facts = pl.DataFrame({name: pl.from_arrow(taken.column(name)) for name in columns})
        parts.append(pl.concat([rows, facts], how="horizontal"))
    if not parts:
        return documents.with_columns(**{name: pl.lit(None) for name in columns})
    return pl.concat(parts).sort("doc_id")
