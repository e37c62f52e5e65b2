"""The exact way out for small problems: a mixed-integer program over prefix lengths (HiGHS branch and bound).

Used where steepest descent finds no lawful choice, or one far below the plan: a false refusal costs a release.
One binary per step (document of a pass), each at most the one before it, so that what is drawn stays a prefix.
The search is bounded by nodes, never by time, so that its result does not depend on the machine's speed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.entropy import cut, entropy, towards_uniform
from anchor_pipeline.mix.potential import cost, sum_up
from anchor_pipeline.mix.rounding import Problem, Settled, mend

if TYPE_CHECKING:
    from scipy import sparse

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_STEPS = 2_000
MOST_NODES = 5_000
FEW_NODES = 200
"""Where something lawful is already known, or whole tokens are rounded."""
MOST_ROUNDS = 20
GAP = 0.01
"""Relative distance from the best at which the search stops; filling makes up for most of it."""
HAIR = 1e-9


@dataclass
class Rows:
    """Constraints lower <= A z <= upper, gathered row by row."""

    coefficients: list[Floats] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)

    def add(self, row: Floats, lower: float, upper: float) -> None:
        self.coefficients.append(row)
        self.lower.append(lower)
        self.upper.append(upper)


@dataclass(frozen=True)
class Window:
    """The steps that may still be decided, around what was taken so far."""

    base: Ints
    """Steps per cell that are certainly taken."""
    cell: Ints
    """Per open step, its cell; steps of a cell are adjacent and in draw order."""
    size: Ints
    whole: bool
    """Whether every step of the problem is open, so that "none" is proven."""


def exact_choice(given: Problem, near: Ints, nodes: int = MOST_NODES) -> tuple[Settled | None, bool]:
    """The largest lawful choice near `near`, and whether "none" is proven rather than not found."""
    # Here and below, not above: SciPy takes long to import, and a code location is loaded without solving anything.
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    window = _window(given, near)
    if window is None:
        return None, False
    rows = _rule_rows(given, window)
    for _ in range(MOST_ROUNDS):
        matrix = sparse.vstack([_prefix_rows(window), sparse.csr_array(np.array(rows.coefficients))])
        links = matrix.shape[0] - len(rows.lower)
        lower = np.concatenate([np.zeros(links), rows.lower])
        upper = np.concatenate([np.ones(links), rows.upper])
        res = milp(
            -window.size.astype(np.float64),
            integrality=np.ones(len(window.size)),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, lower, upper),
            options={"node_limit": nodes, "mip_rel_gap": GAP},
        )
        if res.x is None:
            return None, window.whole and res.status == 2
        chosen = res.x > 0.5
        taken = window.base + np.bincount(window.cell[chosen], minlength=len(near)).astype(np.int64)
        drawn = given.drawn(taken)
        if _cost(given, drawn) == 0.0:
            return mend(given, taken, drawn), False
        _exclude(given, window, rows, chosen, drawn)
    return None, False


def _cost(given: Problem, drawn: Ints) -> float:
    shape = given.shape
    sums = sum_up(given.steps, drawn, len(shape.domains), len(shape.families), len(shape.generators))
    return float(cost(given.rules, sums))


def _window(given: Problem, near: Ints) -> Window | None:
    """All steps where they are few, else the same number of them on both sides of what was taken."""
    documents = given.documents
    every = documents * given.steps.repeat
    open_cells = int((every > 0).sum())
    if open_cells == 0:
        return None
    # The cap of a million keeps the sum from overflowing where a document may be repeated very often.
    whole = int(np.minimum(every, 10**6).sum()) <= MOST_STEPS
    low, high = (np.zeros_like(near), every) if whole else _reach(given, near, every)
    counts = high - low
    cell = np.repeat(np.arange(len(near), dtype=np.int64), counts)
    step = np.arange(len(cell), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts) + low[cell]
    size = given.steps.sizes[given.steps.first[cell] + step % np.maximum(documents[cell], 1)]
    return Window(low, cell, size, whole)


def _reach(given: Problem, near: Ints, every: Ints) -> tuple[Ints, Ints]:
    """Steps from and to which each cell is open: as far around `near` as the budget goes, some of every group.

    Where cells outnumber the budget, those of a group that something was taken from come first, then the others.
    """
    open_cells = int((every > 0).sum())
    reach = max(1, MOST_STEPS // (2 * open_cells))
    low, high = np.maximum(0, near - reach), np.minimum(every, near + reach)
    order = np.lexsort((np.arange(len(near)), near == 0, given.group))
    starts = np.flatnonzero(np.concatenate([[True], given.group[order][1:] != given.group[order][:-1]]))
    turn = np.arange(len(near)) - np.repeat(starts, np.diff(np.append(starts, len(near))))
    by_turn = order[np.lexsort((np.arange(len(near)), turn))]
    spent = np.cumsum((high - low)[by_turn])
    closed = by_turn[spent > MOST_STEPS]
    low[closed] = high[closed] = near[closed]
    return low, high


def _prefix_rows(window: Window) -> sparse.csr_array:
    """Each step minus the next of its cell is 0 or 1: none is taken before those ahead of it."""
    from scipy import sparse

    first = np.flatnonzero(window.cell[1:] == window.cell[:-1])
    n = len(first)
    index = np.column_stack([first, first + 1]).ravel()
    value = np.tile([1.0, -1.0], n)
    return sparse.csr_array((value, index, np.arange(n + 1) * 2), shape=(n, len(window.cell)))


def _rule_rows(given: Problem, window: Window) -> Rows:
    rows, rules, steps = Rows(), given.rules, given.steps
    base = given.drawn(window.base).astype(np.float64)
    size = window.size.astype(np.float64)

    def add(weight: Floats, lower: float, upper: float) -> None:
        """Row on sum over cells of weight * tokens."""
        sure = float(weight @ base)
        row = weight[window.cell] * size
        if np.any(row) or not lower <= sure <= upper:
            rows.add(row, lower - sure, upper - sure)

    def ratio(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_], pair: Ints, floor: bool) -> None:
        weight = part - pair[0] / pair[1] * whole
        add(weight, *((0.0, np.inf) if floor else (-np.inf, 0.0)))

    everything = np.ones(len(base), dtype=np.bool_)
    add(everything.astype(np.float64), float(given.limits.minimum), float(rules.target))
    if rules.modality:
        add(steps.anchor.astype(np.float64), 1.0, np.inf)
    for d in range(len(given.shape.domains) + 1):
        inside = everything if d == len(given.shape.domains) else steps.domain == d
        if d < len(given.shape.domains):
            ratio(inside, everything, rules.low[d], True)
            ratio(inside, everything, rules.high[d], False)
        ratio(inside & steps.anchor, inside, rules.anchor[d], True)
        ratio(inside & steps.fresh, inside & steps.anchor, rules.fresh[d], True)
        ratio(inside & steps.synthetic, inside, rules.synthetic[d], False)
    for f in range(len(given.shape.families)):
        ratio(steps.family == f, steps.synthetic, rules.family, False)
    count = len(given.shape.generators)
    if count > 1 and abs(rules.log_effective - np.log(count)) < HAIR:  # only equal shares will do
        for g in range(count - 1):
            add((steps.generator == g) - 1.0 * (steps.generator == g + 1), 0.0, 0.0)
    return rows


def _exclude(given: Problem, window: Window, rows: Rows, chosen: npt.NDArray[np.bool_], drawn: Ints) -> None:
    """Cut off a point that the exact judge refuses: by the entropy floor, and itself in any case."""
    generator, floor = given.steps.generator, given.rules.log_effective
    count = len(given.shape.generators)
    tokens = np.bincount(generator[generator >= 0], weights=drawn[generator >= 0], minlength=max(count, 1))
    if floor > 0 and count and tokens.sum() > 0:
        p = tokens / tokens.sum()
        if entropy(p) < floor:
            for q in (towards_uniform(p, floor), (1 - 1e-6) * p + 1e-6 / count):
                weight = np.where(generator >= 0, cut(q, floor)[generator], 0.0)
                sure = float(weight @ given.drawn(window.base))
                rows.add(weight[window.cell] * window.size, -np.inf, -sure + 1e-9 * float(tokens.sum()))
    rows.add(np.where(chosen, 1.0, -1.0), -np.inf, float(chosen.sum()) - 1.0)
