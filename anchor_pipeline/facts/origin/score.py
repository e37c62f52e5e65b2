"""Scoring texts with a linear model, in one pass over their bytes and words: no feature is ever written down.

The score of a text is b + sum of the weights of its features / sqrt(how many there are): a linear model over counts
scaled by the root of their sum, which needs no second look at the text. Weights are whole numbers of one byte, in steps
of the model: a table of half a million fits the second-level cache of a core, and sums are exact in any order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import decode
from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.origin.features import (
    B2,
    B3,
    B4,
    C2,
    C3,
    C4,
    C5,
    FIVE,
    FOUR,
    THREE,
    TWELVE,
    TWO,
    W1,
    W2,
    Frequent,
    folded,
    masked,
    slot_of,
)
from anchor_pipeline.facts.words import Hashes

Weights = NDArray[np.int8]
Sums = NDArray[np.float32]


def linear_scores(
    data: Bytes, offsets: Offsets, words: Hashes, starts: Offsets, frequent: Frequent, weights: Weights
) -> Sums:
    """Sum of weights / sqrt(number of features) of each text, in steps; 0 where it has none.

    len(weights) is a power of two.
    """
    scores = np.zeros(len(offsets) - 1, np.float32)
    shift = np.uint64(64 - (len(weights).bit_length() - 1))
    _score(data, offsets, words, starts, frequent, weights, shift, scores)
    return scores


@kernel
def _characters(data: Bytes, at: int, end: int, weights: Weights, shift: np.uint64) -> tuple[int, int]:
    """Sum of weights, and how many features."""
    total, window, size = 0, np.uint64(0), 0
    # The first four characters have not all lengths behind them.
    while at < end:
        code: int = np.int64(data[at])  # type: ignore[assignment]
        if code < 128:
            at += 1
        else:
            code, at = decode(data, at)
        window = (window << TWELVE) | folded(code)
        size += 1
        if size >= 5:
            total += (weights[slot_of(window & TWO, C2, shift)] + weights[slot_of(window & THREE, C3, shift)]) + (
                weights[slot_of(window & FOUR, C4, shift)] + weights[slot_of(window & FIVE, C5, shift)]
            )
        elif size >= 2:
            total += weights[slot_of(window & TWO, C2, shift)]
            if size >= 3:
                total += weights[slot_of(window & THREE, C3, shift)]
            if size >= 4:
                total += weights[slot_of(window & FOUR, C4, shift)]
    return total, max(size - 1, 0) + max(size - 2, 0) + max(size - 3, 0) + max(size - 4, 0)


@kernel
def _words(words: Hashes, frequent: Frequent, weights: Weights, shift: np.uint64) -> tuple[int, int]:
    total, size = 0, len(words)
    before, one, two, three = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for place in range(size):
        word = words[place]
        kept = masked(word, frequent)
        if place >= 3:
            total += (
                weights[slot_of(word, W1, shift)]
                + (weights[slot_of(before ^ word, W2, shift)] + weights[slot_of(one ^ kept, B2, shift)])
                + (weights[slot_of(two ^ kept, B3, shift)] + weights[slot_of(three ^ kept, B4, shift)])
            )
        else:
            total += weights[slot_of(word, W1, shift)]
            if place >= 1:
                total += weights[slot_of(before ^ word, W2, shift)] + weights[slot_of(one ^ kept, B2, shift)]
            if place >= 2:
                total += weights[slot_of(two ^ kept, B3, shift)]
        before = word * W2
        one, two, three = kept * B2, (one ^ kept) * B2, (two ^ kept) * B2
    return total, size + 2 * max(size - 1, 0) + max(size - 2, 0) + max(size - 3, 0)


@kernel
def _score(
    data: Bytes,
    offsets: Offsets,
    words: Hashes,
    starts: Offsets,
    frequent: Frequent,
    weights: Weights,
    shift: np.uint64,
    scores: Sums,
) -> None:
    for row in range(len(offsets) - 1):
        total, features = _characters(data, offsets[row], offsets[row + 1], weights, shift)
        more, others = _words(words[starts[row] : starts[row + 1]], frequent, weights, shift)
        if features + others:
            scores[row] = (total + more) / np.sqrt(np.float64(features + others))
