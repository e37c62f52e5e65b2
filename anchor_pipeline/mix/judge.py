"""Which limits a drawing of tokens violates, decided in integers.

The judge of every plan and choice. It shares no code with the planner or the repair, so that a mistake there
cannot hide here. Floors round up and caps round down: a floor of 15 % of 101 tokens asks for 16.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.cells import Cell, Limits, Scope

Violation = tuple[str, Scope, int]
"""Rule, domain (None: the stage), by how many tokens (with the other side of the ratio as it stands)."""

ENTROPY_SLACK = 1e-9
"""Relative slack of `min_effective`, a transcendental number that floats hold to about 1e-15."""


def violations(cells: Sequence[Cell], limits: Limits, drawn: Sequence[int] | npt.NDArray[np.int64]) -> list[Violation]:
    """Every limit that `drawn` (tokens per cell, in the order of `cells`) violates; empty when it is lawful."""
    if len(drawn) != len(cells):
        raise ValueError(f"{len(drawn)} drawn counts for {len(cells)} cells; expected one each")
    counts = np.asarray(drawn, dtype=np.int64).tolist()
    taken = [(cell, n) for cell, n in zip(cells, counts, strict=True) if n != 0]
    found: list[Violation] = [
        ("availability", cell.domain, n - cell.capacity if n > 0 else -n)
        for cell, n in taken
        if n < 0 or n > cell.capacity
    ]
    all_, anchor, fresh, synthetic = (_by_scope(taken, which) for which in range(4))
    total = all_[None]
    if total > limits.target:
        found.append(("target", None, total - limits.target))
    if total < limits.minimum:
        found.append(("min_tokens", None, limits.minimum - total))
    for domain in sorted(set(all_) - {None}, key=str):
        if domain not in limits.weights and all_[domain]:
            found.append(("domain_weights", domain, all_[domain]))
    for domain, weight in sorted(limits.weights.items()):
        found += _floor("domain_weights", domain, all_[domain], weight - limits.tolerance, total)
        found += _cap("domain_weights", domain, all_[domain], weight + limits.tolerance, total)
    for scope, ratio in _ordered(limits.anchor_share.items()):
        found += _floor("anchor_share", scope, anchor[scope], ratio, all_[scope])
    for scope, ratio in _ordered(limits.anchor_freshness.items()):
        found += _floor("anchor_freshness", scope, fresh[scope], ratio, anchor[scope])
    if limits.anchor_modality and anchor[None] < 1:
        found.append(("anchor_modality", None, 1))
    for scope, ratio in _ordered(limits.synthetic_share.items()):
        found += _cap("synthetic_share", scope, synthetic[scope], ratio, all_[scope])
    return found + _diversity(taken, limits)


def effective_number(tokens: Iterable[int]) -> float:
    """Effective number of generators: exp of the Shannon entropy (Hill number of order 1); 0 if none has tokens."""
    counts = sorted(n for n in tokens if n > 0)
    total = sum(counts)
    return math.exp(-math.fsum(n / total * math.log(n / total) for n in counts)) if total else 0.0


def _by_scope(taken: list[tuple[Cell, int]], which: int) -> defaultdict[Scope, int]:
    sums: defaultdict[Scope, int] = defaultdict(int)
    for cell, n in taken:
        if (True, cell.anchor, cell.anchor and cell.fresh, cell.synthetic)[which]:
            sums[cell.domain] += n
            sums[None] += n
    return sums


def _diversity(taken: list[tuple[Cell, int]], limits: Limits) -> list[Violation]:
    families: defaultdict[str, int] = defaultdict(int)
    generators: defaultdict[str, int] = defaultdict(int)
    for cell, n in taken:
        if cell.synthetic:
            families[cell.family or ""] += n
            generators[cell.generator or ""] += n
    total = sum(families.values())
    if total <= 0:
        return []
    if limits.max_family_share is not None:
        worst = max(families.values())
        found = _cap("generator_diversity", None, worst, limits.max_family_share, total)
        if found:
            return found
    wanted = limits.min_effective
    if wanted is not None and wanted > 0 and effective_number(generators.values()) < wanted * (1 - ENTROPY_SLACK):
        return [("generator_diversity", None, max(1, total - max(generators.values())))]
    return []


def _floor(rule: str, scope: Scope, part: int, ratio: Fraction, whole: int) -> list[Violation]:
    short = -(-ratio.numerator * whole // ratio.denominator) - part
    return [(rule, scope, short)] if short > 0 else []


def _cap(rule: str, scope: Scope, part: int, ratio: Fraction, whole: int) -> list[Violation]:
    over = part - ratio.numerator * whole // ratio.denominator
    return [(rule, scope, over)] if over > 0 else []


def _ordered(items: Iterable[tuple[Scope, Fraction]]) -> list[tuple[Scope, Fraction]]:
    return sorted(items, key=lambda item: (item[0] is not None, item[0] or ""))
