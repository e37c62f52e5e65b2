"""Every prefix of the mix holds the shares, exactly within the documented bounds, whatever the layout."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.mix.cells import Cell
from anchor_pipeline.mix.order import merge_order
from anchor_pipeline_tests.mix.worlds import cell

Ints = npt.NDArray[np.int64]

SEQUENCES = st.lists(st.lists(st.integers(0, 30), max_size=12), min_size=1, max_size=6)


def flat(sequences: list[list[int]]) -> tuple[npt.NDArray[np.int32], Ints, list[Cell]]:
    cells = [cell("d", f"s{i:03d}", "licensed", sizes) for i, sizes in enumerate(sequences)]
    at = np.repeat(np.arange(len(sequences)), [len(s) for s in sequences]).astype(np.int32)
    return at, np.array([t for s in sequences for t in s], dtype=np.int64), cells


def worst_deviation(at: npt.NDArray[np.int32], tokens: Ints, order: Ints) -> tuple[Fraction, Fraction]:
    """Most a cell is ahead, in its own longest documents, and behind, in the mix's, over all prefixes; exact."""
    count = int(at.max()) + 1
    total = [int(tokens[at == c].sum()) for c in range(count)]
    longest = [int(tokens[at == c].max(initial=0)) for c in range(count)]
    whole, done, emitted = sum(total), [0] * count, 0
    ahead = behind = Fraction(0)
    for i in order.tolist():
        done[at[i]] += int(tokens[i])
        emitted += int(tokens[i])
        for c in range(count):
            if whole and longest[c]:
                off = done[c] - Fraction(total[c] * emitted, whole)
                ahead = max(ahead, off / longest[c])
                behind = max(behind, -off / max(longest))
    return ahead, behind


@settings(max_examples=150, deadline=None)
@given(SEQUENCES)
def test_every_prefix_is_within_one_longest_document_of_its_shares(sequences: list[list[int]]) -> None:
    at, tokens, cells = flat(sequences)
    order = merge_order(at, tokens, cells)
    assert sorted(order.tolist()) == list(range(len(tokens)))
    if len(tokens):
        ahead, behind = worst_deviation(at, tokens, order)
        assert ahead <= 1
        assert behind <= 1


def test_many_small_cells_beside_a_large_one() -> None:
    """The case that defeats sorting by finish alone: the large cell would run far ahead at the start."""
    at, tokens, cells = flat([[1] * 200, *([[20]] * 10)])
    ahead, behind = worst_deviation(at, tokens, merge_order(at, tokens, cells))
    assert ahead <= 1
    assert behind <= 1


def test_the_bound_holds_where_products_exceed_64_bits() -> None:
    rng = np.random.default_rng(5)
    sequences = [rng.integers(10**9, 10**11, 60).tolist(), [10**12] * 3, rng.integers(1, 10, 40).tolist()]
    at, tokens, cells = flat(sequences)
    ahead, behind = worst_deviation(at, tokens, merge_order(at, tokens, cells))
    assert ahead <= 1
    assert behind <= 1


@settings(max_examples=60, deadline=None)
@given(SEQUENCES)
def test_documents_of_a_cell_keep_their_draw_order(sequences: list[list[int]]) -> None:
    at, tokens, cells = flat(sequences)
    order = merge_order(at, tokens, cells)
    for c in range(len(cells)):
        mine = order[at[order] == c]
        assert (np.diff(mine) > 0).all()


@settings(max_examples=60, deadline=None)
@given(SEQUENCES, st.randoms(use_true_random=False))
def test_neither_cell_order_nor_arrangement_matters(sequences: list[list[int]], random: object) -> None:
    at, tokens, cells = flat(sequences)
    order = merge_order(at, tokens, cells)
    expected = [(cells[at[i]].source, int(tokens[i])) for i in order.tolist()]
    rng = np.random.default_rng(len(tokens))
    permuted = rng.permutation(len(cells))  # cells given in another order
    place = np.argsort(permuted)
    arrangement = np.argsort(rng.random(len(cells))[at], kind="stable")  # items of the cells in another arrangement
    at2, tokens2 = place[at[arrangement]].astype(np.int32), tokens[arrangement]
    cells2 = [cells[i] for i in permuted]
    again = merge_order(at2, tokens2, cells2)
    assert [(cells2[at2[i]].source, int(tokens2[i])) for i in again.tolist()] == expected


def test_empty_documents_and_empty_cells() -> None:
    at, tokens, cells = flat([[0, 0], [], [0, 3, 0, 3, 0], [6]])
    order = merge_order(at, tokens, cells)
    assert sorted(order.tolist()) == list(range(8))
    assert tokens[order[-3:]].tolist() == [
        0,
        0,
        0,
    ]  # a cell without tokens has no share: it comes when all tokens are out
    none = merge_order(np.zeros(0, np.int32), np.zeros(0, np.int64), cells)
    assert none.tolist() == []
    zeros, nothing, cells = flat([[0, 0], [0]])
    assert sorted(merge_order(zeros, nothing, cells).tolist()) == [0, 1, 2]


def test_wrong_input_is_named() -> None:
    cells = [cell("d", "s", "licensed", [1])]
    with pytest.raises(ValueError, match=r"outside 0\.\.0"):
        merge_order(np.array([1], np.int32), np.array([1]), cells)
    with pytest.raises(ValueError, match="negative"):
        merge_order(np.array([0], np.int32), np.array([-1]), cells)
    with pytest.raises(ValueError, match="2 cells for 1 token counts"):
        merge_order(np.array([0, 0], np.int32), np.array([1]), cells)
