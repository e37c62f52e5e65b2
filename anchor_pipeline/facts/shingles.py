"""Word n-grams (shingles) as hashes: what MinHash, sketches, novelty and contamination compare.

Only words proper count: punctuation (odd hashes of facts/words.py) is passed over, so that a copy with other commas
is still a copy. The hash of an n-gram w1 … wn is the polynomial w1·B^(n-1) + … + wn modulo 2^64 (Karp, Rabin 1987:
one multiplication more gives the next n-gram), finished by the mix of SplitMix64. `reference_ngrams` in
test_shingles.py says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.words import Hashes, mix64

SHINGLE = 5
"""Words in a shingle of MinHash and sketches."""

BASE = np.uint64(0x9E3779B97F4A7C15)
"""B of the polynomial: odd, so that no word is lost, and without a pattern (2^64 divided by the golden ratio)."""

_ONE = np.uint64(1)


def proper_words(words: Hashes, starts: Offsets) -> tuple[Hashes, Offsets]:
    """The words without the marks, in the same form as `words_of` gives them."""
    out = np.empty(int(starts[-1] - starts[0]), np.uint64)
    edges = np.zeros(len(starts), np.int64)
    _pick_even(words, starts, out, edges)
    return out[: edges[-1]], edges


def ngrams(words: Hashes, starts: Offsets, size: int, *, whole: bool = False) -> tuple[Hashes, Offsets]:
    """The n-grams of `size` words of each row, in their order: (hashes, starts), as `words_of` gives words.

    `words` are words proper. A row of fewer words has none; with `whole`, it has one, of all its words, if it has
    any.
    """
    if size < 1:
        raise ValueError(f"n-grams have at least one word, not {size}")
    edges = np.zeros(len(starts), np.int64)
    short = np.diff(starts) if whole else np.zeros(len(starts) - 1, np.int64)
    np.cumsum(np.maximum(np.diff(starts) - (size - 1), np.minimum(short, 1)).clip(0), out=edges[1:])
    out = np.empty(int(edges[-1]), np.uint64)
    _roll(words, starts, edges, size, out)
    return out, edges


def polynomials(words: Hashes, size: int) -> Hashes:
    """The n-grams of one row before the finishing mix, in their order: enough to tell them apart."""
    out = np.zeros(max(0, len(words) - size + 1), np.uint64)
    for at in range(size):
        out *= BASE
        out += words[at : at + len(out)]
    return out


@kernel
def _pick_even(words: Hashes, starts: Offsets, out: Hashes, edges: Offsets) -> None:
    found = 0
    for row in range(len(starts) - 1):
        for at in range(starts[row], starts[row + 1]):
            # Written in any case, and kept if even: a jump that cannot be foretold costs more.
            word = words[at]
            out[found] = word
            found += 1 - np.int64(word & _ONE)  # type: ignore[assignment]
        edges[row + 1] = found


@kernel
def _roll(words: Hashes, starts: Offsets, edges: Offsets, size: int, out: Hashes) -> None:
    """Row i has edges[i + 1] - edges[i] n-grams; one where it is shorter than `size`, or none."""
    drop = _ONE  # takes the word that leaves out of the polynomial
    for _ in range(size):
        drop = drop * BASE
    for row in range(len(starts) - 1):
        first, end = starts[row], starts[row + 1]
        found = edges[row]
        if found == edges[row + 1]:
            continue
        value = np.uint64(0)
        head = min(first + size, end)
        for at in range(first, head):
            value = value * BASE + words[at]
        out[found] = mix64(value)
        for at in range(head, end):
            found += 1
            value = value * BASE + words[at] - words[at - size] * drop
            out[found] = mix64(value)
