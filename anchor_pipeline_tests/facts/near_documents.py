"""Texts as near.Documents, and what is true of them by brute force."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.jaccard import distinct_sets
from anchor_pipeline.facts.minhash import minhash
from anchor_pipeline.facts.near import Documents


def shingle_sets(texts: Sequence[str]) -> list[frozenset[int]]:
    """The distinct 5-grams of each text."""
    sets = distinct_sets(*Batch(pa.table({"text": pa.array(texts, pa.string())})).shingles)
    return [frozenset(sets.grams[a:b].tolist()) for a, b in zip(sets.starts[:-1], sets.starts[1:], strict=True)]


def jaccard(a: frozenset[int], b: frozenset[int]) -> Fraction:
    """|A ∩ B| / |A ∪ B|, and 0 where both are empty."""
    return Fraction(len(a & b), len(a | b) or 1)


def documents_of(texts: Sequence[str], folder: Path, file_rows: int = 1000, shuffled: int | None = None) -> Documents:
    """The texts, the best first, lying in files of `file_rows` rows; in another order there if `shuffled` is a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    lie = np.arange(len(texts)) if shuffled is None else np.random.default_rng(shuffled).permutation(len(texts))
    files, facts = [], []
    for start in range(0, len(texts), file_rows):
        table = pa.table({"text": pa.array([texts[at] for at in lie[start : start + file_rows]], pa.string())})
        shingles, starts = Batch(table).shingles
        signatures = minhash(shingles, starts)
        measured = pa.table(
            {
                "minhash": pa.array([row.tobytes() for row in signatures], pa.binary(512)),
                "shingles": pa.array(np.diff(distinct_sets(shingles, starts).starts), pa.int32()),
            }
        )
        facts.append(measured)
        files.append(folder / f"{start}.parquet")
        pq.write_table(table, files[-1], row_group_size=max(1, file_rows // 3))
    place = np.empty(len(texts), np.int64)
    place[lie] = np.arange(len(texts))
    return Documents(files, facts.__getitem__, place // file_rows, place % file_rows)
