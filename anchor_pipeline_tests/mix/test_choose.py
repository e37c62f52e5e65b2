"""What is chosen is lawful to the token, a prefix of each cell's keyed order, and never refused without need."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anchor_pipeline.mix.cells import Cell, Limits
from anchor_pipeline.mix.choose import Choice, choose, take
from anchor_pipeline.mix.judge import violations
from anchor_pipeline.mix.order import merge_order
from anchor_pipeline.mix.plan import make_plan
from anchor_pipeline_tests.mix.worlds import (
    World,
    cell,
    combinations,
    documents,
    large_world,
    lawful_prefixes,
    worlds,
)


def run(world: World) -> Choice:
    cells, limits, docs = world
    return choose(cells, limits, make_plan(cells, limits), docs)


def assert_prefixes(world: World, choice: Choice) -> None:
    """Items are what they say: whole documents, in key order within a cell, pass after pass."""
    cells, _, docs = world
    ordered = docs.with_row_index("row").sort("cell", "key1", "key2")
    for i, c in enumerate(cells):
        mine = choice.cell == i
        rows = ordered.filter(pl.col("cell") == i)["row"].to_list() * c.repeat
        assert choice.rows[mine].tolist() == rows[: int(mine.sum())]
        assert choice.epoch[mine].tolist() == [n // max(1, c.documents) for n in range(int(mine.sum()))]
        assert choice.counts[i] == mine.sum()
        assert choice.item_tokens[mine].sum() == choice.drawn[i] <= c.capacity
    assert (docs["tokens"].to_numpy()[choice.rows] == choice.item_tokens).all()


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_floors_and_caps_are_never_violated_by_one_token(world: World) -> None:
    choice = run(world)
    if choice.lawful:
        assert violations(world[0], world[1], choice.drawn) == []
        assert_prefixes(world, choice)
    else:
        assert choice.reason
        assert choice.tokens == len(choice.rows) == 0


@settings(max_examples=150, deadline=None)
@given(worlds(most_cells=5))
def test_nothing_is_refused_for_which_brute_force_finds_a_lawful_choice(world: World) -> None:
    assume(combinations(world) <= 1_500)
    if not run(world).lawful:
        assert lawful_prefixes(world) is None


@settings(max_examples=80, deadline=None)
@given(worlds(), st.integers(0, 5))
def test_neither_row_order_nor_cell_order_matters(world: World, seed: int) -> None:
    cells, limits, docs = world
    choice = run(world)
    rng = np.random.default_rng(seed)
    permuted = rng.permutation(len(cells))
    place = np.argsort(permuted).astype(np.int32)
    shuffled = docs.with_columns(pl.Series("cell", place[docs["cell"].to_numpy()])).sample(
        fraction=1.0, shuffle=True, seed=seed
    )
    again = run(([cells[i] for i in permuted], limits, shuffled))
    assert again.lawful == choice.lawful
    assert again.drawn.tolist() == choice.drawn[permuted].tolist()
    assert trained(again, [cells[i] for i in permuted], shuffled) == trained(choice, cells, docs)


def trained(choice: Choice, cells: list[Cell], docs: pl.DataFrame) -> list[tuple[str, int, int]]:
    """The training order as (source, key, epoch), which no arrangement of the input enters."""
    order = merge_order(choice.cell, choice.item_tokens, cells)
    keys = docs["key1"].to_numpy()
    return [(cells[choice.cell[i]].source, int(keys[choice.rows[i]]), int(choice.epoch[i])) for i in order.tolist()]


def chosen_keys(choice: Choice, docs: pl.DataFrame, at: int) -> list[int]:
    keys: list[int] = docs["key1"].to_numpy()[choice.rows[choice.cell == at]].tolist()
    return keys


def test_a_larger_draw_keeps_the_smaller_one_as_its_prefix() -> None:
    sizes = [[7] * 300, [11] * 400]
    cells = [cell("x", "a", "anchor", sizes[0]), cell("x", "h", "licensed", sizes[1])]
    docs = documents(sizes)
    before: list[list[int]] = [[], []]
    for target in (200, 500, 1300, 4000):
        limits = Limits(target=target, weights={"x": Fraction(1)}, anchor_share={None: Fraction(1, 5)})
        choice = run((cells, limits, docs))
        assert choice.lawful
        for at in (0, 1):
            now = chosen_keys(choice, docs, at)
            assert now[: len(before[at])] == before[at]
            before[at] = now


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_newly_collected_documents_displace_only_what_comes_after_them(seed: int, more: int) -> None:
    """A document leaves a cell only if a new one with a smaller key took its place; the order of the rest stays."""
    sizes = [5] * 80
    old, new = documents([sizes], seed), documents([[5] * more], seed + 1)
    limits = Limits(target=200, weights={"x": Fraction(1)})
    earlier = run(([cell("x", "h", "licensed", sizes)], limits, old))
    both = pl.concat([old, new])
    later = run(([cell("x", "h", "licensed", [5] * (80 + more))], limits, both))
    first, second = chosen_keys(earlier, old, 0), chosen_keys(later, both, 0)
    assert len(first) == len(second) == 40
    stayed = [key for key in first if key in set(second)]
    assert [key for key in second if key in set(first)] == stayed
    assert first[: len(stayed)] == stayed  # those that left are the last of the earlier order
    assert len(second) - len(stayed) <= more


def test_one_document_larger_than_the_whole_draw_of_its_cell() -> None:
    """The plan wants 20 of 100 tokens from a cell whose only document has 90: it is left out, or room is made."""
    sizes = [[90], [1] * 200, [4] * 50]
    cells = [cell("x", "book", "licensed", sizes[0]), cell("x", "notes", "licensed", sizes[1])]
    cells.append(cell("x", "a", "anchor", sizes[2]))
    limits = Limits(target=100, weights={"x": Fraction(1)}, anchor_share={None: Fraction(1, 5)})
    choice = run((cells, limits, documents(sizes)))
    assert choice.lawful
    assert choice.tokens >= 95
    alone = replace(limits, weights={"x": Fraction(1, 2), "y": Fraction(1, 2)}, tolerance=Fraction(1, 10), target=300)
    other = [replace(c, domain="y") for c in cells[1:]]
    choice = run(([*cells[:1], cells[2], *other], alone, documents([sizes[0], sizes[2], sizes[1], sizes[2]])))
    assert choice.lawful


def test_room_that_a_large_document_leaves_is_filled_from_other_cells() -> None:
    sizes = [[1] * 100, [40, 40]]
    cells = [cell("x", "a notes", "licensed", sizes[0]), cell("x", "books", "licensed", sizes[1])]
    choice = run((cells, Limits(target=100, weights={"x": Fraction(1)}), documents(sizes)))
    assert choice.drawn.tolist() == [60, 40]


def test_an_only_document_above_the_target_is_refused_with_the_reason() -> None:
    choice = run(
        ([cell("x", "book", "licensed", [90])], Limits(target=50, weights={"x": Fraction(1)}), documents([[90]]))
    )
    assert not choice.lawful
    assert "the longest document has 90" in choice.reason
    assert choice.violations


def test_tiny_cells_empty_cells_and_a_single_domain() -> None:
    sizes = [[1], [2], [], [0, 0], [3], [1, 0, 1]]
    kinds = ["anchor", "licensed", "anchor", "licensed", "enterprise", "anchor"]
    cells = [cell("x", f"s{i}", k, s) for i, (k, s) in enumerate(zip(kinds, sizes, strict=True))]
    limits = Limits(target=7, weights={"x": Fraction(1)}, anchor_share={"x": Fraction(2, 7), None: Fraction(2, 7)})
    choice = run((cells, limits, documents(sizes)))
    assert choice.lawful
    assert choice.tokens == 7


def test_many_epochs_repeat_the_whole_order_pass_by_pass() -> None:
    sizes = [[3, 5, 2], [10] * 40]
    cells = [cell("x", "a", "anchor", sizes[0], repeat=9), cell("x", "h", "licensed", sizes[1])]
    limits = Limits(target=400, weights={"x": Fraction(1)}, anchor_share={None: Fraction(1, 5)})
    docs = documents(sizes)
    choice = run((cells, limits, docs))
    assert choice.lawful
    assert choice.drawn[0] >= 78
    assert choice.epoch[choice.cell == 0].max() >= 7
    assert_prefixes((cells, limits, docs), choice)


def test_the_same_document_in_two_domains_is_two_documents_with_one_key() -> None:
    one = documents([[5] * 20])
    docs = pl.concat([one, one.with_columns(pl.lit(1, pl.Int32).alias("cell"))])
    cells = [cell(d, "shared", "licensed", [5] * 20) for d in ("x", "y")]
    limits = Limits(target=100, weights={"x": Fraction(1, 2), "y": Fraction(1, 2)})
    choice = run((cells, limits, docs))
    assert choice.drawn.tolist() == [50, 50]
    assert chosen_keys(choice, docs, 0) == chosen_keys(choice, docs, 1)


@pytest.mark.parametrize("share", [0.3, 3.0, 0.002])
@pytest.mark.parametrize("longest", [2_000, 60_000])
def test_large_worlds_are_lawful_and_close_to_the_plan(share: float, longest: int) -> None:
    cells, limits, docs = large_world(3_000, 20, 120_000, seed=longest, longest=longest)
    limits = replace(limits, target=int(limits.target * share))
    plan = make_plan(cells, limits)
    choice = choose(cells, limits, plan, docs)
    assert choice.lawful, choice.reason
    assert violations(cells, limits, choice.drawn) == []
    assert choice.tokens >= min(0.98 * plan.tokens, plan.tokens - longest)


def test_documents_that_are_not_those_of_the_plan_are_refused() -> None:
    cells, limits = [cell("x", "h", "licensed", [5] * 4)], Limits(target=10, weights={"x": Fraction(1)})
    plan = make_plan(cells, limits)
    with pytest.raises(ValueError, match="planned with 20 tokens, its documents hold 15"):
        choose(cells, limits, plan, documents([[5] * 3]))
    with pytest.raises(ValueError, match=r"outside 0\.\.0"):
        choose(cells, limits, plan, documents([[5] * 4, [5]]))
    with pytest.raises(ValueError, match="negative token count"):
        choose(cells, limits, plan, documents([[25, -5]]))


def test_a_refusal_can_be_measured_on_the_nearest_documents() -> None:
    sizes = [[5] * 4, [5] * 100]
    cells = [cell("x", "a", "anchor", sizes[0]), cell("x", "h", "licensed", sizes[1])]
    limits = Limits(target=400, minimum=400, weights={"x": Fraction(1)}, anchor_share={None: Fraction(1, 2)})
    docs = documents(sizes)
    nearest = take(cells, limits, np.array([20, 198], dtype=np.int64), docs)
    assert not nearest.lawful
    assert nearest.drawn.tolist() == [20, 195]
    assert ("anchor_share", None, 88) in nearest.violations
    assert_prefixes((cells, limits, docs), nearest)
