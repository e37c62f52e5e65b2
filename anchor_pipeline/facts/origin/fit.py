"""Fitting the linear model of the detector on hashed features, the same bytes for the same texts.

A linear support vector machine (squared hinge loss) over features scaled by their log-ratio of counts between the
classes (Wang, Manning 2012, Baselines and bigrams: simple, good sentiment and topic classification): what the ratio
says of a feature is believed first, and the machine corrects it. The scale is folded into the weights, so that scoring
does not know of it.

Chosen on the tuning domains of bench/bench_origin.py, each left out in turn (AUROC of all together, 2^21 slots): .919,
against .909 for a logistic regression with more added to the counts (1e-5), .874 for the machine without the ratio, and
.866 for stochastic gradient descent on rows of length 1 without it. A ratio averaged over domains did no better.
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

BITS = 19
"""2^19 weights of one byte are half a megabyte. On the tuning domains 2^18 slots had .008 less AUROC, 2^20 .004 more,
but a quarter less speed: an n-gram that was never seen falls on the weight of another, and adds noise."""

FREQUENT = 500
"""Words that are not masked: those in most documents."""

_TOP, _COVERED = 127, 0.999
"""Largest weight in steps; share of the weights that are not cut off at it."""

_SMOOTH, _LOSS, _PASSES, _LEAST_DOCUMENTS = 1e-6, 10.0, 8, 2
"""What is added to a mean count; weight of the loss; passes over the rows."""


@dataclass(frozen=True)
class Linear:
    """Weights by slot in steps, what a step is, and the constant."""

    weights: Weights
    step: float
    bias: float

    def scores(self, matrix: Any) -> Floats:
        """The score of each row of `features_of`."""
        found: Floats = (matrix @ self.weights.astype(np.float64)) * self.step + self.bias
        return found


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
    from sklearn.svm import LinearSVC

    ratio = _log_ratio(matrix, ours)
    kept = np.flatnonzero(ratio)
    scaled = (matrix @ diags(ratio.astype(np.float32), format="csr"))[:, kept].tocsr()
    # Rows of length 1 on average, so that the weight of the loss means the same for any corpus.
    size = float(np.sqrt((scaled.data.astype(np.float64) ** 2).sum() / scaled.shape[0])) or 1.0
    scaled.data /= np.float32(size)
    # The dual of liblinear goes through the rows in an order drawn from its seed: one seed, one model.
    model = LinearSVC(C=_LOSS, class_weight="balanced", dual=True, random_state=0, tol=0.01, max_iter=_PASSES)
    with warnings.catch_warnings():
        # It is stopped on purpose: the weights hardly move after some passes, and need not stand still.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaled, ours)
    weights = np.zeros(matrix.shape[1])
    weights[kept] = model.coef_[0] * ratio[kept] / size
    step = float(np.quantile(np.abs(weights[kept]), _COVERED)) / _TOP if len(kept) else 1.0
    steps = np.clip(np.rint(weights / step), -_TOP, _TOP).astype(np.int8)
    return Linear(steps, step, float(model.intercept_[0]))


def _log_ratio(matrix: Any, ours: Labels) -> Floats:
    """Log-ratio of the mean counts of each feature in the two classes; 0 for those of a single document."""
    means = [np.asarray(matrix[chosen].mean(axis=0)).ravel().astype(np.float64) for chosen in (ours, ~ours)]
    documents = np.bincount(matrix.indices, minlength=matrix.shape[1])
    ratio: Floats = np.log((means[0] + _SMOOTH) / (means[1] + _SMOOTH))
    ratio[documents < _LEAST_DOCUMENTS] = 0.0
    return ratio
