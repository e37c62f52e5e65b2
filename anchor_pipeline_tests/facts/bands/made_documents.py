"""Documents drawn from a known distribution, so that a false alarm is known to be one."""

from __future__ import annotations

import numpy as np

from anchor_pipeline.facts.bands.documents import Documents
from anchor_pipeline.facts.bands.statistics import RATIOS, SEQUENCE, bits_name

BITS = bits_name("p")


def made(seed: int, number: int, *, words: int = 90, bits: float = 9.0, spread: float = 0.8, mean: int = 900,
         letters: float = 4.5) -> Documents:  # fmt: skip
    """`number` documents of about `words` words, lengths and topics varying as they do in human text.

    `bits` and `spread` are of the cross-entropy between documents, `letters` of the length of words; a twentieth
    of the words of the vocabulary is `mean`.
    """
    random = np.random.default_rng(seed)
    lengths = np.maximum(5, random.lognormal(np.log(words), 0.6, number)).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    topic = np.repeat(random.integers(0, 40, number), lengths)
    # Zipf's law: the r-th most common word is used in proportion to 1 / r.
    rank = np.exp(random.random(starts[-1]) * np.log(20 * mean)).astype(np.int64)
    # A third of the words belong to the topic of their document, so that words are not independent.
    word = np.where(random.random(starts[-1]) < 0.3, rank * 64 + topic, rank * 64 + 63)
    hashes = (word.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFE)
    tokens = lengths.astype(np.float64)
    marks = random.binomial(lengths, random.beta(8, 60, number)).astype(np.float64)
    sums = {
        "tokens": tokens,
        "words": tokens - marks,
        "marks": marks,
        "letters": (tokens - marks) * random.normal(letters, 0.3, number),
        BITS: (tokens + 1) * random.normal(bits, spread, number),
        f"units/{BITS}": tokens + 1,
    }
    return Documents(hashes, starts, np.arange(number), sums, (BITS, *SEQUENCE, *RATIOS))


def bucket(documents: Documents, tokens: int) -> np.ndarray:
    """The statistics of the first so many tokens, the documents as they come."""
    return documents.measure(np.arange(len(documents)), tokens)
