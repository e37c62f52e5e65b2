"""A frozen origin detector: weights, table of frequent words, and its card. Kept in the register as kind `origin`.

weights.bin    one signed byte per slot (a power of two of them), in steps that the card's slope takes into account
frequent.bin   2^16 bits, the first in the lowest bit of a byte: whether a word is kept when rare ones are masked
card.json      how to read the score, how well it does, and what it was trained on
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from anchor_pipeline.corpus.register import read_model
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.origin.features import FREQUENT_BITS, Frequent
from anchor_pipeline.facts.origin.score import Weights, linear_scores
from anchor_pipeline.facts.words import Hashes

FORMAT = 2


LEAST_OF_DOMAIN = 100
"""Held-out human texts from which on a domain has a scale of its own."""


class Part(BaseModel):
    """How well a detector does on some of the held-out texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    human: int
    """Human texts."""
    ours: int
    """Texts of the model."""
    auroc: float | None = None
    """None where there are too few of either."""
    detected: float | None = None
    """Share of the model's texts detected at 1 % false alarms within the part."""


class Card(BaseModel):
    """What a detector is, in numbers and words. Every figure is of texts that the fit has not seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    name: str
    seen: tuple[str, ...]
    """Generators whose texts were to be detected."""
    competitors: tuple[str, ...]
    """Generators whose texts were not to be detected."""
    blind: tuple[str, ...]
    """What the detector has not seen or cannot see."""
    shortest: int
    """Words proper below which a text is not judged."""
    bias: float
    slope: float
    per_log_word: float
    """log-odds = bias + slope × linear score (score.py, in steps) + per_log_word × ln(1 + words proper)."""
    scale: float
    """Likelihood ratios are exp(log-odds) times this (prevalence.py)."""
    scales: dict[str, float]
    """The same by domain, where enough human texts of the domain were held out to tell."""
    all: Part
    lengths: dict[str, Part]
    """By words proper: `25-50` is 25 to 49."""
    domains: dict[str, Part]
    """By domain, on texts of source documents that were not trained on."""
    unseen_domains: Part | None
    """Every text scored by a fit that saw nothing of its domain; None where there is but one."""
    unseen_generators: dict[str, Part]
    """Each generator by a fit that saw none of its texts."""
    human_texts: int
    competitor_texts: int
    our_texts: int
    copies_left_out: int
    """Human near-duplicates of other texts, left out of fit and figures."""
    training: dict[str, str]
    """Digest of the snapshot of each source, or of the texts."""
    code: str
    """Version of this package."""


@dataclass(frozen=True)
class Detector:
    """A detector, ready to score."""

    digest: str
    weights: Weights
    frequent: Frequent
    card: Card

    def scale(self, domain: str | None) -> tuple[float, int]:
        """The scale of likelihood ratios in a domain, and how many held-out human texts it rests on."""
        card = self.card
        if domain is not None and domain in card.scales:
            return card.scales[domain], card.domains[domain].human
        return card.scale, card.all.human

    def score(
        self, data: Bytes, offsets: Offsets, words: Hashes, starts: Offsets
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(log-odds that the model wrote it, whether it is long enough to be judged) of each text."""
        proper = proper_counts(words, starts)
        linear = linear_scores(data, offsets, words, starts, self.frequent, self.weights)
        card = self.card
        scores = card.bias + card.slope * linear.astype(np.float64) + card.per_log_word * np.log1p(proper)
        return scores.astype(np.float32), proper >= card.shortest


def proper_counts(words: Hashes, starts: Offsets) -> NDArray[np.int64]:
    """How many words proper each text has."""
    even = np.concatenate([[0], np.cumsum((words & np.uint64(1)) == 0)])
    counts: NDArray[np.int64] = (even[starts[1:]] - even[starts[:-1]]).astype(np.int64)
    return counts


def files_of(weights: Weights, frequent: Frequent, card: Card) -> dict[str, bytes]:
    """The files of a detector, as `corpus.register.keep_model` takes them."""
    return {
        "weights.bin": weights.astype(np.int8).tobytes(),
        "frequent.bin": frequent.tobytes(),
        "card.json": (card.model_dump_json(indent=1) + "\n").encode(),
    }


def detector_of(files: dict[str, bytes], digest: str) -> Detector:
    """A detector from its files; DamagedData if they are not those of one."""
    try:
        card = Card.model_validate_json(files["card.json"])
        weights = np.frombuffer(files["weights.bin"], np.int8)
        frequent = np.frombuffer(files["frequent.bin"], np.uint8)
    except (KeyError, ValueError, ValidationError):
        raise DamagedData(f"origin {digest[:12]} is not a detector; put it back from a copy") from None
    slots = len(weights)
    if card.format != FORMAT or slots < 2 or slots & (slots - 1) or 8 * len(frequent) != 1 << FREQUENT_BITS:
        raise DamagedData(f"origin {digest[:12]} has a format that is not known here; use the version that made it")
    return Detector(digest, weights, frequent, card)


def open_detector(store: Store, digest: str) -> Detector:
    """The detector of a digest, kept open while it is in use. DamagedData if it is missing or damaged."""
    return _opened(store.address_of("."), digest)


@lru_cache(maxsize=4)
def _opened(address: str, digest: str) -> Detector:
    return detector_of(read_model(Store.at(address), "origin", digest), digest)
