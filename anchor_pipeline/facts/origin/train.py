"""Training an origin detector: fits on folds of source documents, calibration and figures from what each left out.

No text is scored by a fit that saw its source document, a rewrite of it or a near-duplicate (groups.py). The log-odds
are calibrated on those scores (Platt 1999, with the length of the text as a second term), what prevalence.py must know
of the detector's errors is taken from them, and the detector itself is then fitted on everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.strings import buffers_of
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.origin.figures import auroc, detected_at
from anchor_pipeline.facts.origin.fit import Floats, Labels, features_of, fit_linear, frequent_words
from anchor_pipeline.facts.origin.groups import Groups, group_texts
from anchor_pipeline.facts.origin.model import FORMAT, LEAST_OF_DOMAIN, Card, Part, files_of, proper_counts
from anchor_pipeline.facts.origin.prevalence import scale_of
from anchor_pipeline.facts.words import hash_words

FOLDS = 5
LEAST_TEXTS = 200
"""Texts of each side below which no detector is trained: its false alarms could not be known to 1 %."""

LENGTHS = (0, 10, 25, 50, 100, 200)
"""Words proper at which the card's length bands begin."""

_LEAST_FIGURE, _LEAST_AUROC = 20, 0.75

_BLIND = (
    "generators other than those seen: how well they are detected is not known",
    "continuations of human text by base models, unless such texts are among those seen: measured elsewhere, detection"
    " was no better than chance for detectors trained on chat models",
    "text of the model that people or programs have rewritten since",
)


@dataclass(frozen=True)
class Samples:
    """What a detector is trained on, one entry per text."""

    texts: Any
    """Arrow strings."""
    ours: Labels
    """Written by the model that is to be detected."""
    generators: Sequence[str | None]
    """Name of the generator; None: a person."""
    sources: Sequence[str]
    """Key of the source document: the same for a text and its rewrites."""
    domains: Sequence[str]


@dataclass(frozen=True)
class Prepared:
    """Samples as numbers; copies of human texts are left out."""

    matrix: Any
    frequent: NDArray[np.uint8]
    ours: Labels
    human: Labels
    generators: NDArray[Any]
    domains: NDArray[Any]
    groups: Groups
    lengths: NDArray[np.int64]
    """Words proper."""
    copies: int

    def part(self, scores: Floats, chosen: Labels) -> Part:
        """Figures of some texts."""
        human, ours = scores[chosen & self.human], scores[chosen & self.ours]
        if min(len(human), len(ours)) < _LEAST_FIGURE:
            return Part(human=len(human), ours=len(ours))
        found = auroc(human, ours), detected_at(human, ours)
        return Part(human=len(human), ours=len(ours), auroc=round(found[0], 4), detected=round(found[1], 4))


def prepare(samples: Samples) -> Prepared:
    """Features and groups of the texts."""
    data, offsets = buffers_of(samples.texts)
    words, starts = hash_words(data, offsets)
    generators = np.array([name or "" for name in samples.generators], dtype=object)
    groups, copies = group_texts(samples.sources, generators == "", words, starts)
    kept = np.flatnonzero(~copies)
    frequent = frequent_words(words, starts, kept)
    matrix = features_of(data, offsets, words, starts, frequent)[kept]
    ours = np.asarray(samples.ours, np.bool_)[kept]
    domains = np.array(samples.domains, dtype=object)[kept]
    left_out, lengths = len(generators) - len(kept), proper_counts(words, starts)[kept]
    generators = generators[kept]
    return Prepared(matrix, frequent, ours, generators == "", generators, domains, groups[kept], lengths, left_out)


def held_out_scores(prepared: Prepared, held: NDArray[Any], rows: Labels | None = None) -> Floats:
    """Linear scores of every text by a fit on texts of other values of `held`, and of other groups.

    `rows`: the texts that fits may learn from; all by default. NaN where a fit lacked one of the classes.
    """
    scores = np.full(len(prepared.ours), np.nan)
    for value in sorted(set(held.tolist())):
        out = held == value
        learn = ~out & ~np.isin(prepared.groups, prepared.groups[out])
        if rows is not None:
            learn &= rows
        if prepared.ours[learn].any() and not prepared.ours[learn].all():
            model = fit_linear(prepared.matrix[learn], prepared.ours[learn])
            scores[out] = model.scores(prepared.matrix[out])
    return scores


def folds_of(keys: Sequence[Any] | NDArray[Any], folds: int = FOLDS) -> NDArray[np.int64]:
    """A fold for each key, the same for the same key, evenly over the different keys in the order of their hash."""
    different = sorted({str(key) for key in keys}, key=lambda key: hashlib.sha256(f"fold {key}".encode()).digest())
    number = {key: place % folds for place, key in enumerate(different)}
    return np.array([number[str(key)] for key in keys], np.int64)


def train_detector(samples: Samples, name: str, training: Mapping[str, str]) -> dict[str, bytes]:
    """The files of a detector (model.py). `training` names what it was trained on, by digest.

    Raises UsageError where there are too few texts, or they cannot be told apart.
    """
    prepared = prepare(samples)
    _check(prepared)
    scores = held_out_scores(prepared, folds_of(prepared.groups))
    if np.isnan(scores).any():
        raise UsageError("the texts come from too few source documents to hold some of them out; give more")
    calibration = calibrate(scores, prepared)
    odds = calibration[0] + calibration[1] * scores + calibration[2] * np.log1p(prepared.lengths)
    lengths = _by_length(prepared, odds)
    shortest = _shortest(lengths)
    card = _card(prepared, odds, shortest, lengths, name, training)
    final = fit_linear(prepared.matrix, prepared.ours)
    bias = calibration[0] + calibration[1] * final.bias
    return files_of(
        final.weights,
        prepared.frequent,
        card.model_copy(update={"bias": bias, "slope": calibration[1] * final.step, "per_log_word": calibration[2]}),
    )


def _check(prepared: Prepared) -> None:
    for what, count in (("of the model", prepared.ours.sum()), ("by people", prepared.human.sum())):
        if count < LEAST_TEXTS:
            raise UsageError(f"only {count} texts {what} (copies not counted), a detector needs {LEAST_TEXTS}")


def calibrate(scores: Floats, prepared: Prepared, rows: Labels | None = None) -> tuple[float, float, float]:
    """Constant, slope of the score, and what ln(1 + words) adds; competitors are left out, and what is not of `rows`.

    UsageError where the scores say nothing.
    """
    from sklearn.linear_model import LogisticRegression

    used = (prepared.ours | prepared.human) & (True if rows is None else rows)
    terms = np.column_stack([scores, np.log1p(prepared.lengths)])[used]
    fitted = LogisticRegression(C=1e6, class_weight="balanced", max_iter=1000).fit(terms, prepared.ours[used])
    slope, per_word = (round(float(value), 6) for value in fitted.coef_[0])
    if slope <= 0:
        raise UsageError("the texts of the model cannot be told from the others; no detector comes of them")
    return round(float(fitted.intercept_[0]), 6), slope, per_word


def _by_length(prepared: Prepared, odds: Floats) -> dict[str, Part]:
    found = {}
    for first, end in zip(LENGTHS, (*LENGTHS[1:], None), strict=True):
        chosen = prepared.lengths >= first
        if end is not None:
            chosen &= prepared.lengths < end
        found[f"{first}-{end}" if end else f"{first}+"] = prepared.part(odds, chosen)
    return found


def _shortest(lengths: Mapping[str, Part]) -> int:
    """Where the bands begin from which on the detector was seen to work."""
    shortest: int | None = None
    for first, part in reversed(list(zip(LENGTHS, lengths.values(), strict=True))):
        if part.auroc is None and shortest is None:
            continue
        if part.auroc is None or part.auroc < _LEAST_AUROC:
            break
        shortest = first
    if shortest is None:
        raise UsageError("at no length can the texts of the model be told from human ones; no detector comes of them")
    # A text of few words gives no evidence, whatever the figures of a corpus say.
    return max(shortest, LENGTHS[1])


def _scales(prepared: Prepared, odds: Floats, judged: Labels) -> dict[str, float]:
    """Scale of the likelihood ratios in each domain with enough human texts."""
    found = {}
    for domain in sorted(set(prepared.domains.tolist())):
        human = odds[judged & prepared.human & (prepared.domains == domain)]
        if len(human) >= LEAST_OF_DOMAIN:
            found[domain] = round(scale_of(human), 6)
    return found


def _card(
    prepared: Prepared, odds: Floats, shortest: int, lengths: dict[str, Part], name: str, training: Mapping[str, str]
) -> Card:
    from anchor_pipeline import __version__

    judged = prepared.lengths >= shortest
    seen = sorted(set(prepared.generators[prepared.ours].tolist()))
    competitors = sorted(set(prepared.generators[~prepared.ours & ~prepared.human].tolist()))
    return Card(
        format=FORMAT,
        name=name,
        seen=tuple(seen),
        competitors=tuple(competitors),
        blind=(f"texts of fewer than {shortest} words", *_BLIND),
        shortest=shortest,
        bias=0.0,
        slope=1.0,
        per_log_word=0.0,
        scale=round(scale_of(odds[judged & prepared.human]), 6),
        scales=_scales(prepared, odds, judged),
        all=prepared.part(odds, judged),
        lengths=lengths,
        domains={
            domain: prepared.part(odds, judged & (prepared.domains == domain))
            for domain in sorted(set(prepared.domains.tolist()))
        },
        unseen_domains=_unseen_domains(prepared, judged),
        unseen_generators=_unseen_generators(prepared, seen, judged),
        human_texts=int(prepared.human.sum()),
        competitor_texts=int((~prepared.ours & ~prepared.human).sum()),
        our_texts=int(prepared.ours.sum()),
        copies_left_out=prepared.copies,
        training=dict(sorted(training.items())),
        code=__version__,
    )


def _unseen_domains(prepared: Prepared, judged: Labels) -> Part | None:
    if len(set(prepared.domains.tolist())) < 2:
        return None
    scores = held_out_scores(prepared, folds_of(prepared.domains))
    return prepared.part(scores, judged & ~np.isnan(scores))


def _unseen_generators(prepared: Prepared, seen: Sequence[str], judged: Labels) -> dict[str, Part]:
    """Folds of source documents once more, without the texts of one generator; only where there are others."""
    found = {}
    for generator in seen if len(seen) > 1 else ():
        mine = prepared.generators == generator
        scores = held_out_scores(prepared, folds_of(prepared.groups, 2), rows=~mine)
        found[generator] = prepared.part(scores, judged & (mine | prepared.human) & ~np.isnan(scores))
    return found
