"""Compiled kernels that turn wanted tokens into whole documents without violating a limit.

A move adds or removes the next document of one cell. Each move must lower the potential (see potential.py), so
the repair ends; it is lawful exactly where the potential is zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.mix.potential import (
    OVERSHOOT,
    Rules,
    Steps,
    Sums,
    apply,
    cost,
    diversity_cost,
    scope_cost,
    sum_up,
    weight_cost,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SIZE_PENALTY = 0.02
"""Between moves of equal merit the smaller document wins: a large one distorts the plan."""


@kernel
def drawn_tokens(steps: Steps, taken: Ints) -> Ints:
    """Tokens per cell when `taken` steps of each are drawn; a step is a document of a pass."""
    out = np.zeros(taken.size, np.int64)
    for c in range(taken.size):
        n = steps.first[c + 1] - steps.first[c]
        if n == 0 or taken[c] == 0:
            continue
        passes, rest = taken[c] // n, taken[c] % n
        out[c] = passes * steps.ends[steps.first[c + 1] - 1]
        if rest:
            out[c] += steps.ends[steps.first[c] + rest - 1]
    return out


@kernel
def round_groups(steps: Steps, wanted: Ints, group: Ints) -> Ints:
    """Whole documents near the wanted tokens: anchors up, all others down.

    Cells of one group (equal, adjacent `group` numbers) pass on what rounding left over, so that the error of
    a group of any number of cells stays below one document.
    """
    taken = np.zeros(wanted.size, np.int64)
    carry = np.int64(0)
    for c in range(wanted.size):
        if c > 0 and group[c] != group[c - 1]:
            carry = np.int64(0)
        lo, hi = steps.first[c], steps.first[c + 1]
        want = wanted[c] + carry
        carry = want
        if hi == lo or want <= 0 or steps.ends[hi - 1] == 0:
            continue
        whole = steps.ends[hi - 1]
        passes = want // whole
        if passes >= steps.repeat[c]:
            taken[c] = (hi - lo) * steps.repeat[c]
            carry -= whole * steps.repeat[c]
            continue
        rest = want - passes * whole
        if steps.anchor[c]:
            extra = np.searchsorted(steps.ends[lo:hi], rest, side="left") + 1 if rest > 0 else 0
        else:
            extra = np.searchsorted(steps.ends[lo:hi], rest, side="right")
        taken[c] = passes * (hi - lo) + extra
        carry -= passes * whole + (steps.ends[lo + extra - 1] if extra > 0 else 0)
    return taken


@kernel
def _step_size(steps: Steps, taken: Ints, c: int, add: bool) -> int:
    """Tokens of the next document to add to a cell, or to take from it; -1 when there is none."""
    n = steps.first[c + 1] - steps.first[c]
    if n == 0 or (add and taken[c] >= n * steps.repeat[c]) or (not add and taken[c] == 0):
        return -1
    return int(steps.sizes[steps.first[c] + (taken[c] if add else taken[c] - 1) % n])


class Bends(NamedTuple):
    """The domain-weight violations as a function of the mix's total: convex, piecewise linear, with prefix sums.

    With it a move costs O(log domains) to weigh, though it shifts the share of every domain.
    """

    low: Floats
    low_slope: Floats
    low_value: Floats
    high: Floats
    high_slope: Floats
    high_value: Floats


@kernel
def _sort_pairs(key: Floats, value: Floats) -> None:
    """Sort both by key, in place (Shell 1959): numba's own argsort takes seconds to compile."""
    gap = key.size // 2
    while gap > 0:
        for i in range(gap, key.size):
            k, v, j = key[i], value[i], i
            while j >= gap and key[j - gap] > k:
                key[j], value[j] = key[j - gap], value[j - gap]
                j -= gap
            key[j], value[j] = k, v
        gap //= 2


@kernel
def _one_side(tokens: Ints, ratio: Ints) -> tuple[Floats, Floats, Floats]:
    n = tokens.size - 1
    at, slope = np.empty(n, np.float64), np.empty(n, np.float64)
    for d in range(n):
        slope[d] = ratio[d, 0] / ratio[d, 1]
        at[d] = tokens[d] / slope[d] if ratio[d, 0] > 0 else np.inf
    _sort_pairs(at, slope)
    slopes, values = np.zeros(n + 1), np.zeros(n + 1)
    for i in range(n):
        slopes[i + 1] = slopes[i] + slope[i]
        values[i + 1] = values[i] + (slope[i] * at[i] if slope[i] > 0 else 0.0)
    return at, slopes, values


@kernel
def _all_weights(bends: Bends, total: int) -> float:
    i = np.searchsorted(bends.low, float(total))
    under = bends.low_slope[i] * total - bends.low_value[i]
    j = np.searchsorted(bends.high, float(total))
    over = (bends.high_value[-1] - bends.high_value[j]) - (bends.high_slope[-1] - bends.high_slope[j]) * total
    return float(under + over)


@kernel
def repair(steps: Steps, rules: Rules, taken: Ints, generators: int, families: int, most_moves: int) -> float:
    """Steepest descent on the potential, in place on `taken`; returns what is left of it (0.0: lawful)."""
    domains = rules.low.shape[0]
    sums = sum_up(steps, drawn_tokens(steps, taken), domains, families, generators)
    now: float = cost(rules, sums)
    for _ in range(most_moves):
        if now == 0.0:
            break
        c, add = _best_move(steps, rules, taken, sums, now)
        if c < 0:
            break
        size = _step_size(steps, taken, c, add)
        apply(steps, sums, c, size if add else -size)
        after = cost(rules, sums)
        if after >= now:  # the move was ranked with rounding errors; undo it and stop
            apply(steps, sums, c, -size if add else size)
            break
        taken[c] += 1 if add else -1
        now = after
    return now


@kernel
def _best_move(steps: Steps, rules: Rules, taken: Ints, sums: Sums, now: float) -> tuple[int, bool]:
    """The move that lowers the potential most, smaller documents preferred; (-1, False) if none does."""
    stage = sums.tokens.size - 1
    total = sums.tokens[stage]
    bends = Bends(*_one_side(sums.tokens, rules.low), *_one_side(sums.tokens, rules.high))
    stage_now = OVERSHOOT * max(0, total - rules.target) + diversity_cost(rules, sums, -1, -1, 0)
    stage_now += 1.0 if rules.modality and sums.anchor[stage] < 1 else 0.0
    plain_diversity = diversity_cost(rules, sums, -1, -1, 0)
    scope_now = np.empty(stage + 1)
    for s in range(stage + 1):
        scope_now[s] = scope_cost(rules, s, sums.tokens[s], sums.anchor[s], sums.fresh[s], sums.synthetic[s])
    weights_now = _all_weights(bends, total)
    epsilon = 1e-9 + 1e-13 * total
    best, best_cell, best_add = np.inf, -1, False
    for c in range(taken.size):
        d = steps.domain[c]
        for add in (True, False):
            size = _step_size(steps, taken, c, add)
            if size < 0:
                continue
            by = size if add else -size
            a, f = (by if steps.anchor[c] else 0), (by if steps.fresh[c] else 0)
            y = by if steps.synthetic[c] else 0
            change = _all_weights(bends, total + by) - weights_now
            change += weight_cost(rules, d, sums.tokens[d] + by, total + by)
            change -= weight_cost(rules, d, sums.tokens[d], total + by)
            for s in (d, stage):
                change += scope_cost(
                    rules, s, sums.tokens[s] + by, sums.anchor[s] + a, sums.fresh[s] + f, sums.synthetic[s] + y
                )
                change -= scope_now[s]
            after = OVERSHOOT * max(0, total + by - rules.target)
            after += 1.0 if rules.modality and sums.anchor[stage] + a < 1 else 0.0
            after += diversity_cost(rules, sums, steps.family[c], steps.generator[c], by) if y else plain_diversity
            change += after - stage_now
            if change < -epsilon and change + SIZE_PENALTY * size < best:
                best, best_cell, best_add = change + SIZE_PENALTY * size, c, add
    return best_cell, best_add


@kernel
def fill(steps: Steps, rules: Rules, taken: Ints, cells: Ints, generators: int, families: int) -> int:
    """Add the next document of each of `cells`, one after another, where every rule still holds; how many were."""
    sums = sum_up(steps, drawn_tokens(steps, taken), rules.low.shape[0], families, generators)
    added = 0
    for c in cells:
        size = _step_size(steps, taken, c, True)
        if size <= 0 or sums.tokens[-1] + size > rules.target:
            continue
        apply(steps, sums, c, size)
        if cost(rules, sums) == 0.0:
            taken[c] += 1
            added += 1
        else:
            apply(steps, sums, c, -size)
    return added
