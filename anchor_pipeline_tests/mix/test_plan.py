"""The plan takes the most the rules admit, near the declared weights, evenly, and names what binds."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from scipy.optimize import linprog

from anchor_pipeline.mix.cells import Cell, Limits
from anchor_pipeline.mix.judge import effective_number, violations
from anchor_pipeline.mix.plan import make_plan
from anchor_pipeline_tests.mix.worlds import World, cell, large_world, worlds

MOST = Fraction(1)


def plain_most(cells: list[Cell], limits: Limits) -> float | None:
    """The most tokens by a dense program over cells, written without groups, totals, units or sparsity."""
    n = len(cells)
    rows: list[list[float]] = []

    def part(test: object) -> np.ndarray:
        return np.array([float(test(c)) for c in cells])  # type: ignore[operator]

    def floor(inside: np.ndarray, ratio: Fraction, whole: np.ndarray) -> None:
        rows.append((float(ratio) * whole - inside).tolist())

    every = np.ones(n)
    for domain, weight in limits.weights.items():
        own = part(lambda c, d=domain: c.domain == d)
        floor(own, weight - limits.tolerance, every)
        rows.append((own - float(weight + limits.tolerance) * every).tolist())
    for scope in (None, *limits.weights):
        own = part(lambda c, s=scope: s is None or c.domain == s)
        anchor = own * part(lambda c: c.kind == "anchor")
        if scope in limits.anchor_share:
            floor(anchor, limits.anchor_share[scope], own)
        if scope in limits.anchor_freshness:
            floor(anchor * part(lambda c: c.fresh), limits.anchor_freshness[scope], anchor)
        if scope in limits.synthetic_share:
            synthetic = own * part(lambda c: c.synthetic)
            rows.append((synthetic - float(limits.synthetic_share[scope]) * own).tolist())
    synthetic = part(lambda c: c.synthetic)
    if limits.max_family_share is not None:
        for family in {c.family for c in cells if c.synthetic}:
            own = synthetic * part(lambda c, f=family: c.family == f)
            rows.append((own - float(limits.max_family_share) * synthetic).tolist())
    bounds = [(0, c.tokens * c.repeat if c.domain in limits.weights else 0) for c in cells]
    matrix, right = [*rows, every.tolist()], [0.0] * len(rows) + [float(limits.target)]
    if limits.anchor_modality:
        matrix.append((-part(lambda c: c.kind == "anchor")).tolist())
        right.append(-1.0)
    res = linprog(-every, A_ub=matrix, b_ub=right, bounds=bounds)
    return -res.fun if res.status == 0 else None


@settings(max_examples=80, deadline=None)
@given(worlds())
def test_the_most_tokens_equal_those_of_a_plain_program_over_cells(world: World) -> None:
    cells, limits, _ = world
    limits = replace(limits, min_effective=None)
    best = plain_most(cells, limits)
    plan = make_plan(cells, limits)
    assert plan.most == (0 if best is None else math.floor(best + 1e-6))


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_a_plan_violates_nothing_and_draws_no_more_than_there_is(world: World) -> None:
    cells, limits, _ = world
    plan = make_plan(cells, limits)
    if plan.feasible:
        assert violations(cells, limits, plan.draws) == []
        assert plan.tokens == plan.draws.sum() <= plan.most
    else:
        assert not plan.draws.any()
        assert plan.messages
    assert all(0 <= n <= c.tokens * c.repeat for n, c in zip(plan.draws.tolist(), cells, strict=True))


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_the_order_of_cells_is_irrelevant(world: World) -> None:
    cells, limits, _ = world
    assume(cells)
    plan, backwards = make_plan(cells, limits), make_plan(cells[::-1], limits)
    assert plan.draws.tolist() == backwards.draws.tolist()[::-1]
    assert plan.messages == backwards.messages


def basic(**changes: object) -> Limits:
    declared = Limits(target=1000, weights={"x": Fraction(1)}, anchor_share={None: Fraction(3, 20)})
    return replace(declared, **changes)  # type: ignore[arg-type]


def test_floors_round_up_and_caps_round_down() -> None:
    cells = [
        cell("x", "a", "anchor", [1] * 500),
        cell("x", "h", "licensed", [1] * 500),
        cell("x", "g", "synthetic", [1] * 500, generator="g"),
    ]
    limits = basic(target=101, synthetic_share={None: Fraction(3, 10)})
    plan = make_plan(cells, limits)
    assert plan.tokens == 101
    assert plan.draws[0] >= 16  # 15 % of 101 is 15.15
    assert plan.draws[2] <= 30  # 30 % of 101 is 30.3


def test_binding_anchors_have_the_price_of_the_floor() -> None:
    cells = [cell("x", "a", "anchor", [10] * 3), cell("x", "h", "licensed", [10] * 500)]
    plan = make_plan(cells, basic())
    assert plan.tokens == 200
    price = {b.what: b.price for b in plan.bindings if b.rule == "availability"}
    assert price["fresh `x` anchors"] == pytest.approx(1 / 0.15)
    assert "one more token of fresh `x` anchors admits 6.67 more tokens of mix" in plan.messages
    richer = make_plan([cell("x", "a", "anchor", [10] * 6), cells[1]], basic())
    assert richer.most - plan.most == 200  # 30 tokens more, 6.67 for each
    assert make_plan([cell("x", "a", "anchor", [10] * 90), cells[1]], basic(target=500)).bindings == []


def test_supplies_that_bind_only_together_have_no_price_of_their_own() -> None:
    """Both domains lack anchors and must keep equal shares: one more anchor of either alone admits nothing."""
    cells = [cell(d, k, k, [10] * n) for d in ("x", "y") for k, n in (("anchor", 3), ("licensed", 500))]
    limits = Limits(
        target=10_000,
        weights={"x": Fraction(1, 2), "y": Fraction(1, 2)},
        anchor_share={"x": Fraction(1, 4), "y": Fraction(1, 4)},
    )
    plan = make_plan(cells, limits)
    assert plan.tokens == 240
    assert [b for b in plan.bindings if b.rule == "availability"] == []
    assert {b.rule for b in plan.bindings} <= {"anchor_share", "domain_weights"}


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_the_price_of_a_supply_is_what_one_more_token_of_it_admits(world: World) -> None:
    cells, limits, _ = world
    limits = replace(limits, min_effective=None)
    before = plain_most(cells, limits)
    for binding in make_plan(cells, limits).bindings:
        words = binding.what.split("`")
        if binding.rule != "availability" or "of" in words[-1] or before is None:
            continue
        fresh, anchor = words[0].startswith("fresh"), "anchor" in words[-1]
        more = cell(words[1], "one more", "anchor" if anchor else "licensed", [1], fresh=fresh)
        after = plain_most([*cells, more], limits)
        assert after is not None
        assert after - before == pytest.approx(binding.price, abs=1e-4)


def test_a_price_is_named_for_a_supply_that_no_source_gives_yet() -> None:
    cells = [cell("x", "h", "licensed", [10] * 50), cell("x", "old", "anchor", [10] * 50, fresh=False)]
    plan = make_plan(cells, basic(anchor_freshness={None: Fraction(1, 2)}))
    assert not plan.feasible
    assert any("fresh `x` anchors admits 13.33" in message for message in plan.messages)


def test_declared_weights_are_met_where_supply_allows_and_approached_where_not() -> None:
    cells = [cell(d, "h", "licensed", [1] * n) for d, n in (("x", 900), ("y", 900), ("z", 50))]
    weights = {"x": Fraction(1, 2), "y": Fraction(3, 10), "z": Fraction(1, 5)}
    limits = Limits(target=200, weights=weights, tolerance=Fraction(1, 5))
    assert make_plan(cells, limits).draws.tolist() == [100, 60, 40]
    scarce = make_plan(cells, replace(limits, target=500))
    assert scarce.tokens == 500
    assert scarce.draws[2] == 50
    assert (scarce.draws[:2] >= [250, 150]).all()


@pytest.mark.parametrize(
    "cells",
    [
        [cell("x", "big", "licensed", [1] * 600), cell("x", "small", "enterprise", [1] * 200)],
        [cell("x", "new", "anchor", [1] * 600), cell("x", "old", "anchor", [1] * 200, fresh=False)],
        [
            cell("x", "one", "synthetic", [1] * 600, generator="g1"),
            cell("x", "two", "synthetic", [1] * 200, generator="g2"),
        ],
    ],
    ids=["human", "anchors", "synthetic"],
)
def test_sources_of_a_domain_are_drawn_evenly(cells: list[Cell]) -> None:
    assert make_plan(cells, basic(target=400, anchor_share={})).draws.tolist() == [300, 100]


def test_kinds_of_a_domain_are_drawn_evenly_as_far_as_the_rules_let_them() -> None:
    cells = [
        cell("x", "anchors", "anchor", [1] * 1000, fresh=True),
        cell("x", "books", "licensed", [1] * 4000),
        cell("x", "model", "synthetic", [1] * 5000, generator="g"),
    ]
    free = basic(target=1000, anchor_share={}, synthetic_share={})
    assert make_plan(cells, free).draws.tolist() == [100, 400, 500]
    capped = replace(free, anchor_share={"x": Fraction(1, 5)}, synthetic_share={"x": Fraction(3, 10)})
    assert make_plan(cells, capped).draws.tolist() == [200, 500, 300]


def test_the_effective_number_of_generators_is_reached_by_cuts() -> None:
    """Two small generators and a large one: the most of the large one is where exp(H) is exactly the floor."""
    cells = [cell("x", g, "synthetic", [1] * n, generator=g) for g, n in (("a", 1000), ("b", 700), ("c", 10**5))]
    plan = make_plan(cells, Limits(target=10**6, weights={"x": Fraction(1)}, min_effective=2.5))
    best = max(c for c in range(10**4) if effective_number([1000, 700, c]) >= 2.5)
    assert plan.feasible
    assert effective_number(plan.draws.tolist()) >= 2.5
    assert plan.tokens == pytest.approx(1700 + best, abs=3)


@pytest.mark.parametrize(("wanted", "expected"), [(2.0, 1000), (2.1, 0)])
def test_as_many_effective_generators_as_there_are_means_equal_shares_and_more_means_none(
    wanted: float, expected: int
) -> None:
    cells = [cell("x", g, "synthetic", [1] * n, generator=g) for g, n in (("a", 500), ("b", 9000))]
    cells.append(cell("x", "h", "licensed", [1] * 10))
    plan = make_plan(cells, Limits(target=10**6, weights={"x": Fraction(1)}, min_effective=wanted))
    assert plan.draws.tolist() == [expected // 2, expected // 2, 10]


def test_many_generators_converge() -> None:
    rng = np.random.default_rng(3)
    cells = [
        cell("x", f"g{i}", "synthetic", [int(n)], generator=f"g{i}")
        for i, n in enumerate(rng.pareto(0.7, 60) * 10**6 + 10)
    ]
    limits = Limits(target=10**12, weights={"x": Fraction(1)}, min_effective=25.0)
    plan = make_plan(cells, limits)
    assert plan.feasible
    assert violations(cells, limits, plan.draws) == []
    assert effective_number(plan.draws.tolist()) == pytest.approx(25.0, rel=1e-4)


def test_single_domain_no_cells_empty_sources_and_foreign_domains() -> None:
    assert make_plan([], basic()).messages[0].startswith("at most 0 tokens")
    empty = cell("x", "e", "licensed", [])
    assert not make_plan([empty], basic(anchor_share={})).feasible
    cells = [empty, cell("x", "h", "licensed", [5]), cell("elsewhere", "h", "licensed", [5])]
    assert make_plan(cells, basic(anchor_share={})).draws.tolist() == [0, 5, 0]


def test_every_modality_needs_an_anchor_when_asked() -> None:
    cells = [cell("x", "h", "licensed", [5] * 4), cell("x", "a", "anchor", [5])]
    limits = basic(anchor_share={}, anchor_modality=True, target=10)
    assert make_plan(cells, limits).draws[1] >= 1
    assert make_plan(cells[:1], limits).most == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"weights": {"x": Fraction(1, 2)}}, "domain weights sum to 0.5"),
        ({"weights": {}}, "no domain is declared"),
        ({"weights": {"x": Fraction(2), "y": Fraction(-1)}}, "the weight of `y` is -1"),
        ({"minimum": 2000}, "min_tokens 2,000 is above the target"),
        ({"target": 0, "minimum": 0}, "the target is 0 tokens"),
        ({"target": 2**60}, "the target of"),
        ({"tolerance": Fraction(-1)}, "tolerance -1 is negative"),
        ({"anchor_share": {"x": Fraction(6, 5)}}, "anchor_share of `x` is 1.2"),
        ({"anchor_freshness": {None: Fraction(2)}}, "anchor_freshness of the stage is 2"),
        ({"synthetic_share": {None: Fraction(-1)}}, "synthetic_share of the stage is -1"),
        ({"max_family_share": Fraction(3)}, "max_family_share is 3"),
        ({"min_effective": math.nan}, "min_effective is nan"),
    ],
)
def test_contradictory_declarations_are_named(changes: dict[str, object], named: str) -> None:
    plan = make_plan([cell("x", "a", "anchor", [10])], basic(**changes))
    assert not plan.feasible
    assert any(named in message and "contradicts itself" in message for message in plan.messages)


def test_cells_that_cannot_be_meant_are_refused() -> None:
    one = cell("x", "a", "anchor", [10])
    with pytest.raises(ValueError, match="given twice"):
        make_plan([one, one], basic())
    with pytest.raises(ValueError, match="negative count"):
        make_plan([replace(one, tokens=-1)], basic())
    with pytest.raises(ValueError, match="lower its repeat"):
        make_plan([replace(one, tokens=2**50, repeat=100)], basic())


@pytest.mark.parametrize("scale", [1, 10**6])
def test_ten_thousand_cells_up_to_a_trillion_tokens(scale: int) -> None:
    cells, limits, _ = large_world(10_000, 50, 300_000)
    cells = [replace(c, tokens=c.tokens * scale, longest=c.longest * scale) for c in cells]
    for target in (limits.target * scale, limits.target * scale * 10):
        plan = make_plan(cells, replace(limits, target=target))
        assert plan.feasible
        assert violations(cells, replace(limits, target=target), plan.draws) == []
        assert plan.tokens >= plan.most * (1 - 1e-6)
