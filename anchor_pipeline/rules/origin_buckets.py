"""Documents that are declared human, in buckets, and how much of each the origin detector takes for the model's.

Pure: from a table of documents with their scores and the detector they are of. Rules 4 and 11 both judge with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from anchor_pipeline.facts.origin.model import Detector
from anchor_pipeline.facts.origin.prevalence import Contamination, contamination, ratios

BUCKET = 200
"""Documents of a bucket; the last of a table has up to twice as many, less one."""

NAMED = 10
"""Highest-scoring documents that are named."""

FALSE_ALARMS = 0.01
"""Chance that any bucket of a table of human text alone has a lower bound above 0, all buckets together."""


@dataclass(frozen=True)
class Bucket:
    """One bucket, in the order of source, date and id."""

    number: int
    first: str
    """Id of its first document."""
    found: Contamination
    sure: float
    """Lower bound of the contamination that takes into account how many buckets were looked at."""

    def alarms(self, most: float) -> bool:
        """Whether the estimate reaches `most`, and chance does not explain it."""
        return self.found.estimate >= most and self.sure > 0

    def to_json(self) -> dict[str, Any]:
        """As findings show it."""
        found = self.found
        return {
            "bucket": self.number,
            "first": self.first,
            "documents": found.documents,
            "estimate": round(found.estimate, 4),
            "low": round(found.low, 4),
            "high": round(found.high, 4),
        }


@dataclass(frozen=True)
class Judged:
    """What the detector makes of a table of documents."""

    documents: int
    short: int
    """Too short to be judged."""
    whole: Contamination
    """All judged documents together."""
    buckets: tuple[Bucket, ...]
    worst: Bucket
    """The bucket with the highest estimate, the first of several."""
    highest: tuple[Mapping[str, Any], ...]
    """Its documents with the highest scores."""


def declared_human(documents: pl.DataFrame) -> pl.DataFrame:
    """Texts that came as human: anchors, licensed and enterprise data that nobody says a model wrote."""
    human = pl.col("kind").is_in(["anchor", "licensed", "enterprise"]) & ~pl.col("synthetic")
    return documents.filter(human & (pl.col("modality") == "text"))


def judge_documents(documents: pl.DataFrame, detector: Detector, domain: str | None) -> Judged | None:
    """Contamination of documents (doc_id, source, collected_at, score, judged); None if fewer than BUCKET are judged.

    Buckets follow source and date, so that text of a model that entered at one place or time lies together.
    """
    judged = documents.filter(pl.col("judged").fill_null(False)).sort("source", "collected_at", "doc_id")
    if len(judged) < BUCKET:
        return None
    scale, reference = detector.scale(domain)
    found = ratios(judged["score"].to_numpy(), scale)
    cuts = [*(BUCKET * number for number in range(len(judged) // BUCKET)), len(judged)]
    # Both sides are cut off alike: what is left out below is half of it.
    corrected = 1 - 2 * FALSE_ALARMS / (len(cuts) - 1)
    buckets = []
    for number, (start, end) in enumerate(pairwise(cuts)):
        sure = contamination(found[start:end], reference, corrected).low
        estimate = contamination(found[start:end], reference)
        buckets.append(Bucket(number, judged["doc_id"][start], estimate, sure))
    worst = max(buckets, key=lambda bucket: (bucket.found.estimate, -bucket.number))
    rows = judged.slice(cuts[worst.number], worst.found.documents)
    short = len(documents) - len(judged)
    return Judged(len(documents), short, contamination(found, reference), tuple(buckets), worst, _highest(rows))


def _highest(rows: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    top = rows.sort("score", "doc_id", descending=[True, False]).head(NAMED)
    return tuple(
        {"document": doc_id, "source": source, "score": round(float(score), 3)}
        for doc_id, source, score in top.select("doc_id", "source", "score").iter_rows()
    )
