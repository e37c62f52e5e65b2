"""Fitting the linear model of the detector on hashed features, the same bytes for the same texts.

A logistic regression over features scaled by their log-ratio of counts between the classes (Wang, Manning 2012,
Baselines and bigrams: simple, good sentiment and topic classification): what the ratio says of a feature is believed
first, and the regression corrects it. The scale is folded into the weights, so that scoring does not know of it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.origin.features import FREQUENT_BITS, Frequent, count_features
from anchor_pipeline.facts.origin.score import Weights
from anchor_pipeline.facts.words import Hashes

Labels = NDArray[np.bool_]
Floats = NDArray[np.float64]

BITS = 18
"""2^18 weights of 4 bytes: they fit the second-level cache of a core, and larger tables detected hardly better."""

FREQUENT = 500
"""Words that are not masked: those in most documents."""

_SMOOTH, _PENALTY, _LEAST_DOCUMENTS = 1e-5, 100.0, 2


@dataclass(frozen=True)
class Linear:
    """Weights by slot, and the constant."""

    weights: Weights
    bias: float


def frequent_words(words: Hashes, starts: Offsets, rows: NDArray[np.int64] | None = None) -> Frequent:
    """A table of the FREQUENT words that are in most of the rows (all of them by default), by words_of."""
    chosen = range(len(starts) - 1) if rows is None else rows
    each = [np.unique(words[starts[row] : starts[row + 1]]) for row in chosen]
    proper = np.concatenate(each) if each else np.zeros(0, np.uint64)
    hashes, documents = np.unique(proper[(proper & np.uint64(1)) == 0], return_counts=True)
    most = hashes[np.lexsort((hashes, -documents))][:FREQUENT]
    table = np.zeros(1 << FREQUENT_BITS, np.uint8)
    table[most >> np.uint64(64 - FREQUENT_BITS)] = 1
    return np.packbits(table, bitorder="little")


def features_of(data: Bytes, offsets: Offsets, words: Hashes, starts: Offsets, frequent: Frequent) -> Any:
    """The features of each text as a sparse matrix: counts over the root of their sum, one row per text."""
    from scipy.sparse import csr_matrix

    slots, counts, rows = count_features(data, offsets, words, starts, frequent, BITS)
    lengths = np.diff(rows)
    sums = np.add.reduceat(np.append(counts, 0), rows[:-1]) * (lengths > 0)
    scaled = (counts / np.repeat(np.sqrt(np.maximum(sums, 1)), lengths)).astype(np.float32)
    return csr_matrix((scaled, slots, rows), shape=(len(offsets) - 1, 1 << BITS))


def fit_linear(matrix: Any, ours: Labels) -> Linear:
    """Weights for the rows of `features_of`; `ours` says which are the model's. Both classes weigh the same."""
    from scipy.sparse import diags
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    ratio = _log_ratio(matrix, ours)
    kept = np.flatnonzero(ratio)
    scaled = (matrix @ diags(ratio, format="csr"))[:, kept].tocsr()
    # The dual of liblinear goes through the rows in an order drawn from its seed: one seed, one model.
    model = LogisticRegression(
        C=_PENALTY, class_weight="balanced", solver="liblinear", dual=True, random_state=0, tol=0.01, max_iter=60
    )
    with warnings.catch_warnings():
        # The weights hardly move after some tens of passes; they need not stand still.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaled, ours)
    weights = np.zeros(matrix.shape[1])
    weights[kept] = model.coef_[0] * ratio[kept]
    return Linear(weights.astype(np.float32), float(model.intercept_[0]))


def _log_ratio(matrix: Any, ours: Labels) -> Floats:
    """Log-ratio of the mean counts of each feature in the two classes; 0 for those of a single document."""
    means = [np.asarray(matrix[chosen].mean(axis=0)).ravel().astype(np.float64) for chosen in (ours, ~ours)]
    documents = np.bincount(matrix.indices, minlength=matrix.shape[1])
    ratio: Floats = np.log((means[0] + _SMOOTH) / (means[1] + _SMOOTH))
    ratio[documents < _LEAST_DOCUMENTS] = 0.0
    return ratio
