"""What is missing for the whole target: the steward's list of what to collect, never a stack trace.

An elastic linear program: beside the cells there is, for each domain, a virtual supply of human text, of older
anchors and of fresh anchors, and as little of them as possible is taken to reach the target lawfully. Of equally
small supplies the least demanding is asked for (human text before older anchors before fresh ones). For each
domain that lacks something, a second program finds the largest weight that needs nothing collected for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.cells import Cell, Limits, check_cells, contradictions
from anchor_pipeline.mix.layout import Group, Kind, groups, layout, supply_kinds
from anchor_pipeline.mix.linear import Program
from anchor_pipeline.mix.plan import split_draws

Ints = npt.NDArray[np.int64]

COSTS = {"human": 1.0, "anchor": 1.001, "fresh anchor": 1.002}
"""Cost of a virtual token; nearly equal, so that the smallest supply is sought, and the least demanding of equals."""
MOST_SUGGESTIONS = 12
"""Lower weights are sought for so many domains, those that lack most first: each takes a linear program."""
HAIR = 1e-9
"""Relative error of the solver, below which a shortfall or a lower weight means nothing."""


@dataclass(frozen=True)
class Shortfall:
    """Tokens of one kind that a domain lacks; documents collected for it count once each."""

    domain: str
    what: str
    """"fresh anchor", "anchor" (of any age) or "human" (written by people, of any kind)."""
    tokens: int
    weight: Fraction | None
    """The largest weight (rounded down) at which the domain lacks nothing; None where lowering does not help."""
    message: str


@dataclass(frozen=True)
class Lack:
    """What is missing for `tokens` tokens of lawful mix, and the most useful part of what is there."""

    tokens: int
    shortfalls: list[Shortfall]
    draws: Ints
    """Tokens per cell, in the order in which the cells were given: what the full mix would draw of what is available.

    Not lawful by itself while anything is missing; choose.take makes it a selection to measure a refusal on."""
    messages: list[str] = field(default_factory=list)


def find_shortfalls(cells: Sequence[Cell], limits: Limits, at: int | None = None) -> Lack:
    """The smallest shortfalls that keep the mix from `at` tokens (default: the target).

    Usable after a refusal and after a plan below its target alike; a declaration that contradicts itself yields
    messages that name the rules, and no shortfalls.

    Raises:
        ValueError: the cells themselves cannot be meant (given twice, negative counts).

    """
    check_cells(cells)
    wanted = limits.target if at is None else at
    nothing = np.zeros(len(cells), dtype=np.int64)
    impossible = contradictions(limits)
    if not 0 < wanted <= limits.target and not impossible:
        impossible = [f"shortfalls were asked for {wanted:,} tokens; expected 1 to the target, {limits.target:,}"]
    if impossible:
        texts = [f"no supply can satisfy the declaration: {one}" for one in impossible]
        return Lack(wanted, [], nothing, texts)
    limits = replace(limits, target=wanted, minimum=min(limits.minimum, wanted))
    grouped = groups(cells, limits)
    elastic = _program(grouped, limits)
    solution = elastic.solve([(i, COSTS[_what(kind)]) for i, kind in _supplies(grouped, limits)])
    if not solution.feasible:
        texts = [f"no supply of human text and anchors can satisfy all of {_rules(limits)} at {wanted:,} tokens"]
        return Lack(wanted, [], nothing, texts)
    missing = [
        (kind, _ceil(float(solution.columns[i]), wanted))
        for i, kind in _supplies(grouped, limits)
        if solution.columns[i] > max(HAIR * wanted, 1e-6)
    ]
    used = np.floor(solution.columns[: len(grouped)] + HAIR * wanted).astype(np.int64)
    capacity = np.array([group.capacity for group in grouped], dtype=np.int64)
    shortfalls = _described(missing, grouped, limits)
    draws = split_draws(cells, grouped, np.minimum(used, capacity))
    return Lack(wanted, shortfalls, draws, [shortfall.message for shortfall in shortfalls])


def _program(grouped: Sequence[Group], limits: Limits, without: str | None = None) -> Program:
    """The rules over the groups and virtual supplies (none for the domain `without`), at exactly the target."""
    supplies = supply_kinds(limits)
    shape = layout([group.kind for group in grouped] + supplies, limits)
    capacity = [group.capacity for group in grouped]
    capacity += [0 if kind.domain == without else limits.target for kind in supplies]
    program = Program(shape, capacity, limits)
    program.lower[program.tokens[None]] = program.upper[program.tokens[None]]
    return program


def _described(missing: Sequence[tuple[Kind, int]], grouped: Sequence[Group], limits: Limits) -> list[Shortfall]:
    """Shortfalls with their messages, by domain, the least demanding first."""
    lacking: dict[str, int] = {}
    for kind, tokens in missing:
        lacking[kind.domain] = lacking.get(kind.domain, 0) + tokens
    worst = sorted(lacking, key=lambda domain: (-lacking[domain], domain))[:MOST_SUGGESTIONS]
    lower = {domain: _largest_weight(domain, grouped, limits) for domain in worst}
    found: list[Shortfall] = []
    for kind, tokens in missing:
        what, weight = _what(kind), lower.get(kind.domain)
        message = f"`{kind.domain}` lacks {tokens:,} {what} tokens"
        if weight is not None:
            declared = _decimal(limits.weights[kind.domain])
            message += f"; or lower its weight from {declared} to {_decimal(weight)}"
            if len(lacking) > 1:
                message += " (the other domains' shortfalls met)"
        found.append(Shortfall(kind.domain, what, tokens, weight, message))
    return found


def _largest_weight(domain: str, grouped: Sequence[Group], limits: Limits) -> Fraction | None:
    """The largest weight of the domain that needs nothing collected for it; the others keep their proportions.

    The mix's tokens are fixed, so shares of them are linear in the weight. Rounded down to two significant digits.
    """
    declared = limits.weights[domain]
    if declared in (0, 1):
        return None
    free = replace(limits, tolerance=Fraction(1))  # switches the program's own weight rows off
    program = _program(grouped, free, without=domain)
    whole = limits.target / program.unit
    room = float(limits.tolerance) * whole
    weight = program.column(0.0, float(declared) * whole)
    for other in program.shape.domains:
        share = program.tokens[other]
        if other == domain:
            program.at_most([(share, 1.0), (weight, -1.0)], room)
            program.at_most([(share, -1.0), (weight, 1.0)], room)
        else:
            part = float(limits.weights[other] / (1 - declared))
            program.at_most([(share, 1.0), (weight, part)], part * whole + room)
            program.at_most([(share, -1.0), (weight, -part)], room - part * whole)
    solution = program.solve([(weight, -1.0)])
    if not solution.feasible:
        return None
    rounded = _two_digits(float(solution.columns[weight]) / limits.target * (1 - HAIR))
    # At a weight within the tolerance of zero the domain could be left out: no advice worth giving.
    return rounded if limits.tolerance < rounded < declared else None


def _supplies(grouped: Sequence[Group], limits: Limits) -> list[tuple[int, Kind]]:
    return [(len(grouped) + i, kind) for i, kind in enumerate(supply_kinds(limits))]


def _what(kind: Kind) -> str:
    return "fresh anchor" if kind.fresh else "anchor" if kind.anchor else "human"


def _ceil(tokens: float, wanted: int) -> int:
    return max(1, int(np.ceil(tokens - HAIR * wanted)))


def _two_digits(value: float) -> Fraction:
    """The value rounded down to two significant digits, exactly."""
    if value <= 0:
        return Fraction(0)
    digits = 1 - int(np.floor(np.log10(value)))
    scale = Fraction(10) ** digits
    return Fraction(int(Fraction(value) * scale)) / scale


def _decimal(value: Fraction) -> str:
    """At least two decimals, as weights are declared: 0.20, 0.11, 0.034."""
    text = f"{float(value):.4g}"
    return text if len(text.partition(".")[2]) >= 2 or "e" in text else f"{float(value):.2f}"


def _rules(limits: Limits) -> str:
    """The names of the rules that are on."""
    diverse = limits.max_family_share is not None or limits.min_effective is not None
    on = [
        ("domain_weights", True),
        ("anchor_share", bool(limits.anchor_share)),
        ("anchor_freshness", bool(limits.anchor_freshness)),
        ("anchor_modality", limits.anchor_modality),
        ("synthetic_share", bool(limits.synthetic_share)),
        ("generator_diversity", diverse),
    ]
    return ", ".join(name for name, used in on if used)
