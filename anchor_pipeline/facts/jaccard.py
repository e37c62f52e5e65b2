"""The sets of word 5-grams of chosen documents, read from the shards, and their exact Jaccard similarity.

Exact but for two different 5-grams having one 64-bit hash, which happens to a pair of documents of n shingles with
probability below n² / 2⁶⁴. The sets lie in a file that is mapped into memory: 8 bytes a shingle.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.lsh import mapped
from anchor_pipeline.facts.words import Hashes


@dataclass(frozen=True)
class Sets:
    """Sets of shingles: set i is grams[starts[i]:starts[i + 1]], rising, each once."""

    grams: Hashes
    starts: Offsets


def read_sets(
    files: Sequence[Path], file: NDArray[np.int64], row: NDArray[np.int64], sizes: NDArray[np.int64], work: Path
) -> Sets:
    """The sets of documents of which i is row[i] of files[file[i]] (Parquet with a column `text`).

    `sizes` are their numbers of distinct shingles, as the facts have them. DamagedData if a text has another.
    """
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    grams = mapped(work / "grams", np.uint64, (int(starts[-1]),))
    sets = Sets(grams, starts)
    order = np.lexsort((row, file))
    edges = np.searchsorted(file[order], np.arange(len(files) + 1))

    def fill(number: int) -> None:
        mine = order[edges[number] : edges[number + 1]]
        if len(mine):
            _fill(files[number], row[mine], mine, sets)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(fill, range(len(files))):
            pass
    return sets


def _fill(path: Path, rows: NDArray[np.int64], places: NDArray[np.int64], sets: Sets) -> None:
    """Read the sets of some rows of a file, which rise, a row group at a time."""
    try:
        parquet = pq.ParquetFile(path)
        first = 0
        for group in range(parquet.num_row_groups):
            number = parquet.metadata.row_group(group).num_rows
            low, high = np.searchsorted(rows, [first, first + number])
            if high > low:
                table = parquet.read_row_group(group, columns=["text"]).take(pa.array(rows[low:high] - first))
                if not _place(*Batch(table).shingles, places[low:high], sets.starts, sets.grams):
                    raise DamagedData(f"{path}: holds other texts than its facts tell of; delete the facts")
            first += number
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{path}: cannot be read ({error}); restore it from a copy") from None


def distinct_sets(shingles: Hashes, starts: Offsets) -> Sets:
    """The sets of rows whose shingles are given as `ngrams` gives them."""
    grams, edges = shingles.copy(), np.zeros(len(starts), np.int64)
    _distinct(grams, starts, edges)
    return Sets(grams[: edges[-1]], edges)


@kernel
def _distinct(grams: Hashes, starts: Offsets, edges: Offsets) -> None:
    kept = 0
    for row in range(len(starts) - 1):
        grams[starts[row] : starts[row + 1]].sort()
        for at in range(starts[row], starts[row + 1]):
            if at == starts[row] or grams[at] != grams[at - 1]:
                # Never ahead of what is still to be read; `grams[at - 1]` may be overwritten, but by itself.
                grams[kept] = grams[at]
                kept += 1
        edges[row + 1] = kept


def _place(shingles: Hashes, edges: Offsets, places: NDArray[np.int64], starts: Offsets, grams: Hashes) -> bool:
    """Put the sets of a batch where they belong; says whether they have the sizes that were said."""
    found = distinct_sets(shingles, edges)
    if (np.diff(found.starts) != starts[places + 1] - starts[places]).any():
        return False
    _copy(found.grams, found.starts, places, starts, grams)
    return True


@kernel
def _copy(found: Hashes, edges: Offsets, places: NDArray[np.int64], starts: Offsets, grams: Hashes) -> None:
    for row in range(len(places)):
        to = starts[places[row]]
        for at in range(edges[row], edges[row + 1]):
            grams[to + at - edges[row]] = found[at]


@kernel
def shared(grams: Hashes, a: int, a_end: int, b: int, b_end: int, needed: int) -> int:
    """How many grams the sets grams[a:a_end] and grams[b:b_end] share; 0 as soon as `needed` is out of reach."""
    found = 0
    while a < a_end and b < b_end:
        if found + min(a_end - a, b_end - b) < needed:
            return 0
        x, y = grams[a], grams[b]
        found += x == y
        a += x <= y
        b += y <= x
    return found if found >= needed else 0


@kernel
def least_shared(size_a: int, size_b: int, part: int, whole: int) -> int:
    """The least number of shared grams at which the Jaccard similarity is part / whole or more.

    s <= i / (a + b - i) is the same as i >= s (a + b) / (1 + s).
    """
    return -(-part * (size_a + size_b) // (part + whole))
