"""Counts over a bucket of documents, without building the bucket: which words, pairs and triples it holds.

n-grams never cross from one document into the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.words import Hashes, mix64

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]
Floats = NDArray[np.float64]

GRAMS = 3


def gram_ids(words: Hashes, starts: Ints) -> tuple[list[Ids], list[int]]:
    """For n = 1, 2, 3: of each position the number of the n-gram that ends there, and how many numbers there are.

    Numbers go from 0 without gaps; -1 stands before the n-th word of a document.
    """
    ids, sizes = [], []
    hashes = words
    for n in range(1, GRAMS + 1):
        if n > 1:
            hashes = _longer(hashes, words)
        numbers, size = _numbered(hashes)
        _mark_beginnings(numbers, starts, n)
        ids.append(numbers)
        sizes.append(size)
    return ids, sizes


def _longer(shorter: Hashes, words: Hashes) -> Hashes:
    """Hashes of n-grams, from those of the (n-1)-grams that end a word earlier."""
    out = np.zeros_like(words)
    _join(shorter, words, out)
    return out


@kernel
def _join(shorter: Hashes, words: Hashes, out: Hashes) -> None:
    for at in range(1, len(words)):
        out[at] = mix64(shorter[at - 1] * np.uint64(0x9E3779B97F4A7C15) + words[at])


def _numbered(hashes: Hashes) -> tuple[Ids, int]:
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    new = np.ones(len(hashes), np.int64)
    new[1:] = ranked[1:] != ranked[:-1]
    out = np.empty(len(hashes), np.int32)
    out[order] = np.cumsum(new) - 1
    return out, int(new.sum())


@kernel
def _mark_beginnings(numbers: Ids, starts: Ints, n: int) -> None:
    for row in range(len(starts) - 1):
        for at in range(starts[row], min(starts[row] + n - 1, starts[row + 1])):
            numbers[at] = -1


@kernel
def bucket_length(order: Ints, starts: Ints, tokens: int) -> int:
    """How many documents, taken in this order, hold that many tokens; all of them if they hold fewer."""
    held = 0
    for place in range(len(order)):
        if held >= tokens:
            return place
        held += starts[order[place] + 1] - starts[order[place]]
    return len(order)


@kernel
def distinct_in(order: Ints, starts: Ints, ids: Ids, tokens: int, seen: Ids, stamp: int) -> tuple[int, int]:
    """(different n-grams, all n-grams) among the first `tokens` tokens of the documents in this order.

    `seen` has a place for each number, none of which holds `stamp`, a number that was not used before.
    """
    held, different, found = 0, 0, 0
    for place in range(len(order)):
        start = starts[order[place]]
        length = min(starts[order[place] + 1] - start, tokens - held)
        for at in range(start, start + length):
            number = ids[at]
            if number >= 0:
                found += 1
                if seen[number] != stamp:
                    seen[number] = stamp
                    different += 1
        held += length
    return different, found


@kernel
def entropy_in(order: Ints, starts: Ints, ids: Ids, tokens: int, counts: Ids) -> float:
    """Shannon entropy (bits) of the words among the first `tokens` tokens of the documents in this order.

    H = log2 N - (1/N) sum over words of c log2 c (Shannon 1948, section 6). `counts` is all zeros, and is so again
    afterwards.
    """
    held = 0
    for place in range(len(order)):
        start = starts[order[place]]
        length = min(starts[order[place] + 1] - start, tokens - held)
        for at in range(start, start + length):
            counts[ids[at]] += 1
        held += length
    total, left = 0.0, held
    for place in range(len(order)):
        start = starts[order[place]]
        length = min(starts[order[place] + 1] - start, left)
        for at in range(start, start + length):
            count = counts[ids[at]]
            if count > 0:
                total += count * np.log2(count)
                counts[ids[at]] = 0
        left -= length
    return np.log2(held) - total / held if held > 0 else 0.0
