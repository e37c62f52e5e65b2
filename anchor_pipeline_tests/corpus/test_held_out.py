"""What is held out follows from id and seed alone, is about the declared share, and only grows with it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa

from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.corpus.keyed_hash import document_keys

IDS = pa.array([f"source/{at}" for at in range(20_000)])


def test_the_share_is_kept_and_a_larger_one_holds_the_same_and_more() -> None:
    small, large = held_out(IDS, 1, Fraction(1, 20)), held_out(IDS, 1, Fraction(1, 4))
    assert abs(small.mean() - 0.05) < 0.005
    assert abs(large.mean() - 0.25) < 0.01
    assert (large | ~small).all()
    assert not held_out(IDS, 1, Fraction(0)).any()
    assert held_out(IDS, 1, Fraction(1)).all()


def test_order_and_company_have_no_say_but_the_seed_has() -> None:
    all_, some = held_out(IDS, 1, Fraction(1, 2)), held_out(IDS.take(pa.array([7, 3, 11])), 1, Fraction(1, 2))
    assert some.tolist() == all_[[7, 3, 11]].tolist()
    assert abs((all_ == held_out(IDS, 2, Fraction(1, 2))).mean() - 0.5) < 0.02


def test_it_is_independent_of_the_order_in_which_documents_are_drawn() -> None:
    held = held_out(IDS, 1, Fraction(1, 2))
    first = np.argsort(document_keys(IDS, 1)[0])[:5_000]
    assert abs(held[first].mean() - 0.5) < 0.03
