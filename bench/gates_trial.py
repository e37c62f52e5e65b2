"""One trial of the gates: calibrate on one half of the documents, then judge buckets drawn from the other half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.facts.bands.calibrate import FALSE_ALARMS, MOST_OF_ALL, calibrate
from anchor_pipeline.facts.bands.documents import Documents, measure_documents
from anchor_pipeline.facts.bands.judge import Judged, Measured, judge, judge_together
from anchor_pipeline.facts.bands.model import Limits
from bench.gates_data import HUMAN, Text, share_of

Rows = NDArray[np.int64]
Score = Callable[[pa.Array], dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]
"""Texts to bits and units of each, by probe."""


@dataclass(frozen=True)
class Material:
    """The texts of one corpus, measured once; trials only draw from them."""

    domains: dict[str, Documents]
    origins: dict[str, NDArray[np.str_]]
    groups: dict[str, NDArray[np.str_]]


@dataclass(frozen=True)
class Trial:
    """What one bucket was, and what the bands said of it."""

    corpus: str
    origin: str
    """A model, or `human`."""
    share: float
    """Of its tokens that the model wrote."""
    tokens: int
    asked: int
    judged: tuple[Judged, ...]

    @property
    def alarm(self) -> bool:
        """Whether any rule fires."""
        return any(one.side for one in self.judged)


def prepare(texts: Sequence[Text], score: Score) -> Material:
    """Measure the texts of a corpus."""
    domains, origins, groups = {}, {}, {}
    for name in sorted({text.domain for text in texts}):
        own = [text for text in texts if text.domain == name]
        column = pa.array([text.text for text in own], pa.large_string())
        _, numbers = np.unique([text.group for text in own], return_inverse=True)
        domains[name] = measure_documents(column, numbers.astype(np.int64), score(column))
        origins[name] = np.array([text.origin for text in own])
        groups[name] = np.array([text.group for text in own])
    return Material(domains, origins, groups)


def trial(
    corpus: str, material: Material, number: int, sizes: Sequence[int], shares: Sequence[float], half_samples: int
) -> list[Trial]:
    """One split by hash; for each size one human bucket, and one of each model and share."""
    found = []
    calibration, report = _split(material, number)
    random = np.random.Generator(np.random.Philox(key=number))
    models = sorted({str(name) for every in material.origins.values() for name in every} - {HUMAN})
    limits: dict[tuple[str, int], Limits | None] = {}
    for asked in sizes:
        for model, share in [(HUMAN, 0.0), *((model, share) for model in models for share in shares)]:
            sizes_here = _sizes(material, calibration, report, model, share, asked)
            buckets = []
            for name, size in sizes_here.items():
                documents = material.domains[name]
                if (name, size) not in limits:
                    limits[name, size] = _calibrated(documents, calibration[name][HUMAN], size, number, half_samples)
                known = limits[name, size]
                if known is None:
                    continue
                order = _bucket(documents, report[name], model, share, size, random)
                if _held(documents, order) < size:
                    continue
                buckets.append(Measured(documents.measure(order, size), known))
            if not buckets:
                continue
            statistics = next(iter(material.domains.values())).statistics
            one = judge(statistics, buckets[0]) if len(buckets) == 1 else None
            judged = one or judge_together(statistics, buckets, FALSE_ALARMS)
            tokens = sum(bucket.limits.tokens for bucket in buckets)
            found.append(Trial(corpus, model, share, tokens, asked, tuple(judged)))
    return found


def _split(material: Material, number: int) -> tuple[dict[str, dict[str, Rows]], dict[str, dict[str, Rows]]]:
    """Rows by domain and origin: those to calibrate on, and those to report on."""
    halves: tuple[dict[str, dict[str, Rows]], dict[str, dict[str, Rows]]] = ({}, {})
    for name, groups in material.groups.items():
        second = np.array([share_of(str(group), f"half {number}") < 0.5 for group in groups])
        for half, chosen in zip(halves, (~second, second), strict=True):
            origins = material.origins[name]
            half[name] = {str(one): np.flatnonzero(chosen & (origins == one)) for one in np.unique(origins)}
    return halves


def _held(documents: Documents, rows: Rows | None) -> int:
    return 0 if rows is None else int((documents.starts[rows + 1] - documents.starts[rows]).sum())


def _sizes(
    material: Material, calibration: dict[str, dict[str, Rows]], report: dict[str, dict[str, Rows]],
    model: str, share: float, asked: int,
) -> dict[str, int]:  # fmt: skip
    """Tokens to draw from each domain: in proportion to what is there, at most what every part of a bucket has."""
    room = {}
    for name, documents in material.domains.items():
        own = report[name]
        human, written = (_held(documents, own.get(origin)) for origin in (HUMAN, model))
        most = human if model == HUMAN else written if share >= 1 else 0
        if 0 < share < 1 and human and written:
            # Of groups that the model's part uses up, the human texts are out of reach; a tenth is left for chance.
            paired = own[HUMAN][np.isin(documents.groups[own[HUMAN]], documents.groups[own[model]])]
            within = human / (1 - share + share * _held(documents, paired) / written)
            most = int(0.9 * min(within, written / share))
        # No band is made for larger buckets: a split that happened to have one would be judged, its others not.
        room[name] = min(int(MOST_OF_ALL * _held(documents, calibration[name].get(HUMAN))), most)
    total = sum(room.values())
    scale = min(1.0, asked / total) if total else 0.0
    # Rounded down to two digits, so that the same calibration serves several buckets.
    return {name: _rounded(int(most * scale)) for name, most in room.items() if most * scale >= 500}


def _rounded(number: int) -> int:
    step: int = 10 ** max(0, len(str(number)) - 2)
    return number - number % step


def _calibrated(documents: Documents, rows: Rows, size: int, seed: int, half_samples: int) -> Limits | None:
    limits = calibrate(_rows(documents, rows), seed, sizes=[size], half_samples=half_samples)
    return limits[0] if limits else None


def _rows(documents: Documents, rows: Rows) -> Documents:
    """Some of the documents, as if there were no others."""
    lengths = documents.starts[rows + 1] - documents.starts[rows]
    words = [documents.words[documents.starts[row] : documents.starts[row + 1]] for row in rows]
    return Documents(
        np.concatenate([*words, np.zeros(0, np.uint64)]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        documents.groups[rows],
        {name: values[rows] for name, values in documents.sums.items()},
        documents.statistics,
    )


def _bucket(
    documents: Documents, rows: dict[str, Rows], model: str, share: float, size: int, random: np.random.Generator
) -> Rows:
    """Whole documents in random order: the model's share first, then human ones of other groups."""
    human = random.permutation(rows.get(HUMAN, np.zeros(0, np.int64)))
    if model == HUMAN:
        return documents.draw(human, size)
    written = documents.draw(random.permutation(rows[model]), round(size * share))
    if share >= 1:
        return written
    # A rewrite beside its original would be found by what they share, and no mix need hold both.
    others = human[~np.isin(documents.groups[human], documents.groups[written])]
    both = np.concatenate([written, documents.draw(others, size - round(size * share))])
    return random.permutation(both)
