"""Documents that are declared human, in buckets, and how much of each the origin detector takes for the model's.

Pure: from a table of documents with their scores and the card of the detector. Rules 4 and 11 both judge with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from anchor_pipeline.facts.origin.model import Card
from anchor_pipeline.facts.origin.prevalence import Contamination, contamination

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
            "flagged": found.flagged,
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
    highest: tuple[Mapping[str, Any], ...]
    """Documents with the highest scores, of the worst bucket first."""

    @property
    def worst(self) -> Bucket:
        """The bucket with the highest estimate, the first of several."""
        return max(self.buckets, key=lambda bucket: (bucket.found.raw, -bucket.number))


def declared_human(documents: pl.DataFrame) -> pl.DataFrame:
    """Texts that came as human: anchors, licensed and enterprise data that nobody says a model wrote."""
    human = pl.col("kind").is_in(["anchor", "licensed", "enterprise"]) & ~pl.col("synthetic")
    return documents.filter(human & (pl.col("modality") == "text"))


def judge_documents(documents: pl.DataFrame, card: Card) -> Judged | None:
    """Contamination of documents (doc_id, source, collected_at, score, judged); None if fewer than BUCKET are judged.

    Buckets follow source and date, so that text of a model that entered at one place or time lies together.
    """
    judged = documents.filter(pl.col("judged").fill_null(False)).sort("source", "collected_at", "doc_id")
    if len(judged) < BUCKET:
        return None
    flagged = judged.with_columns(flagged=pl.col("score") > card.confusion.threshold)
    cuts = [BUCKET * number for number in range(len(judged) // BUCKET)]
    buckets = []
    for number, (start, end) in enumerate(zip(cuts, [*cuts[1:], len(judged)], strict=True)):
        rows = flagged.slice(start, end - start)
        hits = int(rows["flagged"].sum())
        # Both sides are cut off alike: what is left out below is half of it.
        sure = contamination(hits, len(rows), card.confusion, 1 - 2 * FALSE_ALARMS / len(cuts)).low
        buckets.append(Bucket(number, rows["doc_id"][0], contamination(hits, len(rows), card.confusion), sure))
    whole = contamination(int(flagged["flagged"].sum()), len(flagged), card.confusion)
    found = Judged(len(documents), len(documents) - len(judged), whole, tuple(buckets), ())
    worst = found.worst.number
    rows = flagged.slice(cuts[worst], ([*cuts[1:], len(judged)])[worst] - cuts[worst])
    return Judged(found.documents, found.short, whole, found.buckets, _highest(rows))


def _highest(rows: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    top = rows.sort("score", "doc_id", descending=[True, False]).head(NAMED)
    return tuple(
        {"document": doc_id, "source": source, "score": round(float(score), 3)}
        for doc_id, source, score in top.select("doc_id", "source", "score").iter_rows()
    )
