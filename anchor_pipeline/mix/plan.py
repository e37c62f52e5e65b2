"""How many tokens to draw of each cell, decided before any text is written.

A linear program over groups of interchangeable cells (linear.py), with three objectives one after the other:
most tokens up to the target; then the smallest sum of |domain share - declared weight|; then an even draw, so that
no source is drained while its neighbour is left alone. Its duals say what one more token of a group, or of
slack in a rule, would admit. The draws are whole tokens that keep every rule exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.cells import Cell, Limits, Scope, check_cells, contradictions
from anchor_pipeline.mix.exact import FEW_NODES, exact_choice
from anchor_pipeline.mix.layout import Group, Kind, groups, layout, supply_kinds
from anchor_pipeline.mix.linear import Floats, Program, RowName, Solution
from anchor_pipeline.mix.rounding import Settled, settle, whole_tokens

Ints = npt.NDArray[np.int64]

KEEP = 1e-9
"""How much of an earlier objective a later one may give up, relative."""
PRICE_FLOOR = 1e-6
MOST_SENTENCES = 10
"""Bindings spelled out in messages, the dearest first; `bindings` holds all of them."""


@dataclass(frozen=True)
class Binding:
    """What holds the mix back: a supply (rule "availability") or a rule, and its shadow price."""

    rule: str
    domain: Scope
    what: str
    """A supply as in "fresh `support` anchors", or a rule's limit."""
    price: float
    """Tokens of mix that one more token of this supply, or of slack in this rule, admits.

    A dual of the program: an upper bound where several bind together, exact where the message says no "up to"."""
    message: str


@dataclass(frozen=True)
class Plan:
    """Tokens to draw of each cell, in the order in which the cells were given."""

    feasible: bool
    draws: Ints
    tokens: int
    most: int
    """The most tokens the rules admit of what is available, up to the target."""
    bindings: list[Binding] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def make_plan(cells: Sequence[Cell], limits: Limits) -> Plan:
    """The plan of one stage and modality; infeasible ones say why and draw nothing (see shortfall.py).

    Raises:
        ValueError: the cells themselves cannot be meant (given twice, negative counts).

    """
    check_cells(cells)
    nothing = np.zeros(len(cells), dtype=np.int64)
    impossible = contradictions(limits)
    if impossible:
        return Plan(False, nothing, 0, 0, [], [f"the declaration contradicts itself: {one}" for one in impossible])
    grouped = groups(cells, limits)
    wanted, most, bindings = solve_groups(grouped, limits)
    if most < limits.minimum:
        return Plan(False, nothing, 0, most, bindings, [_too_little(most, limits), *_sentences(bindings)])
    settled = _in_whole_tokens(grouped, limits, wanted, most)
    if settled is None:
        message = f"no whole number of tokens keeps every rule near the plan of {most:,}; widen the tolerance"
        return Plan(False, nothing, 0, most, bindings, [message, *_sentences(bindings)])
    draws = split_draws(cells, grouped, settled.drawn)
    messages = [f"{settled.tokens:,} of {limits.target:,} tokens can be drawn"]
    return Plan(True, draws, settled.tokens, most, bindings, messages + _sentences(bindings))


def solve_groups(
    grouped: Sequence[Group], limits: Limits, slack: Mapping[Scope, float] | None = None
) -> tuple[Floats, int, list[Binding]]:
    """Tokens of each group under the three objectives, the most tokens possible, and what binds.

    Args:
        grouped: the groups.
        limits: declared without contradiction.
        slack: see linear.Program; keeps the solution away from the rules' edges.

    """
    kinds = [group.kind for group in grouped]
    capacity = [group.capacity for group in grouped]
    known = set(kinds)
    wished = [kind for kind in supply_kinds(limits) if kind not in known]
    program = Program(layout(kinds + wished, limits), capacity + [0] * len(wished), limits, slack)
    stage = program.tokens[None]
    first = program.solve([(stage, -1.0)])
    if not first.feasible:
        return np.zeros(len(grouped)), 0, []
    most = float(first.columns[stage])
    bindings = _bindings(program, first, kinds + wished, most < limits.target * (1 - KEEP))
    if most < 1 - KEEP:
        return np.zeros(len(grouped)), 0, bindings
    program.lower[stage] = most * (1 - KEEP) / program.unit
    closest = _closest_weights(program, limits)
    even = _even_draw(program, grouped)
    solution = even if even.feasible else closest if closest.feasible else first
    return solution.columns[: len(grouped)], min(limits.target, int(most * (1 + 1e-12) + 1e-6)), bindings


def _in_whole_tokens(grouped: Sequence[Group], limits: Limits, wanted: Floats, most: int) -> Settled | None:
    """Whole tokens per group that keep every rule: floors rounded up, caps down. None where none were found."""
    capacity = [group.capacity for group in grouped]
    numbers = np.arange(len(grouped), dtype=np.int64)
    rounded = whole_tokens([group.kind for group in grouped], limits, capacity, numbers)
    settled = settle(rounded, np.floor(wanted + 1e-6).astype(np.int64))
    lawful = settled.left == 0 and settled.tokens >= limits.minimum
    if lawful and settled.tokens >= min(0.98 * most, most - len(grouped)):
        return settled
    best = settled if lawful else None
    if best is None and limits.tolerance == 0:
        shares = _exact_shares(grouped, limits, most)
        settled = settled if shares is None else settle(rounded, shares)
        if settled.left == 0 and settled.tokens >= limits.minimum:
            return settled
    found, _ = exact_choice(rounded, settled.taken, FEW_NODES)
    return found if found is not None and (best is None or found.tokens > best.tokens) else best


def _exact_shares(grouped: Sequence[Group], limits: Limits, most: int) -> Ints | None:
    """Whole tokens per group with every domain's share exactly as declared, for when there is no tolerance.

    Only multiples of the weights' common denominator can be shared out so; None where the plan is below one.
    """
    step = math.lcm(*(weight.denominator for weight in limits.weights.values()))
    total = most // step * step
    if total < 1:
        return None
    wanted, _, _ = solve_groups(grouped, replace(limits, target=total))
    shares = np.floor(wanted + 1e-6).astype(np.int64)
    lacking = {domain: int(weight * total) for domain, weight in limits.weights.items()}
    for i, group in enumerate(grouped):
        lacking[group.kind.domain] -= int(shares[i])
    # What rounding down left over goes to anchors first, fresh ones before others, and to synthetic text last.
    for i in sorted(range(len(grouped)), key=lambda i: (not grouped[i].kind.anchor, not grouped[i].kind.fresh, i)):
        more = min(max(0, lacking[grouped[i].kind.domain]), grouped[i].capacity - int(shares[i]))
        shares[i] += more
        lacking[grouped[i].kind.domain] -= more
    return shares


def split_draws(cells: Sequence[Cell], grouped: Sequence[Group], drawn: Sequence[int] | Ints) -> Ints:
    """Whole tokens per cell from whole tokens per group: the same fraction of each cell, to within one token."""
    draws = np.zeros(len(cells), dtype=np.int64)
    for group, tokens in zip(grouped, np.asarray(drawn).tolist(), strict=True):
        before = ahead = 0
        for i in group.members:
            before += cells[i].capacity
            upto = tokens * before // group.capacity if group.capacity else 0
            draws[i] = upto - ahead
            ahead = upto
    return draws


def _closest_weights(program: Program, limits: Limits) -> Solution:
    """Second objective: the smallest sum of |domain tokens - weight * tokens|; then held."""
    off: list[tuple[int, float]] = []
    stage = program.tokens[None]
    for domain in program.shape.domains:
        if len(program.shape.domains) == 1:
            break
        far = program.column()
        share, weight = program.tokens[domain], float(limits.weights[domain])
        program.at_most([(share, 1.0), (stage, -weight), (far, -1.0)])
        program.at_most([(share, -1.0), (stage, weight), (far, -1.0)])
        off.append((far, 1.0))
    solution = program.solve(off)
    if solution.feasible and off:
        stage_tokens = float(solution.columns[stage])
        program.at_most(off, (max(solution.objective, 0.0) + KEEP * stage_tokens) / program.unit)
    return solution


def _even_draw(program: Program, grouped: Sequence[Group]) -> Solution:
    """Third objective: near the same fraction of everything that a domain has, as far as the rules let it."""
    alike: dict[str, list[int]] = {}
    for i, group in enumerate(grouped):
        if group.capacity:
            alike.setdefault(group.kind.domain, []).append(i)
    uneven: list[tuple[int, float]] = []
    for members in alike.values():
        whole = sum(grouped[i].capacity for i in members)
        if len(members) < 2:
            continue
        level = program.column()
        for i in members:
            far = program.column()
            share = grouped[i].capacity / whole
            program.at_most([(i, 1.0), (level, -share), (far, -1.0)])
            program.at_most([(i, -1.0), (level, share), (far, -1.0)])
            uneven.append((far, 1.0))
    return program.solve(uneven)


def _bindings(program: Program, solution: Solution, kinds: Sequence[Kind], short: bool) -> list[Binding]:
    """Supplies and rules with a price, dearest first; none when the target itself is what binds.

    Where several supplies bind together, duals overstate what one alone admits: the dearest are tried out.
    """
    if not short:
        return []
    prices = solution.upper_prices[: len(kinds)]
    dearest = sorted(np.flatnonzero(prices > PRICE_FLOOR).tolist(), key=lambda i: (-round(float(prices[i]), 6), i))
    tried = max(2, min(MOST_SENTENCES, 3_000 // max(1, len(kinds))))
    found: list[Binding] = []
    for n, i in enumerate(dearest):
        price, upto = float(prices[i]), "up to "
        if n < tried:
            price, upto = program.gain(i, solution), ""
        if price > PRICE_FLOOR:
            message = f"one more token of {kinds[i].words} admits {upto}{price:.2f} more tokens of mix"
            found.append(Binding("availability", kinds[i].domain, kinds[i].words, price, message))
    for name, price in zip(program.names, solution.row_prices.tolist(), strict=False):
        if price > PRICE_FLOOR:
            found.append(_rule_binding(name, price))
    return sorted(found, key=lambda b: (b.rule != "availability", -round(b.price, 6), b.rule, b.domain or "", b.what))


def _rule_binding(name: RowName, price: float) -> Binding:
    where = "the stage" if name.scope is None else f"`{name.scope}`"
    of = f" ({name.detail})" if name.detail else ""
    message = f"{name.rule}{of} of {where} binds: one token of slack in it admits up to {price:.2f} more tokens of mix"
    return Binding(name.rule, name.scope, name.detail, price, message)


def _too_little(most: int, limits: Limits) -> str:
    return f"at most {most:,} tokens can be drawn lawfully; at least {limits.minimum:,} are asked for"


def _sentences(bindings: Sequence[Binding]) -> list[str]:
    told = [binding.message for binding in bindings[:MOST_SENTENCES]]
    more = len(bindings) - len(told)
    return [*told, f"{more:,} more supplies and rules bind"] if more > 0 else told
