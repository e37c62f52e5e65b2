"""The weights of a stage's synthetic documents: how close each is to the anchors of its domain.

Used where the stage declares `weighting`. A document that is too far from every anchor is left out (reason
`far_from_anchors`); with `use: draw` the others are drawn in weighted order: under the keyed hash u in (0, 1) of the
document, u' = 1 − (1 − u)^(1/w) takes the place of u (Efraimidis & Spirakis, "Weighted random sampling with a
reservoir", 2006). A weight of 1 changes nothing, so that without weights the order is the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.corpus.keyed_hash import document_keys
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.corpus.texts import texts_of
from anchor_pipeline.facts.weighting import LEAST, Texts, Weights, weigh
from anchor_pipeline.facts.words import words_of
from anchor_pipeline.mix.selection import DomainWeights
from anchor_pipeline.project import Project

_READ = ("doc_id", "source", "kind", "authorship", "domain", "shard", "shard_row")
_AT_ONCE = 20_000


@dataclass(frozen=True)
class StageWeights:
    """Weights by row of the corpus table, rising."""

    row: NDArray[np.int64]
    weight: NDArray[np.float64]
    discarded: NDArray[np.bool_]
    domains: dict[str, DomainWeights]

    def at(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(weight, discarded) of rows of the corpus table; 1 and False for those that were not weighed."""
        weight, discarded = np.ones(len(rows)), np.zeros(len(rows), np.bool_)
        if not len(self.row):
            return weight, discarded
        place = np.searchsorted(self.row, rows)
        known = (place < len(self.row)) & (self.row[np.minimum(place, len(self.row) - 1)] == rows)
        weight[known], discarded[known] = self.weight[place[known]], self.discarded[place[known]]
        return weight, discarded


def weigh_stage(project: Project, stage: str, documents: Path, store: Store) -> StageWeights | None:
    """Weigh the synthetic texts of a stage, domain by domain; None unless the stage declares `weighting`.

    `documents` is the corpus table. Takes some 12 bytes of memory for every word of a domain.
    """
    declared = project.stages[stage].weighting
    if declared is None:
        return None
    domains, rows, weights, discarded = {}, [], [], []
    for domain, frame in _by_domain(project, stage, documents):
        near, own = (frame.filter(pl.col("synthetic") == flag) for flag in (False, True))
        found = None
        if min(near.height, own.height) >= LEAST:
            discard = float(declared.discard)
            found = weigh(_texts(project, near, store), _texts(project, own, store), clip=float(declared.clip),
                          discard=discard)  # fmt: skip
        domains[domain] = _record(near.height, own.height, found)
        if found is not None:
            rows.append(own["row"].to_numpy().astype(np.int64))
            weights.append(_quantised(found.weight) if declared.use == "draw" else np.ones(own.height))
            discarded.append(found.discarded)
    if not rows:
        return StageWeights(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_), domains)
    row = np.concatenate(rows)
    order = np.argsort(row)
    return StageWeights(row[order], np.concatenate(weights)[order], np.concatenate(discarded)[order], domains)


def weighted_keys(keys: NDArray[np.uint64], weight: NDArray[np.float64]) -> NDArray[np.uint64]:
    """The keys by which documents are drawn, smallest first: those of a weight of 1 stay as they are."""
    other = weight != 1
    if not other.any():
        return keys
    chance = (keys[other].astype(np.float64) + 0.5) / 2.0**64
    moved = -np.expm1(np.log1p(-np.minimum(chance, 1 - 2.0**-53)) / weight[other])
    found = keys.copy()
    found[other] = (moved * (2.0**64 - 2.0**12)).astype(np.uint64)
    return found


def _quantised(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    # The last digits of a fit differ between machines, and the order of a mix must not.
    return np.exp2(np.round(np.log2(weight) * 64) / 64)


def _by_domain(project: Project, stage: str, documents: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Kept texts of each domain: its human anchors that are not held out, and what is synthetic, in order of id."""
    human = (pl.col("kind") == "anchor") & pl.col("authorship").is_in(["human", "human_edited"])
    synthetic = pl.col("authorship") == "synthetic"
    kept = (
        pl.scan_parquet(documents, glob=False)
        .with_row_index("row")
        .filter(pl.col("status") == "kept", pl.col("modality") == "text", human | synthetic)
        .select("row", *_READ, synthetic=synthetic)
    )
    for domain in project.stages[stage].domains:
        frame = kept.filter(pl.col("domain") == domain).collect(engine="streaming").sort("doc_id")
        yield domain, frame.filter(~_held(project, frame))


def _held(project: Project, frame: pl.DataFrame) -> pl.Series:
    held = np.zeros(frame.height, np.bool_)
    for name in frame["source"].unique().to_list():
        share = project.sources[name].hold_out if name in project.sources else Fraction(0)
        if share:
            mine = (frame["source"] == name).to_numpy()
            held[mine] = held_out(frame["doc_id"].filter(pl.Series(mine)).to_arrow(), project.seed, share)
    return pl.Series(held)


def _texts(project: Project, frame: pl.DataFrame, store: Store) -> Texts:
    words, lengths = [], []
    for start in range(0, frame.height, _AT_ONCE):
        part = frame[start : start + _AT_ONCE]
        hashes, starts = words_of(texts_of(store, part["shard"].to_list(), part["shard_row"].to_list()))
        words.append(hashes.copy())  # the array itself has room for every byte
        lengths.append(np.diff(starts))
    keys, _ = document_keys(frame["doc_id"].to_arrow(), project.seed)
    ends: Any = np.cumsum(np.concatenate([[0], *lengths]))
    return Texts(np.concatenate(words), ends.astype(np.int64), keys)


def _record(anchors: int, synthetic: int, found: Weights | None) -> DomainWeights:
    if found is None:
        return DomainWeights(anchors=anchors, synthetic=synthetic, weighed=False)
    return DomainWeights(
        anchors=anchors,
        synthetic=synthetic,
        weighed=True,
        discarded=int(found.discarded.sum()),
        effective=float(f"{found.effective:.4g}"),
        threshold=float(f"{found.threshold:.4g}"),
    )
