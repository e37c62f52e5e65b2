"""How far sums of drawn tokens are from lawful: the potential that the repair lowers to zero.

It is the sum of all violations in tokens: a float, but zero exactly where every rule holds, since each violation is
decided by 64-bit integer products first (`layout.ratios` guards their range).

numba's cache does not see that repair.py was compiled against this file: after a change here, save that one too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anchor_pipeline.corpus.kernel import kernel

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

OVERSHOOT = 0.5
"""Weight of tokens above the target in the potential: room is made after floors are met."""


class Steps(NamedTuple):
    """The documents of every cell in draw order, and what rules see of the cells (positions as in Layout)."""

    first: Ints
    """Cell c holds documents first[c] to first[c + 1]."""
    sizes: Ints
    """Tokens of each document."""
    ends: Ints
    """Tokens of the cell up to and including each document."""
    repeat: Ints
    domain: Ints
    anchor: Bools
    fresh: Bools
    synthetic: Bools
    family: Ints
    generator: Ints


class Rules(NamedTuple):
    """The limits, as in layout.Ratios, and the rest of them as plain numbers."""

    low: Ints
    high: Ints
    anchor: Ints
    fresh: Ints
    synthetic: Ints
    family: Ints
    log_effective: float
    """log of min_effective, negative when off."""
    target: int
    modality: bool


class Sums(NamedTuple):
    """Tokens drawn so far: per domain and, last, of the stage; per family; per generator."""

    tokens: Ints
    anchor: Ints
    fresh: Ints
    synthetic: Ints
    family: Ints
    generator: Ints


@kernel
def sum_up(steps: Steps, drawn: Ints, domains: int, families: int, generators: int) -> Sums:
    """The sums of so many tokens per cell."""
    sums = Sums(
        np.zeros(domains + 1, np.int64),
        np.zeros(domains + 1, np.int64),
        np.zeros(domains + 1, np.int64),
        np.zeros(domains + 1, np.int64),
        np.zeros(families, np.int64),
        np.zeros(generators, np.int64),
    )
    for c in range(drawn.size):
        apply(steps, sums, c, drawn[c])
    return sums


@kernel
def apply(steps: Steps, sums: Sums, c: int, change: int) -> None:
    """Draw `change` tokens more of cell c, in place on the sums."""
    stage = sums.tokens.size - 1
    for scope in (steps.domain[c], stage):
        sums.tokens[scope] += change
        if steps.anchor[c]:
            sums.anchor[scope] += change
        if steps.fresh[c]:
            sums.fresh[scope] += change
        if steps.synthetic[c]:
            sums.synthetic[scope] += change
    if steps.synthetic[c]:
        sums.family[steps.family[c]] += change
        sums.generator[steps.generator[c]] += change


@kernel
def below(part: int, whole: int, ratio: Ints) -> float:
    """Tokens by which part is below ratio * whole."""
    return float(max(0, ratio[0] * whole - ratio[1] * part) / float(ratio[1]))


@kernel
def above(part: int, whole: int, ratio: Ints) -> float:
    """Tokens by which part is above ratio * whole."""
    return float(max(0, ratio[1] * part - ratio[0] * whole) / float(ratio[1]))


@kernel
def scope_cost(rules: Rules, scope: int, tokens: int, anchor: int, fresh: int, synthetic: int) -> float:
    """Violations of rules 1, 2 and 5 in one domain or the stage."""
    out: float = below(anchor, tokens, rules.anchor[scope])
    out += below(fresh, anchor, rules.fresh[scope])
    out += above(synthetic, tokens, rules.synthetic[scope])
    return out


@kernel
def weight_cost(rules: Rules, d: int, tokens: int, total: int) -> float:
    """Violation of a domain's declared weight."""
    low: float = below(tokens, total, rules.low[d])
    high: float = above(tokens, total, rules.high[d])
    return low + high


@kernel
def diversity_cost(rules: Rules, sums: Sums, family: int, generator: int, change: int) -> float:
    """Violation of rule 6 with `change` tokens more of one family and generator (-1: none)."""
    total = sums.synthetic[-1] + (change if family >= 0 else 0)
    if total <= 0:
        return 0.0
    cost = 0.0
    if rules.family[0] < rules.family[1]:
        for f in range(sums.family.size):
            cost += above(sums.family[f] + (change if f == family else 0), total, rules.family)
    if rules.log_effective > 0.0:
        entropy = 0.0
        for g in range(sums.generator.size):
            n = sums.generator[g] + (change if g == generator else 0)
            if n > 0:
                entropy -= n / total * np.log(n / total)
        # Relative slack of 1e-9 as in judge.ENTROPY_SLACK; half of it, for sums in another order.
        short = rules.log_effective - 5e-10 - entropy
        if short > 0.0:
            cost += max(1e-3, total * short / rules.log_effective)
    return cost


@kernel
def cost(rules: Rules, sums: Sums) -> float:
    """The potential: 0 exactly where every rule but the minimum holds."""
    stage = sums.tokens.size - 1
    total = sums.tokens[stage]
    out: float = OVERSHOOT * max(0, total - rules.target) + diversity_cost(rules, sums, -1, -1, 0)
    if rules.modality and sums.anchor[stage] < 1:
        out += 1.0
    for scope in range(stage + 1):
        out += scope_cost(
            rules, scope, sums.tokens[scope], sums.anchor[scope], sums.fresh[scope], sums.synthetic[scope]
        )
        if scope < stage:
            out += weight_cost(rules, scope, sums.tokens[scope], total)
    return out
