"""How close synthetic documents are to the anchors of their domain: a weight for each, and which are too far away.

**Weight.** The density ratio r(x) = p(x | anchor) / p(x | synthetic), by the probabilistic classifier of Bickel et al.
(2007; Sugiyama, Suzuki, Kanamori, *Density Ratio Estimation in Machine Learning*, 2012, chapter 4):

    r(x) = P(anchor | x) / P(synthetic | x) · n_synthetic / n_anchor

P is a logistic regression on hashed word 1- and 2-grams (log counts, unit length), and the probability of a document
comes from a model that was fitted without it (cross-fitting in FOLDS parts). Weights have mean 1 and are then clipped
to [1/clip, clip]: a ratio is least certain where it is most extreme.

**Effective sample size** (Kish 1965): (Σw)² / Σw², how many equally weighted documents would carry as much.

**Too far.** A document is discarded whose cosine similarity to its nearest anchor is below that of nearly all anchors
to their own nearest one: below the `discard` quantile, leave-one-out.

Nothing depends on the order of documents in their shards: folds and samples follow from `keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.facts.words import Hashes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 5
LEAST = 50
"""Documents of each side below which nothing is weighed."""
MOST_ANCHORS = 20_000
"""So many anchors are compared with, those of the smallest keys, and four times as many fitted on."""

_BUCKETS = 1 << 14
_STRENGTH = 1.0
_CHUNK = 512


@dataclass(frozen=True)
class Texts:
    """Documents of one domain: words of i are words[starts[i]:starts[i + 1]]; keys decide folds and samples."""

    words: Hashes
    starts: Ints
    keys: Hashes

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class Weights:
    """The synthetic documents of a domain, in the order given."""

    weight: Floats
    """Mean 1 before clipping; 1 for those that are discarded."""
    similarity: Floats
    """Cosine to the nearest anchor, 0 to 1."""
    discarded: NDArray[np.bool_]
    threshold: float
    """Similarity below which a document is discarded."""

    @property
    def effective(self) -> float:
        """Effective sample size of the documents that are not discarded."""
        kept = self.weight[~self.discarded]
        return float(kept.sum() ** 2 / (kept**2).sum()) if len(kept) else 0.0


def weigh(anchors: Texts, synthetic: Texts, *, clip: float, discard: float) -> Weights | None:
    """Weigh the synthetic documents of a domain by its anchors; None if either side has fewer than LEAST.

    clip: largest weight, above 1. discard: share of anchors that would themselves count as too far, 0 to 1.
    """
    if len(anchors) < LEAST or len(synthetic) < LEAST:
        return None
    near, own = _features(anchors), _features(synthetic)
    ratio = _ratio(near, own, anchors.keys, synthetic.keys)
    sample = near[np.argsort(anchors.keys, kind="stable")[:MOST_ANCHORS]]
    threshold = float(np.quantile(_nearest(sample, sample, itself=True), discard)) if discard > 0 else -1.0
    similarity = _nearest(own, sample)
    discarded = similarity < threshold
    kept = ~discarded
    weight = np.ones(len(synthetic))
    if kept.any():
        weight[kept] = np.clip(ratio[kept] / ratio[kept].mean(), 1 / clip, clip)
    return Weights(weight, similarity, discarded, max(threshold, 0.0))


def _features(texts: Texts) -> Any:
    """CSR matrix, one row per document: log(1 + count) of hashed word 1- and 2-grams, unit length."""
    from scipy.sparse import csr_matrix

    rows = np.repeat(np.arange(len(texts)), np.diff(texts.starts))
    words = texts.words
    follows = np.flatnonzero(rows[1:] == rows[:-1])
    with np.errstate(over="ignore"):
        pairs = words[follows] * np.uint64(0x9E3779B97F4A7C15) + words[follows + 1]
        hashed = np.concatenate([words, pairs * np.uint64(0xBF58476D1CE4E5B9)]) >> np.uint64(64 - 14)
    columns, places = hashed.astype(np.int64), np.concatenate([rows, rows[follows]])
    matrix = csr_matrix((np.ones(len(columns), np.float64), (places, columns)), shape=(len(texts), _BUCKETS))
    matrix.data = np.log1p(matrix.data)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(matrix.indptr))
    return matrix


def _ratio(near: Any, own: Any, near_keys: Hashes, own_keys: Hashes) -> Floats:
    """The density ratio of every synthetic document, from a model fitted without it."""
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    folds = own_keys % np.uint64(FOLDS)
    near_folds = near_keys % np.uint64(FOLDS)
    ratio = np.ones(own.shape[0])
    for fold in range(FOLDS):
        left = _sample(near_keys, near_folds != fold), _sample(own_keys, folds != fold)
        asked = np.flatnonzero(folds == fold)
        if not len(asked) or not len(left[0]) or not len(left[1]):
            continue
        model = LogisticRegression(C=_STRENGTH, max_iter=1000, solver="liblinear", random_state=0)
        model.fit(vstack([near[left[0]], own[left[1]]]), np.repeat([1, 0], [len(left[0]), len(left[1])]))
        ratio[asked] = np.exp(model.decision_function(own[asked])) * len(left[1]) / len(left[0])
    return ratio


def _sample(keys: Hashes, wanted: NDArray[np.bool_]) -> Ints:
    """The places of at most 4 · MOST_ANCHORS of the wanted documents, those of the smallest keys, by key."""
    places = np.flatnonzero(wanted)
    return places[np.argsort(keys[places], kind="stable")][: 4 * MOST_ANCHORS]


def _nearest(these: Any, those: Any, *, itself: bool = False) -> Floats:
    """Cosine of each row to the nearest of the others, in chunks; `itself`: both are the same, and not compared."""
    found = np.zeros(these.shape[0])
    for start in range(0, these.shape[0], _CHUNK):
        cosines = np.asarray((these[start : start + _CHUNK] @ those.T).todense())
        if itself:
            cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -1.0
        found[start : start + _CHUNK] = cosines.max(axis=1)
    return found
