"""A picture of a lineage graph while it is put together, and sums of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph.asked import Asked, Found
from anchor_pipeline.graph.picture import Count, Edge, Node


@dataclass
class Drawn:
    """A picture while it is put together."""

    connection: duckdb.DuckDBPyConnection
    store: Store
    asked: Asked | None = None
    found: Found | None = None
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    modalities: dict[str, str] = field(default_factory=dict)
    """By source, if all its documents are of one."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer to a question."""
        return self.connection.execute(sql, list(parameters)).fetchall()


def grouped(rows: list[tuple[Any, ...]], keys: int) -> list[tuple[Any, list[tuple[Any, ...]]]]:
    """Rows by their first column or columns, in their order, with what follows."""
    found: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[0] if keys == 1 else row[:keys]].append(row[keys:])
    return list(found.items())


def counts(rows: Iterable[tuple[Any, ...]]) -> tuple[Count, Count | None]:
    """Sums of rows (modality, documents, tokens, documents picked, tokens picked)."""
    every, picked = Count(), Count()
    for modality, documents, tokens, some, of_some in rows:
        every += Count(documents, {modality: tokens})
        picked += Count(some or 0, {modality: of_some or 0} if some else {})
    return every, picked if picked.documents else None
