"""Rule 9, `novelty_band`: new text is as novel against the release before as new human text would be.

Judged are, for each domain, the texts that the release before has not (by content), and for itself the synthetic part
of them. Compared are different novel 5-grams per million tokens (facts/novelty.py) with the band of human text of the
domain (facts/novelty_band.py), at equal token counts, on both sides: below it, text repeats what was trained on;
above it, it is unlike what people write, as model text often is. The documents of which the release has the most are
named with the closest older one. Where there is a band the rule blocks, unless the project says that it only warns.
Without an earlier release, or too little text for a band, the finding is `insufficient` and does not block, whatever
the severity: otherwise there could be no first release.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from anchor_pipeline.corpus.keyed_hash import document_keys
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.facts.novelty import Novelty, novelty
from anchor_pipeline.facts.novelty_band import LEAST_DOCUMENTS, LEAST_TOKENS, NoveltyBand, human_documents, novelty_band
from anchor_pipeline.facts.releases import release_facts
from anchor_pipeline.facts.text import TEXT
from anchor_pipeline.project.policy import NoveltyBand as Setting
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, not_taken, once_calibrated, share_places
from anchor_pipeline.rules.wording import count

RULE = "novelty_band"


@dataclass(frozen=True)
class _Bucket:
    """New texts of one domain, as many as are compared, and what they are compared with."""

    place: Place[Setting]
    synthetic: bool
    """The synthetic ones only."""
    documents: pl.DataFrame
    band: NoveltyBand | None


def evaluate(evidence: Evidence) -> list[Finding]:
    """One finding for the new texts of each domain, and one for the synthetic ones among them."""
    if passed := not_taken(evidence, RULE, Setting, "text"):
        return passed
    places = [p for p in share_places(evidence, RULE, Setting) if p.domain is not None and p.modality == "text"]
    release = evidence.previous
    if release is None:
        return [_insufficient(place, "there is no earlier release to compare with") for place in places]
    new = _new_texts(evidence, release)
    buckets = [bucket for place in places for bucket in _buckets(evidence, release, place, new)]
    measured = _measured(evidence, release, buckets)
    return [_finding(bucket, measured.get(number), release, new) for number, bucket in enumerate(buckets)]


def _new_texts(evidence: Evidence, release: Released) -> pl.DataFrame:
    """Texts of the selection whose content the release has not, in the order of their ids' hash."""
    older = pl.scan_parquet(release_facts(evidence.store, release)).select("digest").unique()
    columns = ["doc_id", "digest", "domain", "synthetic", "tokens", "shard", "shard_row"]
    drawn = evidence.selected.filter(pl.col("modality") == "text").select(columns).unique(subset="digest")
    rows = drawn.join(older, on="digest", how="anti").collect(engine="streaming")
    keys, _ = document_keys(rows["doc_id"].to_arrow(), evidence.project.seed)
    return rows.with_columns(key=pl.Series(keys)).sort("key", "doc_id")


def _buckets(evidence: Evidence, release: Released, place: Place[Setting], new: pl.DataFrame) -> list[_Bucket]:
    """All new texts of a domain, and the synthetic ones if there are any beside others."""
    mine = new.filter(pl.col("domain") == place.domain)
    if mine.is_empty():
        return [_Bucket(place, False, mine, None)]
    groups = [(False, mine)]
    if 0 < int(mine["synthetic"].sum()) < len(mine):
        groups.append((True, mine.filter("synthetic")))
    human = human_documents(evidence.store, release, str(place.domain))
    buckets = []
    for synthetic, rows in groups:
        # The seed is of the release and the domain: the same band in every build.
        seed = zlib.crc32(f"{release.digest}{place.domain}".encode()) + evidence.project.seed % 2**32
        band = novelty_band(human, int(rows["tokens"].sum()), seed)
        if band is not None:
            before = rows["tokens"].cum_sum() - rows["tokens"]
            rows = rows.filter(before < band.tokens)
        buckets.append(_Bucket(place, synthetic, rows, band))
    return buckets


def _measured(evidence: Evidence, release: Released, buckets: list[_Bucket]) -> dict[int, Novelty]:
    rows = pl.concat([bucket.documents.with_columns(bucket=pl.lit(at)) for at, bucket in enumerate(buckets)])
    if rows.is_empty():
        return {}
    shards = sorted(rows["shard"].unique())
    measure_shards(evidence.store, shards, [TEXT])
    table = pa.table(
        {
            "bucket": rows["bucket"].to_numpy(),
            "doc_id": rows["doc_id"].to_arrow(),
            "tokens": rows["tokens"].to_numpy(),
            "shard": np.searchsorted(np.array(shards), rows["shard"].to_numpy()),
            "shard_row": rows["shard_row"].to_numpy(),
        }
    )
    return novelty(evidence.store, release, table, shards)


def _finding(bucket: _Bucket, found: Novelty | None, release: Released, new: pl.DataFrame) -> Finding:
    place, band = bucket.place, bucket.band
    what = "new synthetic text" if bucket.synthetic else "new text"
    if found is None:
        return _insufficient(place, f"release {release.cycle} has all texts that are drawn already")
    details: dict[str, Any] = {
        "bucket": "synthetic" if bucket.synthetic else "all",
        "release": release.cycle,
        "release_digest": release.digest,
        "documents": found.documents,
        "tokens": found.tokens,
        "interval": list(found.interval),
        "repeaters": [
            {"document": one.document, "known": one.known, "closest": one.closest, "shared": one.shared}
            for one in found.repeaters
        ],
    }
    said = (
        f"{place.subject}: {what} has {found.rate:,.0f} novel 5-grams per million tokens against release"
        f" {release.cycle} ({count(found.documents, 'document')}, {found.tokens:,} tokens)"
    )
    if band is None:
        return _advisory(place).finding(
            "insufficient",
            f"{said}; not calibrated: buckets of at least {LEAST_TOKENS:,} tokens are compared, with a release that has"
            f" twice as many of human text of the domain, in at least {LEAST_DOCUMENTS} documents",
            observed=found.rate,
            evidence=details,
        )
    details["band"] = {"low": band.low, "high": band.high, "centre": band.centre, "tokens": band.tokens,
                       "documents": band.documents}  # fmt: skip
    said += f"; human text has {band.low:,.0f} to {band.high:,.0f}"
    place = once_calibrated(place)
    low, high = found.rate < band.low, found.rate > band.high
    if low:
        said += ": it repeats what was trained on" + (
            f", {found.repeaters[0].document} most ({found.repeaters[0].known:.0%} of it; compare"
            f" {found.repeaters[0].closest})" if found.repeaters else ""
        ) + "; draw other documents"  # fmt: skip
    elif high:
        said += ": it is less like earlier text than people's new text is; look whether a model wrote it"
    return place.finding(
        "fail" if low or high else "pass",
        said,
        observed=found.rate,
        required=band.low if low else band.high,
        comparator="between",
        shortfall=band.low - found.rate if low else max(0.0, found.rate - band.high),
        evidence=details,
    )


def _advisory(place: Place[Setting]) -> Place[Setting]:
    """The place, where a finding does not block: the first release could never be made otherwise."""
    return replace(place, setting=place.setting.model_copy(update={"severity": "warn"}))


def _insufficient(place: Place[Setting], reason: str) -> Finding:
    return _advisory(place).finding("insufficient", f"{place.subject}: novelty was not judged: {reason}")
