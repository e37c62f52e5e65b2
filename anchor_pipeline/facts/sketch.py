"""FracMinHash sketches of word 5-grams: every document keeps the shingles whose hash is below 2^64/16.

Which shingles are kept hangs on the shingle alone, so that sketches of documents, sources and releases can be joined
and compared: |A ∩ B| / |A| of the sketches estimates the share of A's shingles that are in B, without bias but for a
factor 1 - (15/16)^|A| (Irber et al. 2022, Lightweight compositional analysis of metagenomes with FracMinHash,
doi:10.1101/2022.01.11.475838; Rahman Hera, Pierce-Ward, Koslicki 2023, Deriving confidence intervals for mutation
rates across a wide range of evolutionary distances using FracMinHash, Genome Research 33). A document of n distinct
shingles keeps n/16 on average, with a standard deviation of √(15n)/16; short ones may keep none.
`reference_sketch` in test_sketch.py says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.words import Hashes

SCALE = 16
"""One in so many shingles is kept."""

LIMIT = (1 << 64) // SCALE
"""Hashes below this are kept."""


def sketch(shingles: Hashes, starts: Offsets) -> tuple[Hashes, Offsets]:
    """The sketches of the rows: (values, offsets). Row i has values[offsets[i]:offsets[i + 1]], rising, each once."""
    room = np.empty(len(shingles), np.uint64)
    offsets = np.zeros(len(starts), np.int64)
    _sketch(shingles, starts, np.uint64(LIMIT), room, offsets)
    return room[: offsets[-1]].copy(), offsets


@kernel
def _sketch(shingles: Hashes, starts: Offsets, limit: np.uint64, out: Hashes, offsets: Offsets) -> None:
    kept = 0
    for row in range(len(starts) - 1):
        first = kept
        for at in range(starts[row], starts[row + 1]):
            # Written in any case, and kept if small: a jump that cannot be foretold costs more.
            out[kept] = shingles[at]
            kept += int(shingles[at] < limit)
        if kept - first > 1:
            out[first:kept].sort()
            end, kept = kept, first + 1
            for at in range(first + 1, end):
                if out[at] != out[kept - 1]:
                    out[kept] = out[at]
                    kept += 1
        offsets[row + 1] = kept
