"""Which texts belong together, so that a split never has a text on one side and its copy or rewrite on the other.

Texts of one source document (a human text and what models made of it) share a key. Beyond that, texts of which one
shares at least half of its word 5-grams with the other are near-duplicates, and join their groups: corpora repeat
themselves across domains and model files. Pairs are found by the 5-grams they share; one that occurs in very many
texts is common language, or a copy that its other 5-grams find as well, and is compared only with the nearest ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.shingles import SHINGLE, ngrams, proper_words
from anchor_pipeline.facts.words import Hashes

Groups = NDArray[np.int64]

_NEAREST = 16
"""Texts that have a 5-gram in common are compared with so many that come after them."""

_SHARED = 0.5


def near_pairs(words: Hashes, starts: Offsets) -> tuple[Groups, Groups]:
    """Near-duplicates among texts, by words_of: (earlier, later) row numbers, sorted."""
    shingles, edges = ngrams(*proper_words(words, starts), SHINGLE, whole=True)
    rows = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    order = np.lexsort((rows, shingles))
    grams, rows = shingles[order], rows[order]
    first = np.ones(len(grams), np.bool_)
    first[1:] = (grams[1:] != grams[:-1]) | (rows[1:] != rows[:-1])
    grams, rows = grams[first], rows[first]
    sizes = np.bincount(rows, minlength=len(edges) - 1)
    found = []
    for step in range(1, _NEAREST + 1):
        same = np.flatnonzero(grams[step:] == grams[:-step])
        found.append(rows[same] * np.int64(len(sizes)) + rows[same + step])
    pairs, shared = np.unique(np.concatenate(found), return_counts=True)
    early, late = pairs // len(sizes), pairs % len(sizes)
    near = shared >= _SHARED * np.minimum(sizes[early], sizes[late])
    return early[near], late[near]


def group_texts(
    keys: Sequence[str], human: NDArray[np.bool_], words: Hashes, starts: Offsets
) -> tuple[Groups, NDArray[np.bool_]]:
    """(group of each text, whether it is a human near-duplicate of an earlier human one). `keys` name source documents.

    Groups are numbered by their first text. A human text whose rewrite stays close to it is no copy: without such
    texts a detector would never be shown the hardest pairs, nor asked about them.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, source = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    early, late = near_pairs(words, starts)
    left, right = np.concatenate([source[early], source]), np.concatenate([source[late], source])
    graph = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(source.max(initial=-1) + 1,) * 2)
    _, parts = connected_components(graph, directed=False)
    _, first, groups = np.unique(parts[source], return_index=True, return_inverse=True)
    copies = np.zeros(len(source), np.bool_)
    copies[late[human[early] & human[late]]] = True
    return first[groups].astype(np.int64), copies
