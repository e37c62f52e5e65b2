"""From the anchors of a cycle's corpus to a band: which of them calibrate it, and what is measured of them.

Human anchors, and the human documents of sources that a steward names as references, for domains whose anchors cover
only part of what people write there. None that a probe in use was trained on: a probe finds those more predictable than
any others, and a band calibrated on them would be too low. They are taken in the order of a keyed hash until
MOST_TOKENS are reached, documents made from one and the same document together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from anchor_pipeline.corpus.corpus import Corpus, corpus_table
from anchor_pipeline.corpus.keyed_hash import seed_key, siphash
from anchor_pipeline.corpus.register import active
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.bands.calibrate import FALSE_ALARMS, HALF_SAMPLES, calibrate, why_not
from anchor_pipeline.facts.bands.documents import Documents, measure_documents
from anchor_pipeline.facts.bands.kernels import Floats
from anchor_pipeline.facts.bands.model import Band, DomainBand, ProbeCard
from anchor_pipeline.facts.bands.statistics import bits_name, probe_in
from anchor_pipeline.facts.bands.texts import texts_at
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.probes.fact_set import probe_key, probe_set
from anchor_pipeline.facts.probes.probe import Probe, probe_of
from anchor_pipeline.facts.probes.training import in_training
from anchor_pipeline.project import Project

MOST_TOKENS = 1_000_000
"""Anchors of a domain that are looked at; more would hardly narrow a band."""

_PURPOSE = b"anchor_pipeline/facts/bands/order/v1\0"
_BINS = 24


def make_band(
    project: Project,
    store: Store,
    corpus: Corpus,
    *,
    references: Sequence[str] = (),
    half_samples: int = HALF_SAMPLES,
    false_alarms: float = FALSE_ALARMS,
    progress: Callable[[str], None] = lambda domain: None,
) -> Band:
    """The band of a cycle's anchors, domain by domain; `progress` is told of each domain before its turn.

    `references`: sources whose human documents count like anchors here. The facts of the probes are measured where
    they are missing. Raises UsageError for a source that cannot be a reference, DamagedData if shards cannot be read.
    """
    names = reference_sources(project, references)
    probes = [probe_of(store, entry.digest) for entry in active(store, "probe", corpus.cycle)]
    cards = {probe.digest: _card(probe) for probe in probes}
    anchors = _human(store, corpus, [*names, *(n for n, one in project.sources.items() if one.kind == "anchor")])
    free = anchors.filter(held_out(anchors["digest"], cards.values()))
    domains: dict[str, DomainBand] = {}
    refused: dict[str, str] = {}
    for name in sorted(project.domains):
        progress(name)
        mine = free.filter(pl.col("domain") == name)
        if mine.is_empty():
            seen = anchors.filter(pl.col("domain") == name).height
            refused[name] = f"none of {seen:,} human documents is left that no probe was trained on"
            continue
        chosen = _chosen(mine, project.seed)
        documents = _measured(store, chosen, probes)
        limits = calibrate(documents, project.seed, half_samples=half_samples, false_alarms=false_alarms)
        if not limits:
            refused[name] = why_not(documents)
            continue
        sources = sorted(chosen["source"].unique().to_list())
        domains[name] = DomainBand(
            statistics=documents.statistics,
            snapshots={source: corpus.sources[source].snapshot for source in sources},
            shares=_shares(chosen),
            documents=len(documents),
            groups=len(np.unique(documents.groups)),
            tokens=documents.tokens,
            histogram=_histograms(documents),
            limits=limits,
        )
    return Band(
        project=project.project, cycle=corpus.cycle, seed=project.seed, half_samples=half_samples,
        false_alarms=false_alarms, references=names, domains=domains, not_calibrated=refused,
        probes=cards,
    )  # fmt: skip


def reference_sources(project: Project, names: Sequence[str]) -> tuple[str, ...]:
    """The names of reference sources, sorted. Raises UsageError unless people may have written what is in each."""
    for name in names:
        source = project.sources.get(name)
        if source is None:
            raise UsageError(f"there is no source {name!r} to refer to; sources are {', '.join(project.sources)}")
        if source.kind in ("anchor", "synthetic"):
            why = "anchors are used anyway" if source.kind == "anchor" else "it is synthetic"
            raise UsageError(f"source {name} is no reference: {why}; name licensed or enterprise sources")
    return tuple(sorted(set(names)))


def keyed_order(ids: Any, seed: int) -> Any:
    """The key by which documents (a Polars series of ids) are drawn into a bucket, as uint64."""
    return siphash(ids.to_arrow(), seed_key(_PURPOSE, seed))


def probe_facts(store: Store, documents: pl.DataFrame, digest: str) -> tuple[Floats, Floats]:
    """(bits, units) of documents under a probe, in their order; columns shard and shard_row say where they lie."""
    bits, units = np.zeros(documents.height), np.zeros(documents.height)
    at = documents.with_row_index("place").partition_by("shard", as_dict=True)
    for (shard,), rows in at.items():
        facts = read_facts(store, str(shard), probe_key(digest), ["bits", "units"])
        taken = facts.take(pa.array(rows["shard_row"].to_numpy()))
        place = rows["place"].to_numpy()
        bits[place] = taken.column("bits").fill_null(0).to_numpy()
        units[place] = taken.column("units").fill_null(0).to_numpy()
    return bits, units


def _human(store: Store, corpus: Corpus, names: Sequence[str]) -> pl.DataFrame:
    """The documents of these sources that people wrote."""
    human = pl.col("authorship").is_in(["human", "human_edited"]) & (pl.col("modality") == "text")
    kept = (pl.col("status") == "kept") & pl.col("source").is_in(names)
    columns = ["doc_id", "source", "domain", "digest", "parents", "tokens", "shard", "shard_row"]
    table = pl.scan_parquet(corpus_table(store, corpus.cycle), glob=False)
    return table.filter(kept & human).select(columns).sort("doc_id").collect(engine="streaming")


def held_out(digests: pl.Series, probes: Iterable[ProbeCard]) -> pl.Series:
    """Of each content digest: whether no probe was trained on it, nor would have been had it been there."""
    free = np.ones(len(digests), np.bool_)
    for probe in probes:
        if probe.trained_share > 0:
            free &= ~in_training(digests.to_arrow(), probe.trained_share)
    return pl.Series(free, dtype=pl.Boolean)


def _card(probe: Probe) -> ProbeCard:
    # A probe made elsewhere names no sources of ours.
    return ProbeCard(name=probe.name, unit=probe.unit, trained_share=probe.card.share if probe.card.sources else 0.0)


def _chosen(documents: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Whole groups in keyed order, until MOST_TOKENS."""
    group = pl.col("parents").list.first().fill_null(pl.col("doc_id")).alias("group")
    grouped = documents.with_columns(group)
    keys = keyed_order(grouped["group"], seed)
    ranked = grouped.with_columns(key=pl.Series(keys, dtype=pl.UInt64)).sort("key", "doc_id")
    before = ranked["tokens"].cum_sum() - ranked["tokens"]
    return ranked.filter(before < MOST_TOKENS)


def _shares(chosen: pl.DataFrame) -> dict[str, float]:
    """By source, its part of the tokens."""
    sums = chosen.group_by("source").agg(pl.col("tokens").sum()).sort("source")
    whole = max(1, int(sums["tokens"].sum()))
    return {source: float(f"{tokens / whole:.9g}") for source, tokens in sums.iter_rows()}


def _measured(store: Store, chosen: pl.DataFrame, probes: list[Probe]) -> Documents:
    measure_shards(store, sorted(chosen["shard"].unique()), [probe_set(store, probe.digest) for probe in probes])
    texts = texts_at(store, chosen["shard"].to_list(), chosen["shard_row"].to_list())
    _, groups = np.unique(chosen["group"].to_numpy(), return_inverse=True)
    facts: Mapping[str, tuple[Floats, Floats]] = {
        probe.digest: probe_facts(store, chosen, probe.digest) for probe in probes
    }
    return measure_documents(texts, groups.astype(np.int64), facts)


def _histograms(documents: Documents) -> dict[str, tuple[tuple[float, ...], tuple[int, ...]]]:
    """By probe statistic, the distribution of the bits per unit of single documents; the ends take 0.5 % each."""
    found = {}
    for name in documents.statistics:
        if probe_in(name) is None:
            continue
        bits, units = documents.sums[bits_name(str(probe_in(name)))], documents.sums[f"units/{name}"]
        values = bits[units > 0] / units[units > 0]
        if len(values) and values.min() < values.max():
            low, high = np.quantile(values, (0.005, 0.995))
            edges = np.array([float(f"{edge:.6g}") for edge in np.linspace(low, high, _BINS + 1)])
            counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
            found[name] = (tuple(edges.tolist()), tuple(counts.tolist()))
    return found
