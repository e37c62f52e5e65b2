"""Shortfalls are sufficient to the token and necessary, and say which weight would do instead."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings

from anchor_pipeline.mix.cells import Cell, Limits
from anchor_pipeline.mix.plan import make_plan
from anchor_pipeline.mix.shortfall import Lack, find_shortfalls
from anchor_pipeline_tests.mix.worlds import World, cell, worlds


def supplied(cells: list[Cell], lack: Lack, share: Fraction = Fraction(1)) -> list[Cell]:
    """The cells and what was asked for (or a share of it, rounded down), as documents of one token."""
    added = [
        Cell(
            s.domain,
            f"collected {s.what}",
            "licensed" if s.what == "human" else "anchor",
            s.what == "fresh anchor",
            False,
            None,
            None,
            int(s.tokens * share),
            int(s.tokens * share),
            1,
        )
        for s in lack.shortfalls
    ]
    return [*cells, *added]


@settings(max_examples=60, deadline=None)
@given(worlds(largest=3000))
def test_exactly_the_shortfall_suffices_and_a_tenth_less_does_not(world: World) -> None:
    cells, limits, _ = world
    limits = replace(limits, minimum=1)
    lack = find_shortfalls(cells, limits)
    assert (lack.draws >= 0).all()
    assert all(n <= c.capacity for n, c in zip(lack.draws.tolist(), cells, strict=True))
    met = make_plan(supplied(cells, lack), limits)
    assert met.most == limits.target
    assume(lack.shortfalls and sum(s.tokens for s in lack.shortfalls) >= 40)
    less = make_plan(supplied(cells, lack, Fraction(9, 10)), limits)
    assert less.most < limits.target


def finance() -> tuple[list[Cell], Limits]:
    """Fresh anchors of finance are scarce; nothing else is."""

    def of(domain: str, source: str, kind: str, tokens: int, fresh: bool = True) -> Cell:
        return Cell(domain, source, kind, fresh, False, None, None, tokens, tokens // 100, 100)

    cells = [
        of("finance", "new", "anchor", 1_500_000),
        of("finance", "old", "anchor", 50_000_000, fresh=False),
        of("finance", "filings", "licensed", 90_000_000),
        of("support", "a", "anchor", 90_000_000),
        of("support", "h", "licensed", 90_000_000),
    ]
    limits = Limits(
        target=60_000_000,
        minimum=60_000_000,
        weights={"finance": Fraction(1, 5), "support": Fraction(4, 5)},
        tolerance=Fraction(1, 100),
        anchor_share={"finance": Fraction(3, 4), "support": Fraction(1, 5), None: Fraction(3, 20)},
        anchor_freshness={"finance": Fraction(1, 3)},
    )
    return cells, limits


def test_the_message_says_what_to_collect_or_which_weight_would_do() -> None:
    cells, limits = finance()
    lack = find_shortfalls(cells, limits)
    # 19 % of 60 M is 11.4 M; three quarters of it anchors; a third of them, 2.85 M, fresh; 1.5 M are there.
    assert [(s.domain, s.what, s.tokens) for s in lack.shortfalls] == [("finance", "fresh anchor", 1_350_000)]
    # 1.5 M fresh admit 6 M of finance, a tenth of the mix, and the tolerance a hundredth more.
    assert lack.messages == ["`finance` lacks 1,350,000 fresh anchor tokens; or lower its weight from 0.20 to 0.10"]
    weight = lack.shortfalls[0].weight
    assert weight is not None
    lowered = replace(limits, weights={"finance": weight, "support": 1 - weight})
    assert make_plan(cells, lowered).tokens == limits.target
    higher = weight + Fraction(2, 100)
    assert not make_plan(cells, replace(limits, weights={"finance": higher, "support": 1 - higher})).feasible


def test_the_draws_of_a_refusal_take_what_is_there() -> None:
    cells, limits = finance()
    lack = find_shortfalls(cells, limits)
    assert lack.draws[0] == 1_500_000
    assert lack.draws.sum() == pytest.approx(limits.target - 1_350_000, abs=5)


def test_a_plan_below_its_target_has_a_shopping_list_too() -> None:
    cells, limits = finance()
    limits = replace(limits, minimum=1)
    plan = make_plan(cells, limits)
    assert plan.feasible
    assert 0 < plan.tokens < limits.target
    assert find_shortfalls(cells, limits).shortfalls[0].tokens == 1_350_000
    assert find_shortfalls(cells, limits, at=plan.tokens).shortfalls == []


def test_the_least_demanding_supply_is_asked_for() -> None:
    limits = Limits(target=1000, weights={"x": Fraction(1)}, anchor_share={None: Fraction(3, 20)})
    lack = find_shortfalls([], limits)
    assert [(s.what, s.tokens) for s in lack.shortfalls] == [("human", 850), ("anchor", 150)]
    fresh = find_shortfalls([], replace(limits, anchor_freshness={"x": Fraction(1, 3)}))
    assert [(s.what, s.tokens) for s in fresh.shortfalls] == [("human", 850), ("anchor", 100), ("fresh anchor", 50)]
    assert lack.shortfalls[0].weight is None  # the only domain cannot weigh less


def test_nothing_lacks_where_the_target_can_be_met() -> None:
    cells, limits = [cell("x", "h", "licensed", [10] * 10)], Limits(target=100, weights={"x": Fraction(1)})
    lack = find_shortfalls(cells, limits)
    assert (lack.shortfalls, lack.messages, lack.draws.tolist()) == ([], [], [100])


def test_contradictory_declarations_are_named_and_nothing_is_asked_for() -> None:
    limits = Limits(target=100, weights={"x": Fraction(1)}, anchor_share={"x": Fraction(3, 2)})
    lack = find_shortfalls([], limits)
    assert lack.shortfalls == []
    assert "anchor_share of `x` is 1.5" in lack.messages[0]
    assert "expected 1 to the target" in find_shortfalls([], replace(limits, anchor_share={}), at=101).messages[0]
