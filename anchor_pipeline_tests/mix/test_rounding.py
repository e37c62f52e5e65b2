"""Rounding to whole documents ends on the lawful side, and the compiled repair agrees with the plain judge."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.mix.cells import Cell, Limits
from anchor_pipeline.mix.judge import violations
from anchor_pipeline.mix.layout import kind_of, ratios
from anchor_pipeline.mix.potential import cost, sum_up
from anchor_pipeline.mix.repair import drawn_tokens, round_groups
from anchor_pipeline.mix.rounding import Problem, problem, settle
from anchor_pipeline_tests.mix.worlds import World, cell, documents, worlds

Ints = npt.NDArray[np.int64]


def posed(cells: list[Cell], limits: Limits, docs: pl.DataFrame) -> Problem:
    """The problem over cells in their given order, documents in key order, every cell its own group."""
    docs = docs.sort("cell", "key1", "key2")
    counts = np.bincount(docs["cell"].to_numpy(), minlength=len(cells))
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
    sizes = docs["tokens"].to_numpy().astype(np.int64)
    running = np.cumsum(sizes)
    before = np.concatenate([np.zeros(1, np.int64), running])[first[:-1]]
    repeat = np.array([c.repeat for c in cells], dtype=np.int64)
    group = np.arange(len(cells), dtype=np.int64)
    kinds = [kind_of(c) for c in cells]
    return problem(kinds, limits, first, sizes, running - np.repeat(before, counts), repeat, group)


def declared(world: World) -> World:
    """The world without cells of undeclared domains, which rounding never sees."""
    cells, limits, docs = world
    keep = [i for i, c in enumerate(cells) if c.domain in limits.weights]
    place = {old: new for new, old in enumerate(keep)}
    kept = docs.filter(pl.col("cell").is_in(keep)).with_columns(
        pl.col("cell").replace_strict(place, return_dtype=pl.Int32)
    )
    return [cells[i] for i in keep], limits, kept


@settings(max_examples=300, deadline=None)
@given(worlds(), st.data())
def test_the_potential_is_zero_exactly_where_the_judge_finds_nothing(world: World, data: st.DataObject) -> None:
    cells, limits, docs = declared(world)
    given_ = posed(cells, replace(limits, minimum=0), docs)
    every = given_.documents * given_.steps.repeat
    taken = np.array([data.draw(st.integers(0, int(n))) for n in every], dtype=np.int64)
    drawn = given_.drawn(taken)
    shape = given_.shape
    sums = sum_up(given_.steps, drawn, len(shape.domains), len(shape.families), len(shape.generators))
    assert (cost(given_.rules, sums) == 0) == (violations(cells, replace(limits, minimum=0), drawn) == [])


@settings(max_examples=200, deadline=None)
@given(worlds(), st.data())
def test_settled_draws_are_prefixes_and_lawful_when_they_say_so(world: World, data: st.DataObject) -> None:
    cells, limits, docs = declared(world)
    given_ = posed(cells, limits, docs)
    wanted = np.array([data.draw(st.integers(0, c.capacity)) for c in cells], dtype=np.int64)
    settled = settle(given_, wanted)
    assert (settled.drawn == given_.drawn(settled.taken)).all()
    assert (settled.taken >= 0).all()
    assert (settled.taken <= given_.documents * given_.steps.repeat).all()
    found = violations(cells, replace(limits, minimum=0), settled.drawn)
    assert (settled.left == 0) == (found == [])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5), st.booleans(), st.data())
def test_a_group_of_cells_is_off_by_less_than_one_document(
    sizes: list[list[int]], anchor: bool, data: st.DataObject
) -> None:
    kind = "anchor" if anchor else "licensed"
    cells = [cell("x", f"s{i}", kind, own, repeat=2) for i, own in enumerate(sizes)]
    wanted = np.array([data.draw(st.integers(0, c.capacity)) for c in cells], dtype=np.int64)
    given_ = posed(cells, Limits(target=10**6, weights={"x": Fraction(1)}), documents(sizes))
    taken = round_groups(given_.steps, wanted, np.zeros(len(cells), np.int64))
    error = int(drawn_tokens(given_.steps, taken).sum() - wanted.sum())
    longest = max(c.longest for c in cells)
    if anchor:  # up, unless the cells from some point on hold no further document
        assert error < max(longest, 1)
        assert error >= 0 or int(taken[-1]) == cells[-1].documents * 2 or cells[-1].tokens == 0
    else:
        assert error <= 0


@pytest.mark.parametrize(("kind", "expected"), [("anchor", [21, 0, 22]), ("licensed", [14, 7, 11])])
def test_anchors_are_rounded_up_and_all_else_down_carrying_the_error_on(kind: str, expected: list[int]) -> None:
    sizes = [[7] * 6, [7] * 6, [11] * 6]
    cells = [cell("x", f"s{i}", kind, own) for i, own in enumerate(sizes)]
    given_ = posed(cells, Limits(target=10**6, weights={"x": Fraction(1)}), documents(sizes))
    wanted = np.array([16, 5, 15], dtype=np.int64)
    taken = round_groups(given_.steps, wanted, np.zeros(3, np.int64))
    assert given_.drawn(taken).tolist() == expected


def test_rounding_to_nearest_would_fall_below_the_floor() -> None:
    """15 % of what 3-token documents can make up: the nearest prefix is below the floor, ours is not."""
    cells = [cell("x", "a", "anchor", [3] * 100), cell("x", "h", "licensed", [5] * 100)]
    limits = Limits(target=103, weights={"x": Fraction(1)}, anchor_share={None: Fraction(3, 20)})
    settled = settle(posed(cells, limits, documents([[3] * 100, [5] * 100])), np.array([16, 87], dtype=np.int64))
    assert settled.left == 0
    assert settled.drawn[0] * 20 >= 3 * settled.tokens
    assert 95 <= settled.tokens <= 103


def test_ratios_with_huge_denominators_become_stricter_never_laxer() -> None:
    odd = Fraction(333_333_333_333, 10**12)
    limits = Limits(
        target=10**12,
        weights={"x": odd, "y": 1 - odd},
        tolerance=Fraction(1, 100),
        anchor_share={None: odd},
        synthetic_share={None: odd},
        max_family_share=odd,
    )
    exact = ratios(limits)
    assert Fraction(*exact.anchor[-1].tolist()) >= odd >= Fraction(*exact.synthetic[-1].tolist())
    assert odd >= Fraction(*exact.family.tolist())
    assert Fraction(*exact.low[0].tolist()) >= odd - Fraction(1, 100)
    assert Fraction(*exact.high[0].tolist()) <= odd + Fraction(1, 100)
    assert max(int(pair[1]) for pair in exact.anchor) * 2 * limits.target < 2**63
