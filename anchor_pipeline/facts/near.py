"""Near-duplicates: documents whose word 5-grams have a Jaccard similarity of `similarity` or more with a better copy.

Documents come in the order of their provenance, the best first. One after the other is compared with those kept so
far, and is kept unless it nearly repeats one of them: so every document that goes is as similar as declared to the
one that stays for it, and no chain of small changes joins what is unlike (union-find over all pairs would). Both are
decided on the documents themselves, whatever the layout of the shards.

1. Documents that share no band of their MinHash signature with another are left out of everything below (lsh.py).
2. The sets of the others are read from the shards (jaccard.py).
3. A document is compared with kept ones in its 32 buckets: first by size (a Jaccard similarity of s needs sizes that
   differ by no more than s), by signature where both are long enough for it to tell, then exactly, the likest first.

A bucket lists its first MOST_IN_BUCKET kept documents only, and MOST_VERIFIED pairs are compared exactly for one
document. So n documents take O(n) time, however alike they are; a million equal ones are compared once each. What may
be missed beyond the probability in lsh.py: a pair of which the better one has so many better-placed near misses in
every bucket they share. Precision is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.jaccard import Sets, least_shared, read_sets, shared
from anchor_pipeline.facts.lsh import BANDS, Banded, Numbers, Traces, buckets, mapped, meeting, put, room_for
from anchor_pipeline.facts.minhash import BINS
from anchor_pipeline.facts.text import signatures_of

MOST_IN_BUCKET = 128
MOST_VERIFIED = 64

_TELLING = 256
"""From so many shingles on, signatures scatter as 128 independent draws do."""

_DEVIATIONS = 5
"""A signature that lies so many standard deviations below the similarity is not looked into: once in 3 million."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Documents:
    """Documents in the order of their provenance: document i is row[i] of files[file[i]]."""

    files: Sequence[Path]
    """Parquet files with a column `text`."""
    measured: Callable[[int], Any]
    """The base facts of files[i], a table with the columns minhash and shingles, row by row."""
    file: Indices
    row: Indices


def near_duplicates(documents: Documents, similarity: Fraction, work: Path, older: int = 0) -> Indices:
    """For each document the index of the better one that it nearly repeats, or -1; int64[n].

    `older`: so many documents at the beginning are there to be compared with only; they are kept, and not compared.
    `work` is a folder for files that nobody needs afterwards. DamagedData if a file does not hold what its facts
    tell of.
    """
    found = np.full(len(documents.row), -1, np.int64)
    room = _load(documents, work)
    chosen = np.flatnonzero(meeting(room))
    if not len(chosen):
        return found
    sets = read_sets(documents.files, documents.file[chosen], documents.row[chosen], room.sizes[chosen], work)
    bucket = buckets(room, chosen, work)
    first = int(np.searchsorted(chosen, older))
    like = _greedy(bucket, room.traces, chosen, sets, similarity, first, work)
    found[chosen] = np.where(like >= 0, chosen[like], -1)
    return found


def _load(documents: Documents, work: Path) -> Banded:
    """Bands and sizes of all documents, read from the facts file by file."""
    room = room_for(len(documents.row), work)
    order = np.argsort(documents.file, kind="stable")
    edges = np.searchsorted(documents.file[order], np.arange(len(documents.files) + 1))
    for number in range(len(documents.files)):
        mine = order[edges[number] : edges[number + 1]]
        if len(mine):
            facts = documents.measured(number).select(["minhash", "shingles"]).take(pa.array(documents.row[mine]))
            sizes = facts.column("shingles").to_numpy().astype(np.int64)
            put(room, mine, signatures_of(facts.column("minhash")), sizes)
    return room


def _greedy(
    bucket: Numbers, traces: Traces, chosen: Indices, sets: Sets, similarity: Fraction, older: int, work: Path
) -> Indices:
    """For each chosen document the position of the kept one that it nearly repeats, or -1."""
    number = bucket.shape[1]
    lists = int(bucket.max(initial=-1)) + 1
    share = float(similarity)
    likely = int(BINS * share - _DEVIATIONS * (BINS * share * (1 - share)) ** 0.5)
    found = np.full(number, -1, np.int64)
    _compare(
        bucket, mapped(work / "next", np.int32, (BANDS, number)), mapped(work / "head", np.int32, (BANDS, lists)),
        mapped(work / "tail", np.int32, (BANDS, lists)), mapped(work / "length", np.int16, (BANDS, lists)), traces,
        chosen, sets.grams, sets.starts, similarity.numerator, similarity.denominator, likely, older, found,
    )  # fmt: skip
    return found


@kernel
def _compare(
    bucket: Numbers, following: Numbers, head: Numbers, tail: Numbers, length: NDArray[np.int16], traces: Traces,
    chosen: Indices, grams: NDArray[np.uint64], starts: Indices, part: int, whole: int, likely: int, older: int,
    found: Indices,
) -> None:  # fmt: skip
    """Go through the documents in their order; lists of kept documents run from head along following to tail.

    Lists hold positions plus 1, so that files of zeros are lists of nothing.
    """
    seen = np.full(bucket.shape[1], -1, np.int32)
    candidates = np.empty(BANDS * MOST_IN_BUCKET, np.int64)
    for me in range(bucket.shape[1]):
        if me >= older:
            met = 0
            for band in range(BANDS):
                link = head[band, bucket[band, me]] if bucket[band, me] >= 0 else np.int32(0)
                while link > 0:
                    other = link - 1
                    if seen[other] != me:
                        seen[other] = me
                        alike = _alike(traces, chosen, starts, me, other, part, whole, likely)
                        if alike >= 0:
                            # The likest first, and of those alike the one of best provenance.
                            candidates[met] = (BINS - alike) << 40 | other
                            met += 1
                    link = following[band, other]
            found[me] = _best(candidates[:met], grams, starts, me, part, whole)
            if found[me] >= 0:
                continue
        for band in range(BANDS):
            mine = bucket[band, me]
            if mine >= 0 and length[band, mine] < MOST_IN_BUCKET:
                if length[band, mine] == 0:
                    head[band, mine] = me + 1
                else:
                    following[band, tail[band, mine] - 1] = me + 1
                tail[band, mine] = me + 1
                length[band, mine] += 1


@kernel
def _alike(
    traces: Traces,
    chosen: Indices,
    starts: Indices,
    me: int,
    other: int | np.signedinteger[Any],
    part: int,
    whole: int,
    likely: int,
) -> int:
    """In how many places two signatures agree; -1 if the documents cannot be, or are not likely to be, so similar."""
    mine, its = starts[me + 1] - starts[me], starts[other + 1] - starts[other]
    if min(mine, its) * whole < max(mine, its) * part:
        return -1
    same = 0
    a, b = traces[chosen[me]], traces[chosen[other]]
    for at in range(BINS):
        same += a[at] == b[at]
    return same if same >= likely or min(mine, its) < _TELLING else -1


@kernel
def _best(candidates: Indices, grams: NDArray[np.uint64], starts: Indices, me: int, part: int, whole: int) -> int:
    """Of the candidates that are as similar as asked, the one of best provenance; -1 if none is."""
    candidates.sort()
    best = -1
    for candidate in candidates[:MOST_VERIFIED]:
        other = candidate & ((1 << 40) - 1)
        if best >= 0 and other > best:
            continue
        needed = least_shared(starts[me + 1] - starts[me], starts[other + 1] - starts[other], part, whole)
        if shared(grams, starts[me], starts[me + 1], starts[other], starts[other + 1], needed) > 0:
            best = other
    return best
