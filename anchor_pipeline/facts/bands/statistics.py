"""The statistics of a bucket that have bands: what they measure, and what it means to lie outside.

| name | formula, over a bucket of n tokens | rule |
|---|---|---|
| bits:<probe> | sum of -log2 p of its documents / units predicted | 8 |
| entropy_1 | Shannon entropy of its words and marks, bits | 10 |
| distinct_2, distinct_3 | different word pairs (triples) / all of them (Li et al. 2016) | 10 |
| word_length | characters in words / words | 10 |
| marks | punctuation marks and symbols / tokens | 10 |
| profile | Mahalanobis distance of all of the above from their centre | 10 |

Li, Galley, Brockett, Gao, Dolan: A Diversity-Promoting Objective Function for Neural Conversation Models, NAACL 2016.
The last three were added because they earned their place on documents that no reported number rests on; docs/gates.md.
"""

from __future__ import annotations

from dataclasses import dataclass

PROFILE = "profile"
_BITS = "bits:"


@dataclass(frozen=True)
class Meaning:
    """How a statistic is called, and what its two sides mean."""

    title: str
    unit: str
    below: str
    above: str


_MEANINGS = {
    "entropy_1": Meaning(
        "unigram entropy", "bits", "the vocabulary is narrower than that of human text",
        "the vocabulary is wider than that of human text",
    ),
    "distinct_2": Meaning(
        "share of distinct word pairs", "", "the same pairs of words recur more than in human text",
        "pairs of words recur less than people repeat themselves",
    ),
    "distinct_3": Meaning(
        "share of distinct word triples", "", "the same phrases recur more than in human text",
        "phrases recur less than people repeat themselves",
    ),
    "word_length": Meaning(
        "characters per word", "characters", "words are shorter than in human text",
        "words are longer than in human text",
    ),
    "marks": Meaning(
        "share of punctuation marks", "", "there is less punctuation than in human text",
        "there is more punctuation than in human text",
    ),
    PROFILE: Meaning(
        "distance of all statistics together", "standard deviations", "",
        "the statistics do not go together as they do in human text",
    ),
}  # fmt: skip

SEQUENCE = ("entropy_1", "distinct_2", "distinct_3")
"""Those that depend on the size of the bucket, and are counted over its words."""

SHARES = frozenset(("distinct_2", "distinct_3", "marks"))
"""Those that are a share, and never exceed 1."""

RATIOS = {"word_length": ("letters", "words"), "marks": ("marks", "tokens")}
"""Those that are a sum over documents by another."""


def bits_name(probe: str) -> str:
    """The statistic of a probe, by the digest of the probe."""
    return _BITS + probe


def probe_in(statistic: str) -> str | None:
    """The digest of the probe that a statistic is about, if it is about one."""
    return statistic.removeprefix(_BITS) if statistic.startswith(_BITS) else None


def possible(statistic: str, low: float, high: float) -> tuple[float, float]:
    """The part of a band that the statistic can reach: none is below 0, and no share above 1."""
    return max(0.0, low), min(1.0, high) if statistic in SHARES else high


def meaning_of(statistic: str, unit: str = "word", probe: str = "") -> Meaning:
    """How to speak of a statistic; `unit` and `probe` are those of its probe, if it has one."""
    if probe_in(statistic) is None:
        return _MEANINGS[statistic]
    return Meaning(
        f"cross-entropy under probe {probe or statistic.removeprefix(_BITS)[:12]}", f"bits per {unit}",
        "the text is more predictable than human text", "the text is stranger than human text",
    )  # fmt: skip
