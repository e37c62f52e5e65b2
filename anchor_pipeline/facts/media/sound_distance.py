"""How far two fingerprints of sounds are apart: the bit error rate of their most similar stretches.

Haitsma, Kalker (ISMIR 2002), sections 4.1 and 4.3: blocks of 256 words (3 s) match when at most 35 % of their bits
differ. Between unrelated sounds the rate is normal with mean 1/2 and, as the bits of neighbouring frames hang
together, a standard deviation of 3 / (2 √n) for n bits: 35 % of 8,192 bits are 9 deviations below 1/2. Sounds shorter
than a block are compared by nine tenths of the shorter, so that a copy may lose a little at its ends; and as fewer
words are weaker evidence, they match at as many deviations below 1/2, which is a lower rate.
"""

from __future__ import annotations

import math

import numpy as np

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.media.hamming import popcount
from anchor_pipeline.facts.media.sound_print import Print

BLOCK = 256
"""Words compared at once: 3 s."""
PART = 0.9
"""Of the shorter sound, where that is shorter than a block."""
SAME = 0.05
"""At this rate two sounds match however short: in the shortest fingerprints (16 words) still 6 deviations."""


@kernel
def stretch(shorter: int) -> int:
    """How many words of two sounds are compared, given the number of words of the shorter."""
    return min(BLOCK, math.ceil(PART * shorter))


@kernel
def limit(words: int, declared: float) -> float:
    """The bit error rate up to which a stretch of that many words matches; `declared` holds for a whole block."""
    return max(min(SAME, declared), 0.5 - (0.5 - declared) * math.sqrt(BLOCK / words))


@kernel
def differing(one: int, other: int) -> int:
    """Differing bits of two words; a word of silence (0) counts as 16 of 32, neither alike nor unlike."""
    return 16 if one == 0 or other == 0 else popcount(np.uint64(one ^ other))


@kernel
def errors_along(one: Print, other: Print, lag: int, length: int, best: int) -> int:
    """Fewest differing bits of `length` words in a row, one[i] standing beside other[i + lag]; at most `best`."""
    first, last = max(0, -lag), min(len(one), len(other) - lag)
    wrong = 0
    for at in range(first, last):
        wrong += differing(one[at], other[at + lag])
        if at - first >= length:
            wrong -= differing(one[at - length], other[at - length + lag])
        if at - first >= length - 1 and wrong < best:
            best = wrong
    return best


@kernel
def fewest_errors(one: Print, other: Print, length: int) -> int:
    """Fewest differing bits of a stretch of `length` words, at whatever offset."""
    best = 32 * length
    for lag in range(length - len(one), len(other) - length + 1):
        best = errors_along(one, other, lag, length, best)
    return best


def distance(one: Print, other: Print) -> tuple[float, int]:
    """(bit error rate of the most similar stretches of two sounds, words compared)."""
    length = int(stretch(min(len(one), len(other))))
    return int(fewest_errors(one, other, length)) / (32 * length), length
