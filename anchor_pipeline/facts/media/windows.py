"""Windows of a numeric series: 32 values in a row, normalised and written as one number, so that copies meet.

A window is z-normalised, so that a copy in another unit or on another level is still a copy, cut into 8 segments of 4
values, and the mean of each is rounded to half a standard deviation: the symbolic aggregate approximation (SAX) of
J. Lin, E. Keogh, L. Wei, S. Lonardi, Data Mining and Knowledge Discovery 15, 2007, with even breakpoints. Equal words
are candidates; `apart` then compares the values. What a matrix profile finds with all pairs (Yeh et al., ICDM 2016),
this finds in linear time for windows that are copies, and only for those.

Windows that say too little have no word: fewer than 16 distinct values, more than nine tenths of the variance a
straight line, or one value that holds more than half of it (any two spikes look alike).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.words import mix64

Values = NDArray[np.float64]
Words = NDArray[np.uint64]

WINDOW = 32
"""Values in a window."""
_SEGMENT = 4
_LEAST_DISTINCT = 16
_MOST_LINEAR = 0.9
_MOST_SPIKE = 0.5


@kernel
def window_words(values: Values, runs: NDArray[np.int64]) -> Words:
    """The word of the window that starts at each value; 0 where there is none.

    Values are those of one column; a window lies within one run, runs[k] being where run k begins (the last entry is
    the number of values).
    """
    words = np.zeros(len(values), np.uint64)
    for run in range(len(runs) - 1):
        for at in range(runs[run], runs[run + 1] - WINDOW + 1):
            words[at] = _word(values[at : at + WINDOW])
    return words


@kernel
def _word(window: Values) -> np.uint64:
    mean = 0.0
    for value in window:
        if not np.isfinite(value):
            return np.uint64(0)
        mean += value / WINDOW
    squares, along, furthest, middle = 0.0, 0.0, 0.0, (WINDOW - 1) / 2
    for at in range(WINDOW):
        off = window[at] - mean
        squares += off * off
        along += off * (at - middle)
        furthest = max(furthest, off * off)
    times = WINDOW * (WINDOW * WINDOW - 1) / 12  # sum of (at - middle)²
    if not 0 < squares < np.inf or along * along / times > _MOST_LINEAR * squares or furthest > _MOST_SPIKE * squares:
        return np.uint64(0)
    ordered = np.sort(window)
    distinct = 1
    for at in range(1, WINDOW):
        distinct += ordered[at] != ordered[at - 1]
    if distinct < _LEAST_DISTINCT:
        return np.uint64(0)
    word, step = np.uint64(0), 0.5 * np.sqrt(squares / WINDOW)
    for segment in range(WINDOW // _SEGMENT):
        total = 0.0
        for at in range(segment * _SEGMENT, (segment + 1) * _SEGMENT):
            total += window[at] - mean
        word = (word << np.uint64(8)) | np.uint64(np.int64(np.rint(total / _SEGMENT / step)) + 128)
    mixed: np.uint64 = mix64(word)
    return mixed | np.uint64(1)


def apart(one: Values, other: Values) -> Values:
    """1 - Pearson correlation of windows, row by row (n × WINDOW each): 0 for copies, 1 for what has nothing in common.

    The squared Euclidean distance of the z-normalised windows is 2 · WINDOW times this (Mueen, Nath, Liu, SIGMOD 2010).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (values - values.mean(axis=1, keepdims=True) for values in (one, other))
        alike = (a * b).sum(axis=1) / np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    return np.asarray(np.where(np.isfinite(alike), np.clip(1 - alike, 0, 2), 1.0))
