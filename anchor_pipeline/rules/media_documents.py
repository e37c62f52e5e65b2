"""The documents that rule 19 compares, with their facts: those drawn that count as synthetic, and all originals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.corpus.corpus import corpus_table, corpus_table_name
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.media.windows import WINDOW
from anchor_pipeline.rules.evidence import Evidence

_DESCRIBED = ("doc_id", "domain", "digest", "shard", "shard_row")


def drawn_synthetic(evidence: Evidence, modality: str) -> pl.DataFrame:
    """The drawn documents of a modality that count as synthetic, each once, sorted by doc_id."""
    drawn = evidence.selected.filter(pl.col("modality") == modality, pl.col("synthetic"))
    return drawn.select(_DESCRIBED).unique("doc_id", keep="any").sort("doc_id").collect(engine="streaming")


def originals(evidence: Evidence, modality: str, synthetic: pl.DataFrame) -> pl.DataFrame:
    """The originals of a modality, sorted by doc_id, each content once.

    They are the kept documents of the corpus that no model wrote, drawn or not, and those of the previous release
    that have left the corpus since, as long as the store has their shards. What is of unknown authorship is an
    original, unless it is itself one of the documents to be judged (`synthetic`).
    """
    found = _unwritten(evidence.documents, modality)
    if evidence.previous is not None and evidence.store.exists(corpus_table_name(evidence.previous.cycle)):
        earlier = _unwritten(corpus_table(evidence.store, evidence.previous.cycle), modality)
        parts = [evidence.store.local(part) for part in evidence.previous.parts]
        released = [pl.scan_parquet(part, glob=False).select("doc_id").collect() for part in parts]
        there = [shard for shard in earlier["shard"].unique() if evidence.store.exists(_shard_name(shard))]
        earlier = earlier.join(pl.concat(released), on="doc_id", how="semi").filter(pl.col("shard").is_in(there))
        found = pl.concat([found, earlier])
    found = found.unique("digest", keep="first", maintain_order=True)
    return found.join(synthetic, on="doc_id", how="anti").unique("doc_id", keep="first").sort("doc_id")


def _shard_name(shard: str) -> str:
    return f"shards/{shard[:2]}/{shard}.parquet"


def _unwritten(table: Path, modality: str) -> pl.DataFrame:
    kept = (pl.col("status") == "kept") & (pl.col("authorship") != "synthetic")
    rows = pl.scan_parquet(table, glob=False).filter(pl.col("modality") == modality, kept)
    return rows.select(_DESCRIBED).collect(engine="streaming").sort("doc_id")


def with_facts(store: Store, documents: pl.DataFrame, facts: FactSet, columns: Sequence[str]) -> pl.DataFrame:
    """Documents (columns shard and shard_row among theirs), sorted by doc_id, with `columns` of a fact set.

    What was not measured yet is. Raises DamagedData if a shard or its facts are damaged.
    """
    parts = []
    measure_shards(store, sorted(documents["shard"].unique()), [facts])
    for (shard,), rows in sorted(documents.partition_by("shard", as_dict=True).items()):
        measured = read_facts(store, str(shard), facts.key, list(columns))
        taken = measured.take(pa.array(rows["shard_row"].to_numpy()))
        found = pl.DataFrame({name: pl.from_arrow(taken.column(name).combine_chunks()) for name in columns})
        parts.append(pl.concat([rows, found], how="horizontal"))
    if not parts:
        schema = pl.from_arrow(facts.schema.empty_table())
        return pl.concat([documents, pl.DataFrame(schema).select(columns)], how="horizontal")
    return pl.concat(parts).sort("doc_id")


def window_values(store: Store, key: str, windows: pl.DataFrame) -> NDArray[np.float64]:
    """The values of windows (columns shard, shard_row, field), one row of WINDOW for each, in their order."""
    out = np.empty((len(windows), WINDOW))
    numbered = windows.with_row_index("at")
    for (shard,), part in numbered.partition_by("shard", as_dict=True).items():
        numbers = read_facts(store, str(shard), key, ["numbers"]).column("numbers").combine_chunks()
        starts, values = numbers.offsets.to_numpy(), numbers.values.to_numpy(zero_copy_only=False)
        rows = part["shard_row"].to_numpy()[:, None] + np.arange(WINDOW)
        out[part["at"].to_numpy()] = values[starts[rows] + part["field"].to_numpy()[:, None]]
    return out
