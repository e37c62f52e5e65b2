"""From wanted tokens to whole documents (or whole tokens) that satisfy every limit.

Rounding to nearest lands below floors (measured: 14.99 % for a floor of 15 %). Here anchors are rounded up and all
else down, group by group with the error carried on; what is then still violated is repaired document by document
(repair.py), and what lawful room is left is filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.cells import Limits
from anchor_pipeline.mix.layout import Kind, Layout, layout, ratios
from anchor_pipeline.mix.potential import Rules, Steps
from anchor_pipeline.mix.repair import drawn_tokens, fill, repair, round_groups

Ints = npt.NDArray[np.int64]

NEAR_PASSES, FILL_PASSES = 4, 64
"""Passes of filling, one document per cell each: first to cells below their wanted tokens, then to any."""


@dataclass(frozen=True)
class Problem:
    """Documents of cells in draw order and the limits, ready for the compiled repair."""

    limits: Limits
    shape: Layout
    steps: Steps
    rules: Rules
    group: Ints
    """Per cell, the number of its group; equal numbers are adjacent."""

    def drawn(self, taken: Ints) -> Ints:
        """Tokens per cell of so many steps of each."""
        out: Ints = drawn_tokens(self.steps, taken)
        return out

    @property
    def documents(self) -> Ints:
        """Documents per cell."""
        counts: Ints = np.diff(self.steps.first)
        return counts


@dataclass(frozen=True)
class Settled:
    """An outcome: steps and tokens per cell, and what is left of the violations (0.0: lawful, but for the minimum)."""

    taken: Ints
    drawn: Ints
    left: float

    @property
    def tokens(self) -> int:
        """Tokens of the mix."""
        return int(self.drawn.sum())


def problem(
    kinds: Sequence[Kind], limits: Limits, first: Ints, sizes: Ints, ends: Ints, repeat: Ints, group: Ints
) -> Problem:
    """A problem over cells of these kinds; cell c holds documents first[c] to first[c + 1].

    Args:
        kinds: per cell; all of declared domains.
        limits: the rules.
        first: shape (cells + 1,).
        sizes: tokens of each document, in draw order within the cell.
        ends: running sum of `sizes` within each cell.
        repeat: per cell, how many times a document may occur.
        group: per cell, the number of its group; equal numbers adjacent.

    """
    shape = layout(kinds, limits)
    steps = Steps(
        first,
        sizes,
        ends,
        repeat,
        shape.domain,
        shape.anchor,
        shape.fresh,
        shape.synthetic,
        shape.family,
        shape.generator,
    )
    wanted = limits.min_effective
    exact = ratios(limits)
    rules = Rules(
        exact.low,
        exact.high,
        exact.anchor,
        exact.fresh,
        exact.synthetic,
        exact.family,
        float(np.log(wanted)) if wanted is not None and wanted > 1 else -1.0,
        limits.target,
        limits.anchor_modality,
    )
    return Problem(limits, shape, steps, rules, group)


def whole_tokens(kinds: Sequence[Kind], limits: Limits, capacity: Sequence[int], group: Ints) -> Problem:
    """The problem in which every document is one token: what a plan rounds to."""
    n = len(kinds)
    usable = np.array([min(c, limits.target) for c in capacity], dtype=np.int64)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(usable > 0)])
    ones = np.ones(int(first[n]), dtype=np.int64)
    return problem(kinds, limits, first, ones, ones, usable, group)


def settle(given: Problem, wanted: Ints) -> Settled:
    """Whole documents near the wanted tokens per cell, lawful where the repair finds a way."""
    taken: Ints = round_groups(given.steps, wanted, given.group)
    return mend(given, taken, wanted)


def mend(given: Problem, taken: Ints, wanted: Ints) -> Settled:
    """Repair the steps taken so far, then fill; `taken` is changed in place."""
    families, generators = len(given.shape.families), len(given.shape.generators)
    moves = 2_000 + 4 * len(taken)
    left = float(repair(given.steps, given.rules, taken, generators, families, moves))
    for turn in range(FILL_PASSES if left == 0.0 else 0):
        anywhere = turn >= NEAR_PASSES
        below = given.drawn(taken) - wanted
        cells = np.argsort(below, kind="stable")
        cells = cells if anywhere else cells[below[cells] < 0]
        added = fill(given.steps, given.rules, taken, cells, generators, families)
        if anywhere and not added:
            break
    return Settled(taken, given.drawn(taken), left)
