"""What came of comparing synthetic documents of one modality with the originals: the nearest of each, in one shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

NEAREST = pl.Schema(
    {
        "doc_id": pl.String(),
        "domain": pl.String(),
        "original": pl.String(),
        "measure": pl.String(),
        "distance": pl.Float64(),
        "required": pl.Float64(),
        "mirrored": pl.Boolean(),
    }
)
"""One row per synthetic document that was compared. `original` is null, and so is `distance`, where the search had no
reason to look further: all are at least `required` away."""

UNJUDGED = pl.Schema({"doc_id": pl.String(), "domain": pl.String(), "reason": pl.String()})
"""One row per synthetic document that could not be compared."""


@dataclass(frozen=True)
class Comparison:
    """The nearest original of every synthetic document, and those that have none to speak of."""

    nearest: pl.DataFrame
    """NEAREST."""
    unjudged: pl.DataFrame
    """UNJUDGED."""
    originals: int
    """Originals that were compared with."""
    originals_unread: dict[str, int] = field(default_factory=dict)
    """Originals that could not be, by reason."""
    alike: dict[str, Any] = field(default_factory=dict)
    """Synthetic documents that are as near to another synthetic one: how many, and a few pairs."""
    exact: bool = True
    """Whether nothing can have been missed."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Whatever else a steward may want to see."""


def frame(schema: pl.Schema, **columns: Any) -> pl.DataFrame:
    """A frame of NEAREST or UNJUDGED; what is not given is null."""
    rows = len(next(iter(columns.values())))
    data = {name: pl.Series(name, columns[name]).cast(kind) for name, kind in schema.items() if name in columns}
    empty = {name: pl.Series(name, [None] * rows, kind) for name, kind in schema.items() if name not in columns}
    return pl.DataFrame({name: data[name] if name in data else empty[name] for name in schema})


def reasons(unjudged: pl.Series) -> dict[str, int]:
    """How often each reason occurs, sorted by name."""
    counted = unjudged.drop_nulls().value_counts().sort(unjudged.name)
    return dict(counted.iter_rows())


def pairs(documents: pl.Series, other: pl.Series, distances: pl.Series, most: int = 5) -> list[dict[str, Any]]:
    """The nearest pairs within one collection, each once."""
    rows = sorted(zip(distances.to_list(), documents.to_list(), other.to_list(), strict=True))
    seen: dict[frozenset[str], dict[str, Any]] = {}
    for distance, one, another in rows:
        seen.setdefault(frozenset((one, another)), {"document": one, "other": another, "distance": distance})
    return list(seen.values())[:most]
