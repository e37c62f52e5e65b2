"""The documents that a stage may draw, sorted into cells; read once from the corpus table, in batches.

Holds about 40 bytes a document in memory: its cell, two keys, tokens, and its row in the corpus table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.corpus.keyed_hash import document_keys
from anchor_pipeline.corpus.licences import admits
from anchor_pipeline.mix.cells import Cell
from anchor_pipeline.mix.limits import fresh_since, stage_modalities, stage_target, unknown_counts
from anchor_pipeline.mix.weights import StageWeights, weighted_keys
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.policy import ConsentRule, Licence

_READ = [
    "doc_id", "source", "kind", "authorship", "domain", "modality", "tokens",
    "collected_at", "licence", "generator", "family", "status",
]  # fmt: skip
_CELL = ["domain", "source", "kind", "fresh", "synthetic", "generator", "family"]
_RISKS = ("low", "medium", "high")


@dataclass(frozen=True)
class Candidates:
    """What a stage may draw of one modality."""

    cells: list[Cell]
    documents: pl.DataFrame
    """cell (int32, index into cells), key1, key2 (uint64), tokens (int64), row (int64, in the corpus table)."""


def candidates(
    project: Project, stage: str, cycle: Cycle, table: Path, weights: StageWeights | None = None
) -> tuple[dict[str, Candidates], dict[str, dict[str, int]]]:
    """Candidates by modality, and by source the kept documents that the stage may not use, by reason.

    Reasons: held_out, risk_above_limit, licence_not_allowed, larger_than_stage, modality_not_declared,
    far_from_anchors. `weights` decides on the last, and on the keys by which synthetic documents are drawn.
    """
    sorter = _Sorter(project, stage, cycle, weights)
    for start, frame in _batches(table):
        sorter.add(start, frame)
    return {modality: sorter.finish(modality) for modality in stage_modalities(project, stage)}, sorter.left_out()


def _batches(table: Path) -> Iterator[tuple[int, pl.DataFrame]]:
    start = 0
    for batch in pq.ParquetFile(table).iter_batches(batch_size=131_072, columns=_READ):
        yield start, cast(pl.DataFrame, pl.from_arrow(pa.Table.from_batches([batch])))
        start += batch.num_rows


class _Sorter:
    """Takes batches of the corpus table and keeps what the stage may draw."""

    def __init__(self, project: Project, stage: str, cycle: Cycle, weights: StageWeights | None = None) -> None:
        self.project, self.stage, self.weights = project, stage, weights
        self.domains = list(project.stages[stage].domains)
        self.targets = {name: stage_target(project, stage, name) for name in stage_modalities(project, stage)}
        self.since = fresh_since(project, stage, cycle)
        self.unknown = unknown_counts(project, stage)
        self.too_risky = self._too_risky()
        self.hold_out = {name: source.hold_out for name, source in project.sources.items() if source.hold_out}
        self.may_use = cache(self._may_use)
        self.keys: dict[tuple[object, ...], int] = {}
        self.parts: dict[str, list[pl.DataFrame]] = {name: [] for name in self.targets}
        self.out: Counter[tuple[str, str]] = Counter()

    def add(self, start: int, frame: pl.DataFrame) -> None:
        """Sort one batch whose first row is row `start` of the table."""
        frame = frame.with_row_index("row", start).filter(
            pl.col("status") == "kept", pl.col("domain").is_in(self.domains)
        )
        weight, far = self._weights(frame)
        frame = frame.with_columns(held_out=self._held_out(frame), weight=weight, far=far)
        reasons = frame.select(reason=self._reason(frame), source="source")
        for source, reason, number in (
            reasons.filter(pl.col("reason").is_not_null()).group_by("source", "reason").len().iter_rows()
        ):
            self.out[source, reason] += number
        frame = frame.filter(reasons["reason"].is_null())
        if frame.is_empty():
            return
        key1, key2 = document_keys(frame["doc_id"].to_arrow(), self.project.seed)
        since = pl.col("domain").replace_strict(self.since, return_dtype=pl.Datetime("us", "UTC"))
        unknown = pl.col("domain").replace_strict(self.unknown, return_dtype=pl.Boolean)
        frame = frame.select(
            "modality",
            *(name for name in _CELL if name not in ("fresh", "synthetic")),
            "tokens",
            fresh=(pl.col("kind") == "anchor") & (pl.col("collected_at") >= since),
            synthetic=(pl.col("authorship") == "synthetic") | ((pl.col("authorship") == "unknown") & unknown),
            row=pl.col("row").cast(pl.Int64),
            key1=pl.Series(weighted_keys(key1, frame["weight"].to_numpy())),
            key2=pl.Series(key2),
        )
        for modality, part in frame.partition_by("modality", as_dict=True).items():
            self.parts[str(modality[0])].append(self._with_cells(str(modality[0]), part))

    def finish(self, modality: str) -> Candidates:
        """The cells of a modality, in order of their names, and its documents."""
        empty = {"cell": pl.Int32, "key1": pl.UInt64, "key2": pl.UInt64, "tokens": pl.Int64, "row": pl.Int64}
        documents = pl.concat([pl.DataFrame(schema=empty), *self.parts[modality]])
        sums = documents.group_by("cell").agg(
            tokens=pl.col("tokens").sum(), documents=pl.len(), longest=pl.col("tokens").max()
        )
        amounts = {row["cell"]: row for row in sums.iter_rows(named=True)}
        named = sorted((key[1:], number) for key, number in self.keys.items() if key[0] == modality)
        repeat = self.project.stages[self.stage].repeat
        cells: list[Cell] = []
        renumber = {}
        for key, number in named:
            domain, source, kind, fresh, synthetic, generator, family = cast(
                tuple[str, str, str, bool, bool, str, str], key
            )
            amount = amounts[number]
            renumber[number] = len(cells)
            cells.append(
                Cell(
                    domain, source, kind, fresh, synthetic, generator or None, family or None,
                    amount["tokens"], amount["documents"], amount["longest"], getattr(repeat, kind),
                )
            )  # fmt: skip
        cell = pl.col("cell").replace_strict(renumber, return_dtype=pl.Int32) if renumber else pl.col("cell")
        return Candidates(cells, documents.with_columns(cell))

    def left_out(self) -> dict[str, dict[str, int]]:
        """Documents left out, by source and reason, sorted."""
        found: dict[str, dict[str, int]] = {}
        for (source, reason), number in sorted(self.out.items()):
            found.setdefault(source, {})[reason] = number
        return found

    def _reason(self, frame: pl.DataFrame) -> pl.Expr:
        """Why a document may not be used by this stage; null if it may."""
        pairs = frame.select("licence", "domain").unique()
        barred = [row for row in pairs.iter_rows() if not self.may_use(*row)]
        licences = pl.concat_str("licence", pl.lit("\0"), "domain").is_in(["\0".join(row) for row in barred])
        sources = pl.concat_str("source", pl.lit("\0"), "domain").is_in(self.too_risky)
        target = pl.col("modality").replace_strict(self.targets, default=0, return_dtype=pl.Int64)
        return (
            pl.when("held_out")
            .then(pl.lit("held_out"))
            .when(target == 0)
            .then(pl.lit("modality_not_declared"))
            .when(sources)
            .then(pl.lit("risk_above_limit"))
            .when(licences)
            .then(pl.lit("licence_not_allowed"))
            .when(pl.col("tokens") > target)
            .then(pl.lit("larger_than_stage"))
            .when("far")
            .then(pl.lit("far_from_anchors"))
        )

    def _weights(self, frame: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Weight of each document, and whether it is too far from every anchor."""
        rows = frame["row"].to_numpy().astype(np.int64)
        if self.weights is None:
            return pl.Series(np.ones(len(rows))), pl.Series(np.zeros(len(rows), np.bool_))
        weight, far = self.weights.at(rows)
        return pl.Series(weight), pl.Series(far)

    def _held_out(self, frame: pl.DataFrame) -> pl.Series:
        held = np.zeros(frame.height, np.bool_)
        for source, share in self.hold_out.items():
            mine = (frame["source"] == source).to_numpy()
            held[mine] = held_out(frame["doc_id"].filter(pl.Series(mine)).to_arrow(), self.project.seed, share)
        return pl.Series(held)

    def _may_use(self, licence: str, domain: str) -> bool:
        setting = cast(Licence, self.project.setting("licence", stage=self.stage, domain=domain))
        return setting.off or setting.allow is None or admits(setting.allow, licence)

    def _too_risky(self) -> list[str]:
        """Pairs "source NUL domain" whose risk class is above the stage's limit; undeclared counts as high."""
        pairs = []
        for domain in self.domains:
            setting = cast(ConsentRule, self.project.setting("consent", stage=self.stage, domain=domain))
            for name, source in self.project.sources.items():
                risk = source.risk or ("high" if source.kind == "enterprise" else "low")
                if not setting.off and _RISKS.index(risk) > _RISKS.index(setting.max_risk):
                    pairs.append(f"{name}\0{domain}")
        return pairs

    def _with_cells(self, modality: str, part: pl.DataFrame) -> pl.DataFrame:
        """Number the cells of a batch, in the order in which they turn up."""
        part = part.with_columns(pl.col("generator", "family").fill_null(""))
        rows = part.select(_CELL).unique()
        numbers = [self.keys.setdefault((modality, *row), len(self.keys)) for row in rows.iter_rows()]
        numbered = rows.with_columns(cell=pl.Series(numbers, dtype=pl.Int32))
        return part.join(numbered, on=_CELL, how="left", maintain_order="left").select(
            "cell", "key1", "key2", "tokens", "row"
        )
