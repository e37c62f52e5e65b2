"""The models: what the formula says, whatever the texts, and the same however they are divided."""

from __future__ import annotations

import math
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.probes.card import read_card
from anchor_pipeline.facts.probes.character_probe import train_character_probe
from anchor_pipeline.facts.probes.probe import open_probe
from anchor_pipeline.facts.probes.word_probe import train_word_probe
from anchor_pipeline_tests.facts.probes.reference import BEGIN, Reference

TRAIN = {"words": train_word_probe, "characters": train_character_probe}

texts_of_words = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=9), min_size=1, max_size=12).filter(any)
cut_offs = st.sampled_from([(1,), (2,), (1, 1, 2), (2, 2, 3), (1, 2, 2)])


def units(text: list[str], kind: str) -> list[str]:
    return text if kind == "words" else list(" ".join(text))


def scores(
    kind: str, texts: list[list[str]], asked: list[list[str]], order: int, least: tuple[int, ...]
) -> list[float]:
    files = TRAIN[kind]([pa.array([" ".join(text) for text in texts])], order, least[:order])
    probe = open_probe(files, "p", "0" * 64)
    bits, found = probe.score(pa.array([" ".join(text) for text in asked]))  # type: ignore[attr-defined]
    assert found.tolist() == [len(units(text, kind)) + 1 for text in asked]
    return list(bits)


@pytest.mark.parametrize("kind", ["words", "characters"])
@settings(max_examples=60, deadline=None)
@given(texts=texts_of_words, asked=texts_of_words, order=st.integers(1, 3), least=cut_offs)
def test_a_probe_says_what_the_formula_says(
    kind: str, texts: list[list[str]], asked: list[list[str]], order: int, least: tuple[int, ...]
) -> None:
    reference = Reference([units(text, kind) for text in texts], order, least[:order])
    for text, bits in zip(asked, scores(kind, texts, asked, order, least), strict=True):
        expected = reference.bits(units(text, kind))
        assert bits == pytest.approx(sum(expected), abs=1e-4 * len(expected))


@settings(max_examples=40, deadline=None)
@given(texts=texts_of_words, order=st.integers(1, 4), least=cut_offs)
def test_probabilities_sum_to_one_in_every_context(texts: list[list[str]], order: int, least: tuple[int, ...]) -> None:
    reference = Reference([units(text, "characters") for text in texts], order, least[:order])
    outcomes = reference.outcomes
    for context in [(), (BEGIN,), (BEGIN, "a"), ("a", " "), ("a", " ", "b"), ("q", "q"), (" ", "<unk>")]:
        assert sum(reference.probability(unit, context) for unit in outcomes) == 1


def test_the_costs_of_all_that_may_follow_sum_to_one_in_the_tables_of_a_probe() -> None:
    rng = random.Random(7)
    texts = [rng.choices("abcd", k=12) for _ in range(30)]
    probe = open_probe(train_word_probe([pa.array([" ".join(text) for text in texts])]), "p", "0" * 64)
    for context in ("", "a", "a b", "d c b", "a zzz", "zzz zzz"):
        costs = [_cost_of_next(probe, context, unit) for unit in [*"abcd", "zzz", None]]
        assert sum(2.0**-cost for cost in costs) == pytest.approx(1.0, abs=1e-4)


def _cost_of_next(probe, context: str, unit: str | None) -> float:  # type: ignore[no-untyped-def]
    """Of the levels of the model itself, read from the long end."""
    model = probe.model
    known = {(1, int(key)): i for i, key in enumerate(model.levels[0].keys)}
    for k in (2, 3):
        known.update({(k, int(key)): i for i, key in enumerate(model.levels[k - 1].keys)})
    from anchor_pipeline.facts.words import words_of

    place = {int(value): 4 + i for i, value in enumerate(model.vocabulary)}
    ids = [place.get(int(word) >> 4, 1) for word in words_of(pa.array([context]))[0]]
    last = 3 if unit is None else place.get(int(words_of(pa.array([unit]))[0][0]) >> 4, 1)
    before, cost = [2, *ids][-2:], 0.0
    while True:
        gram = [*before, last]
        key = (len(gram), sum(one << 20 * (len(gram) - 1 - i) for i, one in enumerate(gram)))
        if key in known:
            return cost + float(model.levels[len(gram) - 1].bits[known[key]])
        above = (len(before), sum(one << 20 * (len(before) - 1 - i) for i, one in enumerate(before)))
        if above in known:
            cost += float(model.levels[len(before) - 1].backoff[known[above]])
        before = before[1:]


def test_rows_longer_than_a_block_cost_what_their_words_cost() -> None:
    rng = random.Random(3)
    texts = [[rng.choice("abcdefgh") for _ in range(5000)] for _ in range(2)]
    reference = Reference(texts, 3)
    for size in (2046, 2047, 2048, 2049, 4096, 5000):
        found = scores("words", texts, [texts[1][:size]], 3, (1,))
        assert found[0] == pytest.approx(_fast_bits(reference, texts[1][:size]), rel=1e-5)


def _fast_bits(reference: Reference, text: list[str]) -> float:
    cache: dict[tuple[str, ...], float] = {}
    total = 0.0
    context: tuple[str, ...] = (BEGIN,)
    for unit in [*text, "</s>"]:
        key = (*context[-2:], unit)
        if key not in cache:
            cache[key] = -math.log2(reference.probability(unit, context[-2:]))
        total += cache[key]
        context = (*context[-2:], unit)
    return total


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_the_same_texts_in_another_order_and_division_give_the_same_bytes(kind: str) -> None:
    rng = random.Random(5)
    texts = [
        " ".join(rng.choices(["one", "two", "three", "é", "漢字", "!", "🙂"], k=rng.randrange(30))) for _ in range(300)
    ]
    files = TRAIN[kind]([pa.array(texts)], 3, (1, 1, 2))
    rng.shuffle(texts)
    again = TRAIN[kind]([pa.array(texts[:7]), pa.array(texts[7:7], pa.string()), pa.array(texts[7:])], 3, (1, 1, 2))
    assert files == again


def test_a_text_of_unseen_words_costs_more_than_one_of_seen_ones() -> None:
    texts = pa.array(["the cat sat on the mat", "the dog sat on the rug"] * 5)
    for least in ((1,), (2,)):
        probe = open_probe(train_word_probe([texts], 3, least), "p", "0" * 64)
        bits, found = probe.score(pa.array(["the cat sat on the rug", "xq zw vk pj qy wz"]))  # type: ignore[attr-defined]
        assert bits[1] / found[1] > 2 * bits[0] / found[0]


def test_odd_texts_have_finite_costs() -> None:
    odd = pa.array(["", None, "\x00", "🙂" * 300, "שלום עולם hello", "a" * 100_000, "\u200b", "漢" * 50, " \n\t"])
    for kind in TRAIN:
        probe = open_probe(TRAIN[kind]([odd]), "p", "0" * 64)
        other = open_probe(TRAIN[kind]([pa.array(["plain words"])]), "p", "0" * 64)
        for one in (probe, other):
            bits, found = one.score(odd)  # type: ignore[attr-defined]
            assert np.isfinite(bits).all()
            assert (bits >= 0).all()
            assert (found >= 1).all()


def test_the_card_says_what_it_was_made_from() -> None:
    files = train_word_probe([pa.array(["a a b", "a c"])], 2, (2,), cycle="2025")
    card = read_card(files["card.json"])
    assert (card.kind, card.order, card.vocabulary, card.unknown_types) == ("words", 2, 1, 2)
    assert (card.documents, card.units, card.cycle, card.min_counts) == (2, 5, "2025", (2, 2))
    assert card.orders[0].fallback


@pytest.mark.parametrize("texts", [[], [""], ["  "]])
def test_nothing_to_train_on_is_said(texts: list[str]) -> None:
    with pytest.raises(UsageError, match="no word"):
        train_word_probe([pa.array(texts, pa.string())])


@pytest.mark.parametrize(("order", "least"), [(0, (1,)), (4, (1,)), (3, (1, 3, 2)), (3, (0,)), (2, (1, 1, 1))])
def test_orders_and_counts_that_cannot_be_are_refused(order: int, least: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        train_word_probe([pa.array(["a b"])], order, least)
