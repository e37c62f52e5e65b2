"""The linear program over groups of cells, solved with HiGHS (Huangfu & Hall 2018) through scipy.

Columns: tokens of each group, then totals (stage, anchors, one per domain, family, generator, ...) tied to them by
equalities, so that every rule is a row of two or three entries even with 10,000 groups. Everything is measured
in units of a millionth of the target, which keeps the solver's absolute tolerance (1e-7) below a token per
10^13.

The entropy floor of rule 6 is convex but not linear: entropy.py gives the cuts that approach it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.cells import Limits, Scope
from anchor_pipeline.mix.entropy import cut, entropy, towards_uniform
from anchor_pipeline.mix.layout import Layout

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
Entries = Sequence[tuple[int, float]]

MAX_CUTS = 60
INTERIOR = 1e-7
"""Relative distance kept from the entropy floor, so that rounding to whole tokens stays above it."""


@dataclass(frozen=True)
class RowName:
    """Which rule a row of the program stands for."""

    rule: str
    scope: Scope
    detail: str = ""


@dataclass(frozen=True)
class Solution:
    """A solved program: status, values in tokens, and the duals in tokens of objective per token."""

    feasible: bool
    columns: Floats
    objective: float
    row_prices: Floats
    """Per inequality row: objective gained per token of slack given to the row (>= 0 for a maximum)."""
    upper_prices: Floats
    """Per column: objective gained per token of its upper bound."""


class Program:
    """One linear program under construction; `solve` may be called repeatedly as rows are added."""

    def __init__(
        self, shape: Layout, capacity: Sequence[int], limits: Limits, slack: Mapping[Scope, float] | None = None
    ) -> None:
        """Columns of the groups and totals, and the rows of the rules.

        Args:
            shape: the groups.
            capacity: tokens each group may give, in tokens.
            limits: the rules.
            slack: tokens by which to keep away from the edge of every rule of a scope.

        """
        self.shape, self.limits = shape, limits
        self.unit = max(1.0, limits.target / 1e6)
        self.lower: list[float] = [0.0] * shape.size
        self.upper: list[float] = [min(float(c), float(limits.target)) / self.unit for c in capacity]
        self._equal: list[tuple[npt.NDArray[np.int64], Floats, float]] = []
        self.rows: list[tuple[list[int], list[float], float]] = []
        self.names: list[RowName] = []
        self.slack = slack or {}
        self._last_mixture: Floats = np.zeros(0)
        self._totals()
        self._rules()

    def column(self, lower: float = 0.0, upper: float = np.inf) -> int:
        """A further column; its position."""
        self.lower.append(lower)
        self.upper.append(upper)
        return len(self.lower) - 1

    def at_most(self, entries: Entries, bound: float = 0.0, name: RowName | None = None) -> None:
        """Row: sum of entries <= bound (in units)."""
        if name is not None:
            bound -= self.slack.get(name.scope, 0.0) / self.unit
            self.names.append(name)
        self.rows.append(([i for i, _ in entries], [v for _, v in entries], bound))

    def equal(self, entries: Entries, bound: float = 0.0) -> None:
        """Row: sum of entries == bound (in units)."""
        columns = np.array([i for i, _ in entries], dtype=np.int64)
        self._equal.append((columns, np.array([v for _, v in entries]), bound))

    def total(self, member: npt.NDArray[np.bool_]) -> int:
        """A column equal to the sum of the groups in `member`."""
        inside = np.flatnonzero(member).astype(np.int64)
        column = self.column()
        values = np.ones(len(inside) + 1)
        values[-1] = -1.0
        self._equal.append((np.append(inside, column), values, 0.0))
        return column

    def _totals(self) -> None:
        shape = self.shape
        scopes: list[tuple[Scope, npt.NDArray[np.bool_]]] = [
            (name, shape.domain == i) for i, name in enumerate(shape.domains)
        ]
        scopes.append((None, np.ones(shape.size, dtype=np.bool_)))
        limits = self.limits
        self.tokens = {scope: self.total(member) for scope, member in scopes}
        self.anchors: dict[Scope, int] = {}
        self.fresh: dict[Scope, int] = {}
        self.synthetic: dict[Scope, int] = {}
        for scope, member in scopes:
            if scope in limits.anchor_share or scope in limits.anchor_freshness or scope is None:
                self.anchors[scope] = self.total(member & shape.anchor)
            if scope in limits.anchor_freshness:
                self.fresh[scope] = self.total(member & shape.anchor & shape.fresh)
            if scope in limits.synthetic_share or scope is None:
                self.synthetic[scope] = self.total(member & shape.synthetic)
        self.generators: list[int] = []
        self.families: list[int] = []
        if limits.min_effective is not None and limits.min_effective > 1:
            self._generator_totals(limits.min_effective)
        if limits.max_family_share is not None:
            self.families = [self.total(shape.family == f) for f in range(len(shape.families))]

    def _generator_totals(self, wanted: float) -> None:
        """Totals of the generators that can be drawn; where only equal shares will do, make them equal."""
        members = [self.shape.generator == g for g in range(len(self.shape.generators))]
        upper = np.array(self.upper[: self.shape.size])
        columns = [self.total(member) for member in members if upper[member].sum() > 0]
        if wanted > len(columns) * (1 + 1e-9):
            self.upper[self.synthetic[None]] = 0.0
        elif wanted > len(columns) * (1 - 1e-9):
            for one, next_ in pairwise(columns):
                self.equal([(one, 1.0), (next_, -1.0)])
        else:
            self.generators = columns

    def _rules(self) -> None:
        limits = self.limits
        self.upper[self.tokens[None]] = limits.target / self.unit
        if limits.anchor_modality:
            self.lower[self.anchors[None]] = 1.0 / self.unit
        stage = self.tokens[None]
        for domain in self.shape.domains:
            weight = limits.weights[domain]
            if weight > limits.tolerance:
                self._floor("domain_weights", domain, self.tokens[domain], weight - limits.tolerance, stage)
            if weight + limits.tolerance < 1:
                self._cap("domain_weights", domain, self.tokens[domain], weight + limits.tolerance, stage)
        for scope, whole in self.tokens.items():
            if scope in limits.anchor_share:
                self._floor("anchor_share", scope, self.anchors[scope], limits.anchor_share[scope], whole)
            if scope in limits.anchor_freshness:
                ratio = limits.anchor_freshness[scope]
                self._floor("anchor_freshness", scope, self.fresh[scope], ratio, self.anchors[scope])
            if scope in limits.synthetic_share:
                self._cap("synthetic_share", scope, self.synthetic[scope], limits.synthetic_share[scope], whole)
        if limits.max_family_share is not None:
            for name, column in zip(self.shape.families, self.families, strict=True):
                ratio = limits.max_family_share
                self._cap("generator_diversity", None, column, ratio, self.synthetic[None], name)

    def _floor(self, rule: str, scope: Scope, part: int, ratio: Fraction, whole: int) -> None:
        self.at_most([(whole, float(ratio)), (part, -1.0)], 0.0, RowName(rule, scope, "floor"))

    def _cap(self, rule: str, scope: Scope, part: int, ratio: Fraction, whole: int, detail: str = "cap") -> None:
        self.at_most([(part, 1.0), (whole, -float(ratio))], 0.0, RowName(rule, scope, detail))

    def solve(self, cost: Entries) -> Solution:
        """Minimise the cost (per token), cutting until the entropy floor holds as well."""
        objective = np.zeros(len(self.lower))
        for column, value in cost:
            objective[column] += value
        for _ in range(MAX_CUTS):
            solution = self._solve_once(objective)
            if not solution.feasible or not self._cut(solution.columns):
                return solution
        # Not converged: keep the last lawful mixture of generators, which is lawful if not the very best.
        for column, share in zip(self.generators, self._last_mixture, strict=True):
            self.equal([(column, 1.0), (self.synthetic[None], -float(share))])
        self.generators = []
        return self._solve_once(objective)

    def gain(self, column: int, before: Solution) -> float:
        """Tokens of mix that one more token of a supply admits, by solving again with one unit more of it."""
        stage, upper = self.tokens[None], self.upper[column]
        self.upper[column] = upper + 1.0
        after = self.solve([(stage, -1.0)])
        self.upper[column] = upper
        return float(after.columns[stage] - before.columns[stage]) / self.unit if after.feasible else 0.0

    def _solve_once(self, objective: Floats) -> Solution:
        # Here and below, not above: SciPy takes long to import, and a code location is loaded without solving anything.
        from scipy.optimize import linprog

        columns = len(objective)
        bounds = np.column_stack([self.lower, self.upper])
        ub, ub_bound = _matrix([(np.asarray(i), np.asarray(v), b) for i, v, b in self.rows], columns)
        eq, eq_bound = _matrix(self._equal, columns)
        for method in ("highs-ds", "highs-ipm"):
            res = linprog(objective, ub, ub_bound, eq, eq_bound, bounds, method=method)
            if res.status in (0, 2):
                break
        if res.status != 0:
            nothing = np.zeros(0)
            return Solution(False, nothing, 0.0, nothing, nothing)
        values = np.clip(res.x, self.lower, self.upper) * self.unit
        prices = -res.ineqlin.marginals if len(self.rows) else np.zeros(0)
        return Solution(True, values, float(res.fun) * self.unit, prices, -res.upper.marginals)

    def _cut(self, values: Floats) -> bool:
        """Add the cut that the entropy floor asks for at this point; False when it holds."""
        wanted = self.limits.min_effective
        if wanted is None or not self.generators:
            return False
        drawn = values[self.generators]
        total = float(drawn.sum())
        if total <= 0.5:  # less than one token of synthetic text
            return False
        p, floor = drawn / total, float(np.log(wanted))
        if entropy(p) >= floor:
            return False
        inside = min(floor * (1 + INTERIOR), (floor + float(np.log(len(p)))) / 2)
        q = self._last_mixture = towards_uniform(p, inside)
        self.at_most(list(zip(self.generators, cut(q, floor).tolist(), strict=True)))
        return True


def _matrix(
    rows: Sequence[tuple[npt.NDArray[np.int64], Floats, float]], columns: int
) -> tuple[sparse.csr_array | None, Floats | None]:
    from scipy import sparse

    if not rows:
        return None, None
    lengths = [len(i) for i, _, _ in rows]
    pointer = np.concatenate([[0], np.cumsum(lengths)])
    index = np.concatenate([i for i, _, _ in rows]).astype(np.int64)
    value = np.concatenate([v for _, v, _ in rows]).astype(np.float64)
    matrix = sparse.csr_array((value, index, pointer), shape=(len(rows), columns))
    return matrix, np.array([b for _, _, b in rows], dtype=np.float64)
