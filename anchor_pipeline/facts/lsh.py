"""Which documents may be near-duplicates: those whose MinHash signatures agree in a whole band (LSH).

The 128 numbers of a signature are cut into 32 bands of 4 (Broder 1997; Indyk, Motwani 1998; Leskovec, Rajaraman,
Ullman, Mining of Massive Datasets, section 3.4). Two documents of Jaccard similarity s agree in a given band with
probability s^4, and so share none with probability (1 - s^4)^32: 5e-8 at s = 0.8, 1.6e-4 at 0.7, 1.2 % at 0.6. Of
two unlike documents (s = 0.1) three in a thousand pairs share one; verification throws those out.

What is kept per document lies in files that are mapped into memory, so that the operating system decides how much
of it is held: 256 bytes of band keys, 128 of signature. One band at a time is sorted, 16 bytes a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.minhash import BINS, Signatures
from anchor_pipeline.facts.words import mix64

BANDS = 32
ROWS = BINS // BANDS
"""Numbers in a band."""

Keys = NDArray[np.uint64]
Numbers = NDArray[np.int32]
Traces = NDArray[np.uint8]
"""The low byte of each of the 128 numbers: two that differ agree in it once in 256 times (b-bit minwise hashing, Li
and König 2010), and it takes a quarter of the room."""


@dataclass(frozen=True)
class Banded:
    """What LSH knows of n documents; row i is document i."""

    keys: Keys
    """uint64[BANDS, n]."""
    traces: Traces
    """uint8[n, BINS]."""
    sizes: NDArray[np.int64]
    """Distinct shingles of each; 0: no words, like no document."""


def room_for(number: int, work: Path) -> Banded:
    """Room for `number` documents in files under `work`, which must be there."""
    return Banded(
        mapped(work / "band_keys", np.uint64, (BANDS, number)),
        mapped(work / "traces", np.uint8, (number, BINS)),
        np.zeros(number, np.int64),
    )


def mapped(path: Path, kind: Any, shape: tuple[int, ...]) -> Any:
    """An array of zeros that lies in a file; an empty one has none."""
    if not all(shape):
        return np.zeros(shape, kind)
    return np.memmap(path, kind, "w+", shape=shape)


def put(room: Banded, places: NDArray[np.int64], signatures: Signatures, sizes: NDArray[np.int64]) -> None:
    """Documents with these signatures (uint32[k, BINS]) become the documents `places`."""
    room.keys[:, places] = band_keys(signatures)
    room.traces[places] = signatures & np.uint32(0xFF)
    room.sizes[places] = sizes


def band_keys(signatures: Signatures) -> Keys:
    """The key of every band, uint64[BANDS, k]: equal where the band's four numbers are."""
    out = np.empty((BANDS, len(signatures)), np.uint64)
    _band_keys(np.ascontiguousarray(signatures), out)
    return out


@kernel
def _band_keys(signatures: Signatures, out: Keys) -> None:
    for row in range(len(signatures)):
        for band in range(BANDS):
            value = np.uint64(0)
            for at in range(band * ROWS, (band + 1) * ROWS):
                value = mix64(value ^ np.uint64(signatures[row, at])) + np.uint64(1)
            out[band, row] = value


def meeting(room: Banded) -> NDArray[np.bool_]:
    """Which documents share a band with another one."""
    found = np.zeros(len(room.sizes), np.bool_)
    some = np.flatnonzero(room.sizes)
    for band in range(BANDS):
        keys = room.keys[band][some]
        order = np.argsort(keys)
        keys = keys[order]
        same = keys[1:] == keys[:-1]
        found[some[order[1:][same]]] = True
        found[some[order[:-1][same]]] = True
    return found


def buckets(room: Banded, chosen: NDArray[np.int64], work: Path) -> Numbers:
    """For each band and chosen document the number of its bucket, int32[BANDS, len(chosen)]; -1: alone in it."""
    out: Numbers = mapped(work / "buckets", np.int32, (BANDS, len(chosen)))
    for band in range(BANDS):
        keys = room.keys[band][chosen]
        order = np.argsort(keys)
        keys = keys[order]
        first = np.concatenate([np.ones(min(1, len(keys)), np.bool_), keys[1:] != keys[:-1]])
        number = np.cumsum(first) - 1
        shared = np.bincount(number, minlength=1)[number] > 1
        # Only buckets of several are numbered, so that there are at most half as many as documents.
        dense = np.cumsum(first & shared) - 1
        out[band, order] = np.where(shared, dense, -1)
    return out
