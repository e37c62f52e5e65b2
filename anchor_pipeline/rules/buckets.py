"""Buckets of a selection, brought down to a token count that a band knows.

Of each domain two: the whole domain, its documents in the order of a keyed hash, and the newest synthetic text, by
`collected_at` (a stream that dies shows there first, while the mix as a whole still looks well). Each holds the
documents that come first until the largest calibrated size is filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.bands.anchors import held_out, keyed_order, probe_facts
from anchor_pipeline.facts.bands.calibrate import LEAST_PER_BUCKET
from anchor_pipeline.facts.bands.documents import measure_documents
from anchor_pipeline.facts.bands.judge import Measured
from anchor_pipeline.facts.bands.model import Band, DomainBand
from anchor_pipeline.facts.bands.texts import texts_at
from anchor_pipeline.facts.measure import read_facts
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.wording import count

BucketName = Literal["domain", "newest_synthetic"]
BUCKETS: tuple[BucketName, ...] = ("domain", "newest_synthetic")

TEXT_FACTS = "text-1"
HUMAN = pl.col("authorship").is_in(["human", "human_edited"])
"""Documents that people wrote, as far as is declared."""


@dataclass(frozen=True)
class Bucket:
    """A bucket of one domain, measured."""

    name: BucketName
    domain: str
    documents: pl.DataFrame
    """doc_id, source, collected_at of its documents, and the bits per unit of each under each probe."""
    measured: Measured
    band: DomainBand
    digest: str
    """Of the band's model."""
    model: Band


def text_documents(evidence: Evidence) -> pl.DataFrame:
    """The selected texts, each once: doc_id, digest, domain, source, authorship, collected_at, where it lies, `length`.

    `length` counts words and marks, the unit in which buckets are matched, whatever the project calls a token.
    Raises DamagedData if the facts of a shard are missing.
    """
    columns = ["doc_id", "digest", "domain", "source", "authorship", "collected_at", "shard", "shard_row"]
    texts = evidence.selected.filter(pl.col("modality") == "text").select(columns)
    documents = texts.unique(subset="doc_id", keep="any").sort("doc_id").collect(engine="streaming")
    lengths = np.zeros(documents.height, np.int64)
    for (shard,), rows in documents.with_row_index("place").partition_by("shard", as_dict=True).items():
        facts = read_facts(evidence.store, str(shard), TEXT_FACTS, ["tokens"])
        taken = facts.take(pa.array(rows["shard_row"].to_numpy()))
        lengths[rows["place"].to_numpy()] = taken.column("tokens").fill_null(0).to_numpy()
    return documents.with_columns(length=pl.Series(lengths))


def ordered(documents: pl.DataFrame, name: BucketName, model: Band) -> pl.DataFrame:
    """The documents of one domain that may enter a bucket, in the order in which they do.

    Of the whole domain that part which no probe was trained on: anchors that it knows by heart look predictable. The
    part is chosen by content alike from all sources, so that it is composed as the domain is. Synthetic documents of
    the same time come by keyed hash, so that no naming of documents has a say.
    """
    seed = model.seed
    if name == "domain":
        documents = documents.filter(held_out(documents["digest"], model.probes.values()))
    keyed = documents.with_columns(key=pl.Series(keyed_order(documents["doc_id"], seed), dtype=pl.UInt64))
    if name == "domain":
        return keyed.sort("key", "doc_id")
    synthetic = keyed.filter(pl.col("authorship") == "synthetic")
    return synthetic.sort("collected_at", "key", "doc_id", descending=[True, False, False])


def matched(documents: pl.DataFrame, shares: Mapping[str, float]) -> pl.DataFrame | None:
    """Documents in their order, thinned until their human sources have the proportions of the calibration.

    Anchors are a fifth of a mix, and perhaps a hundredth of what people wrote in the domain: where the sources differ,
    a bucket with other proportions would lie outside the band with not a word from a model in it. Whatever else is in
    the bucket is thinned alike. None where a source of the calibration is missing, or there is but one.
    """
    known = HUMAN & pl.col("source").is_in(list(shares))
    sums = documents.group_by(pl.when(known).then("source").alias("of")).agg(pl.col("length").sum())
    held: dict[str | None, int] = dict(sums.iter_rows())
    if len(shares) < 2 or any(not held.get(source) for source in shares):
        return None
    total = min(held[source] / share for source, share in shares.items())
    of_people = sum(held[source] for source in shares)
    quota: dict[str | None, float] = {source: total * share for source, share in shares.items()}
    quota[None] = held.get(None, 0) * min(1.0, total / of_people)
    most = pl.col("of").replace_strict(list(quota), list(quota.values()), return_dtype=pl.Float64)
    before = (pl.col("length").cum_sum() - pl.col("length")).over("of")
    # By how far along each is in its own part, so that every beginning of the order holds the proportions.
    placed = documents.with_columns(of=pl.when(known).then("source")).with_columns(at=before / most)
    return placed.filter(pl.col("at") < 1).sort("at", "key", "doc_id").drop("of", "at")


def size_for(documents: pl.DataFrame, name: BucketName, band: DomainBand, since: datetime) -> int | None:
    """The calibrated size to which documents in their order are brought down; None if they fill none.

    Newest text is that of the cycle, collected from `since` on; where that fills no bucket, the smallest one is filled
    up with older text. So what is new is not diluted more than need be.
    """
    held = int(documents["length"].sum())
    if name == "newest_synthetic":
        new = int(documents.filter(pl.col("collected_at") >= since)["length"].sum())
        held = min(held, max(new, band.limits[0].tokens))
    limits = band.at(held)
    return limits.tokens if limits else None


def too_little(documents: pl.DataFrame, size: int | None, band: DomainBand) -> str | None:
    """Why no bucket can be drawn from documents in their order; None if one can."""
    if size is None:
        held = int(documents["length"].sum())
        return f"only {count(held, 'token')}, the smallest calibrated bucket has {band.limits[0].tokens:,}"
    drawn = drawn_from(documents, size).height
    if drawn < LEAST_PER_BUCKET:
        return (
            f"a bucket of {size:,} tokens is only {count(drawn, 'document')}, longer ones than those"
            f" that the band was calibrated on; at least {LEAST_PER_BUCKET} are needed"
        )
    return None


def drawn_from(documents: pl.DataFrame, tokens: int) -> pl.DataFrame:
    """The first documents that hold so many tokens."""
    before = documents["length"].cum_sum() - documents["length"]
    return documents.filter(before < tokens)


def measure_bucket(
    store: Store, name: BucketName, documents: pl.DataFrame, size: int, band: DomainBand, digest: str, model: Band
) -> Bucket:
    """The bucket of documents of one domain, in their order, brought down to a calibrated size."""
    limits = next(limits for limits in band.limits if limits.tokens == size)
    drawn = drawn_from(documents, limits.tokens)
    texts = texts_at(store, drawn["shard"].to_list(), drawn["shard_row"].to_list())
    facts = {probe: probe_facts(store, drawn, probe) for probe in model.probes}
    measured = measure_documents(texts, np.arange(drawn.height, dtype=np.int64), facts)
    values = measured.measure(np.arange(drawn.height, dtype=np.int64), limits.tokens)
    by_name = dict(zip(measured.statistics, values, strict=True))
    in_band = np.array([by_name[statistic] for statistic in band.statistics])
    rates = {probe: pl.Series(bits / np.maximum(units, 1)) for probe, (bits, units) in facts.items()}
    described = drawn.select("doc_id", "source", "collected_at").with_columns(**rates)
    return Bucket(name, str(drawn["domain"][0]), described, Measured(in_band, limits), band, digest, model)
