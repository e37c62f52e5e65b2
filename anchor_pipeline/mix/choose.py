"""Which documents make up the mix: prefixes of each cell's keyed order that keep every rule exactly.

Within a cell documents come in the order of their keyed hash, and what is drawn is a prefix of that order, then
of a second pass over it, up to `repeat` passes. So a document stays in while its cell's draw does not shrink: it
can only leave when newly collected documents with smaller keys take its place. Documents are indivisible:
rounding.py finds prefix lengths near the plan, linear.py is asked again for a plan further inside the rules where
that fails, exact.py searches small problems through. What is returned as lawful was judged in integers by judge.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from anchor_pipeline.mix.cells import Cell, Limits, Scope, check_cells
from anchor_pipeline.mix.exact import FEW_NODES, exact_choice
from anchor_pipeline.mix.judge import Violation, violations
from anchor_pipeline.mix.layout import Group, groups
from anchor_pipeline.mix.plan import Plan, solve_groups, split_draws
from anchor_pipeline.mix.repair import round_groups
from anchor_pipeline.mix.rounding import Problem, Settled, problem, settle

__all__ = ["Choice", "Violation", "choose", "take", "violations"]

Ints = npt.NDArray[np.int64]

GOOD_ENOUGH = 0.98
"""A choice of this share of the plan's tokens is not searched further."""
MARGINS = ((4.0, 0.0), (0.0, 1.0), (0.0, 4.0))
"""Mean and longest documents by which further plans keep away from the rules' edges."""


@dataclass(frozen=True)
class Choice:
    """The chosen documents, cell by cell in draw order (order.merge_order puts them in training order)."""

    lawful: bool
    reason: str
    """Why no lawful choice was found; empty when lawful."""
    drawn: Ints
    """Tokens per cell, in the order in which the cells were given."""
    counts: Ints
    """Documents per cell, repetitions included."""
    rows: Ints
    """Per item, its row in `documents`."""
    cell: npt.NDArray[np.int32]
    """Per item, the index of its cell."""
    epoch: npt.NDArray[np.int32]
    """Per item, 0 for the first occurrence of the document, 1 for the second, ..."""
    item_tokens: Ints
    violations: list[Violation]

    @property
    def tokens(self) -> int:
        """Tokens of the mix."""
        return int(self.drawn.sum())


@dataclass(frozen=True)
class _Sorted:
    """Documents of the drawable cells in draw order; cells by group, then identity."""

    members: Ints
    """Per position, the index of the cell in the caller's list."""
    group: Ints
    first: Ints
    row: Ints
    sizes: Ints
    ends: Ints


def choose(cells: Sequence[Cell], limits: Limits, plan: Plan, documents: pl.DataFrame) -> Choice:
    """A lawful choice near the plan, or one that says why there is none (and then holds no documents).

    Args:
        cells: as given to make_plan.
        limits: as given to make_plan.
        plan: a feasible plan; of an infeasible one nothing is chosen.
        documents: columns cell (index into cells), key1, key2 (uint64), tokens (int64); rows in any order.

    Raises:
        ValueError: the documents are not those that the cells were counted from.

    """
    check_cells(cells)
    if not plan.feasible:
        return _refused(cells, limits, plan.messages[0] if plan.messages else "the plan is infeasible")
    grouped = groups(cells, limits)
    data = _sorted(cells, grouped, documents)
    given = _problem(cells, limits, grouped, data)
    best, proven = _search(cells, limits, plan, grouped, data, given)
    if best is None:
        how = "no choice of whole documents keeps" if proven else "no choice of whole documents was found that keeps"
        longest = max((c.longest for c in cells), default=0)
        return _refused(
            cells,
            limits,
            f"the plan of {plan.tokens:,} tokens is lawful, but {how} every rule with at least {limits.minimum:,}"
            f" tokens: the longest document has {longest:,}; raise the target, widen the tolerance or split documents",
        )
    choice = _choice(cells, limits, data, best.taken, best.drawn)
    if choice.violations:  # judge and repair disagree: never release on the repair's word alone
        rules = ", ".join(sorted({rule for rule, _, _ in choice.violations}))
        return _refused(cells, limits, f"the choice found does not keep {rules} exactly")
    return choice


def take(cells: Sequence[Cell], limits: Limits, draws: Ints, documents: pl.DataFrame) -> Choice:
    """The whole documents nearest below `draws` (anchors: above), whatever the rules say.

    For a refusal: shortfall's best-effort draws become a concrete selection on which the verdict is measured.
    Lawful only if no limit is violated, by chance.
    """
    check_cells(cells)
    grouped = groups(cells, limits)
    data = _sorted(cells, grouped, documents)
    given = _problem(cells, limits, grouped, data)
    taken = round_groups(given.steps, np.asarray(draws, dtype=np.int64)[data.members], data.group)
    return _choice(cells, limits, data, taken, given.drawn(taken))


def _search(
    cells: Sequence[Cell], limits: Limits, plan: Plan, grouped: Sequence[Group], data: _Sorted, given: Problem
) -> tuple[Settled | None, bool]:
    """The best lawful outcome of all attempts, and whether "none" is proven."""
    first = settle(given, plan.draws[data.members])
    best = _better(None, first, limits)
    longest = int(data.sizes.max()) if len(data.sizes) else 0
    enough = min(GOOD_ENOUGH * plan.tokens, plan.tokens - longest)
    for margin in MARGINS:
        if best is not None and best.tokens >= enough:
            return best, False
        draws = _inner_draws(cells, limits, grouped, margin)
        if draws is not None:
            best = _better(best, settle(given, draws[data.members]), limits)
    if best is not None and best.tokens >= enough:
        return best, False
    near = first.taken if best is None else best.taken
    found, proven = exact_choice(given, near) if best is None else exact_choice(given, near, FEW_NODES)
    return (_better(best, found, limits) if found is not None else best), proven


def _better(best: Settled | None, new: Settled, limits: Limits) -> Settled | None:
    if new.left > 0 or new.tokens < limits.minimum or (best is not None and best.tokens >= new.tokens):
        return best
    return new


def _inner_draws(
    cells: Sequence[Cell], limits: Limits, grouped: Sequence[Group], margin: tuple[float, float]
) -> Ints | None:
    """Draws of a plan that keeps some mean and longest documents away from every rule's edge and from the target."""
    slack: dict[Scope, float] = {}
    for scope in (*limits.weights, None):
        own = [c for c in cells if c.documents and c.domain in limits.weights and scope in (None, c.domain)]
        if own:
            mean = sum(c.tokens for c in own) / sum(c.documents for c in own)
            slack[scope] = margin[0] * mean + margin[1] * max(c.longest for c in own)
    target = limits.target - int(slack.get(None, 0.0))
    if target < limits.minimum:
        return None
    wanted, most, _ = solve_groups(grouped, replace(limits, target=target), slack)
    return split_draws(cells, grouped, np.floor(wanted).astype(np.int64)) if most >= limits.minimum else None


def _sorted(cells: Sequence[Cell], grouped: Sequence[Group], documents: pl.DataFrame) -> _Sorted:
    """Sort the documents into draw order and check that they are those of the cells."""
    members = np.array([i for group in grouped for i in group.members], dtype=np.int64)
    group = np.repeat(np.arange(len(grouped), dtype=np.int64), [len(g.members) for g in grouped])
    rank = np.full(len(cells), len(members), dtype=np.int32)  # cells of undeclared domains: last, and cut off
    rank[members] = np.arange(len(members), dtype=np.int32)
    cell = documents["cell"].to_numpy()
    if len(cell) and not 0 <= int(cell.min()) <= int(cell.max()) < len(cells):
        raise ValueError(f"a document names a cell outside 0..{len(cells) - 1}")
    ranked = documents.select(pl.Series("rank", rank[cell]), "key1", "key2", "tokens")
    row = ranked.select(pl.arg_sort_by("rank", "key1", "key2", "tokens")).to_series().to_numpy()
    counts = np.bincount(ranked["rank"].to_numpy(), minlength=len(members) + 1)[: len(members)]
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
    row = row[: first[-1]]
    sizes = documents["tokens"].to_numpy()[row].astype(np.int64)
    if len(sizes) and int(sizes.min()) < 0:
        raise ValueError("a document has a negative token count; expected 0 or more")
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    ends = running[1:] - np.repeat(running[first[:-1]], counts)
    held = running[first[1:]] - running[first[:-1]]
    for position, i in enumerate(members.tolist()):
        if held[position] != cells[i].tokens:
            raise ValueError(
                f"cell {cells[i].identity} was planned with {cells[i].tokens:,} tokens, its documents hold"
                f" {held[position]:,}; plan and choose from the same facts"
            )
    return _Sorted(members, group, first, row, sizes, ends)


def _problem(cells: Sequence[Cell], limits: Limits, grouped: Sequence[Group], data: _Sorted) -> Problem:
    kinds = [grouped[g].kind for g in data.group.tolist()]
    repeat = np.array([cells[i].repeat for i in data.members.tolist()], dtype=np.int64)
    return problem(kinds, limits, data.first, data.sizes, data.ends, repeat, data.group)


def _choice(cells: Sequence[Cell], limits: Limits, data: _Sorted, taken: Ints, drawn_sorted: Ints) -> Choice:
    """Spell out the items of so many steps per cell."""
    drawn, counts = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells), dtype=np.int64)
    drawn[data.members], counts[data.members] = drawn_sorted, taken
    documents = np.maximum(np.diff(data.first), 1)
    position = np.repeat(np.arange(len(taken), dtype=np.int32), taken)
    step = np.arange(len(position), dtype=np.int64) - np.repeat(np.cumsum(taken) - taken, taken)
    epoch = (step // documents[position]).astype(np.int32)
    at = data.first[position] + step - epoch * documents[position]
    found = violations(cells, limits, drawn)
    reason = "" if not found else "these documents violate " + ", ".join(sorted({rule for rule, _, _ in found}))
    return Choice(
        not found,
        reason,
        drawn,
        counts,
        data.row[at].astype(np.int64),
        data.members[position].astype(np.int32),
        epoch,
        data.sizes[at],
        found,
    )


def _refused(cells: Sequence[Cell], limits: Limits, reason: str) -> Choice:
    none = np.zeros(len(cells), dtype=np.int64)
    empty, short = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
    return Choice(False, reason, none, none.copy(), empty, short, short, empty, violations(cells, limits, none))
