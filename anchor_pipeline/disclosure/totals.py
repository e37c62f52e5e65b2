"""Sums over the rows of a selection and its corpus, for the release record, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from anchor_pipeline.mix.manifest import unit_of
from anchor_pipeline.project.source import Source
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.query import ask, literal

GROUPED_BY = ("source", "kind", "modality", "domain", "authorship", "generator", "family", "licence")
"""Columns of the rows that are told apart."""

_ADDED = (
    "documents",
    "passes",
    "tokens",
    "tokens_once",
    "bytes",
    "fresh_documents",
    "fresh_tokens",
    "synthetic_tokens",
)

_DERIVED = """
    WITH named AS (
        SELECT doc_id, source, unnest(parents) AS parent FROM read_parquet($selection)
        WHERE epoch = 0 AND len(parents) > 0
    ), pairs AS (
        SELECT DISTINCT named.source AS child, known.source AS parent, named.doc_id
        FROM named JOIN read_parquet($documents) AS known ON known.doc_id = named.parent
    )
    SELECT child, parent, count(*) FROM pairs GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Total:
    """The drawn documents that agree in every column of GROUPED_BY, added up."""

    source: str
    kind: str
    modality: str
    domain: str
    authorship: str
    """human, human_edited, synthetic or unknown."""
    generator: str | None
    """`name@version`; None for documents that no model is said to have written."""
    family: str | None
    licence: str
    """SPDX expression; documents without one never come this far."""
    documents: int
    """Each once."""
    passes: int
    """Rows: a document drawn twice counts twice."""
    tokens: int
    """In all passes, in the unit of the column `tokens`: tokens, samples, milliseconds, rows (`unit`)."""
    tokens_once: int
    """The same, each document once."""
    bytes: int
    """Content, each document once."""
    fresh_documents: int
    """Anchors within the fresh window, each once."""
    fresh_tokens: int
    """In all passes."""
    synthetic_tokens: int
    """Of what the project's `synthetic_share` counts as synthetic, in all passes."""
    earliest: datetime
    """When the first was collected, UTC."""
    latest: datetime

    @property
    def unit(self) -> str:
        """What tokens, fresh_tokens and synthetic_tokens count."""
        return unit_of(self.modality)


@dataclass(frozen=True)
class OnHand:
    """Documents of a source that its corpus holds, duplicates included, by stratum of the sampling plan."""

    stratum: str | None
    documents: int
    earliest: datetime
    latest: datetime


def period_of(totals: Iterable[Total]) -> tuple[datetime, datetime] | None:
    """When the first and the last document of some totals were collected; None if there are none."""
    known = list(totals)
    if not known:
        return None
    return min(total.earliest for total in known), max(total.latest for total in known)


def totals_of(evidence: Evidence) -> dict[str, list[Total]]:
    """By source, sorted by every column."""
    first, fresh, synthetic = pl.col("epoch") == 0, pl.col("fresh"), pl.col("synthetic")
    tokens = pl.col("tokens")
    dates = pl.col("collected_at")
    # Columns first and plain sums after them: a filter within a sum would hold the rows of every group.
    rows = (
        evidence.selected.select(
            *GROUPED_BY,
            documents=first.cast(pl.Int64),
            passes=pl.lit(1, pl.Int64),
            tokens=tokens,
            tokens_once=tokens * first,
            bytes=pl.col("bytes") * first,
            fresh_documents=(fresh & first).cast(pl.Int64),
            fresh_tokens=tokens * fresh,
            synthetic_tokens=tokens * synthetic,
            earliest=dates,
            latest=dates,
        )
        .group_by(GROUPED_BY)
        .agg(pl.col(*_ADDED).sum(), pl.col("earliest").min(), pl.col("latest").max())
        .sort(GROUPED_BY, nulls_last=False)
    )
    found: dict[str, list[Total]] = {}
    for row in rows.collect(engine="streaming").iter_rows(named=True):
        found.setdefault(row["source"], []).append(Total(**row))
    return found


def on_hand_of(evidence: Evidence, feeding: Mapping[str, Source]) -> dict[str, list[OnHand]]:
    """By source with a sampling plan: what its corpus holds; counted as the rule `sampling_plan` counts."""
    planned = [name for name, source in feeding.items() if source.sampling_plan is not None]
    if not planned:
        return {}
    dates = pl.col("collected_at")
    rows = (
        pl.scan_parquet(evidence.documents, glob=False)
        .filter(pl.col("status").is_in(["kept", "duplicate"]) & pl.col("source").is_in(planned))
        .group_by("source", "stratum")
        .agg(pl.len(), dates.min().alias("earliest"), dates.max().alias("latest"))
        .sort("source", "stratum", nulls_last=False)
        .collect(engine="streaming")
    )
    found: dict[str, list[OnHand]] = {}
    for source, *values in rows.iter_rows():
        found.setdefault(source, []).append(OnHand(*values))
    return found


def derived_of(evidence: Evidence) -> dict[str, list[tuple[str, int]]]:
    """By source: the sources that hold parents of its documents, where a parent is named by its whole id."""
    files: dict[str, object] = {"selection": literal(evidence.selection), "documents": literal(evidence.documents)}
    found: dict[str, list[tuple[str, int]]] = {}
    for source, other, documents in ask(_DERIVED, files):
        found.setdefault(source, []).append((other, documents))
    return found
