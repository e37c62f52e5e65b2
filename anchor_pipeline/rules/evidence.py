"""What rules look at: the selection of a stage, the corpus it came from, and the declaration.

SELECTION_SCHEMA is one row per drawn document and pass, in training order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa

from anchor_pipeline.corpus.corpus import Corpus
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.ancestry import Recorded
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.query import ask, literal

_FROM_DOCUMENT = (
    "doc_id",
    "digest",
    "source",
    "kind",
    "authorship",
    "domain",
    "modality",
    "tokens",
    "bytes",
    "collected_at",
    "licence",
    "generator",
    "family",
    "parents",
)

SELECTION_SCHEMA = pa.schema(
    [
        *(DOCUMENT_SCHEMA.field(name) for name in _FROM_DOCUMENT),
        pa.field("fresh", pa.bool_(), nullable=False),
        pa.field("synthetic", pa.bool_(), nullable=False),
        pa.field("epoch", pa.int32(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("shard_row", pa.int64(), nullable=False),
    ]
)
"""`fresh`: an anchor within the fresh window; `synthetic`: counts as synthetic; `epoch`: 0 for the first pass."""

_DRAWN = """
    SELECT source, count(*), max(passes) FROM (
        SELECT source, hash(doc_id) AS document, count(*) AS passes FROM read_parquet($file) GROUP BY ALL
    ) GROUP BY source ORDER BY source
"""


@dataclass(frozen=True)
class Evidence:
    """Everything a rule may look at, for one stage and cycle."""

    project: Project
    stage: str
    cycle: Cycle
    corpus: Corpus
    documents: Path
    """The corpus table."""
    selection: Path
    """Parquet of SELECTION_SCHEMA."""
    left_out: dict[str, dict[str, int]]
    """By source: documents kept in the corpus that this stage may not use, by reason."""
    store: Store
    """Where facts and frozen models lie."""
    previous: Released | None = None
    """The release before this one."""
    previous_findings: tuple[Finding, ...] = ()
    """What its verdict said."""
    credentials: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    """Says of shards (with their sources) what is wrong with the credentials of those that have no sound one; None if
    the project declares no custody."""
    recorded: Callable[[Sequence[str]], Sequence[Recorded]] | None = None
    """Looks up parents that the corpus does not hold among all documents ever recorded, with what those were made
    from; None if there is nothing to look in."""

    @cached_property
    def selected(self) -> pl.LazyFrame:
        """The selection, lazily: at scale it is larger than memory."""
        return pl.scan_parquet(self.selection, glob=False)

    @cached_property
    def cells(self) -> pl.DataFrame:
        """Tokens and documents drawn, by everything that share rules ask about; a small table."""
        by = ["modality", "domain", "source", "kind", "authorship", "fresh", "synthetic", "generator", "family"]
        sums = [pl.col("tokens").sum(), pl.len().alias("documents")]
        return self.selected.group_by(by).agg(sums).collect(engine="streaming").sort(by)

    @cached_property
    def modalities(self) -> list[str]:
        """Modalities of the selection, sorted."""
        return sorted(self.cells["modality"].unique().to_list())

    @cached_property
    def drawn(self) -> dict[str, tuple[int, int]]:
        """By source, sorted: how many documents were drawn, each counted once, and how often the most frequent."""
        return {source: (documents, most) for source, documents, most in ask(_DRAWN, {"file": literal(self.selection)})}
