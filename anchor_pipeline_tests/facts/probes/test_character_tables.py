"""The tables of character probes against plain look-ups in the model: frequent and rare characters, blocks, orders."""

from __future__ import annotations

import random
from itertools import accumulate

import pyarrow as pa
import pytest

from anchor_pipeline.facts.probes.character_probe import CharacterProbe, train_character_probe
from anchor_pipeline.facts.probes.ngram_model import NgramModel
from anchor_pipeline.facts.probes.ngrams import BEGIN, END, FIRST, UNKNOWN
from anchor_pipeline.facts.probes.probe import open_probe

COMMON = "e taoinshrdlucmfwypvbgkjqxz.,-'ETAOINSHRDLUCMFWYPVBGKJQXZ0123456789\n"
SIGNS = COMMON + "äöüßéèñçøåþαβγδεζηθικλμабвгд漢字仮名🙂🎉"


def text(seed: int, length: int, extra: str = "") -> str:
    """Characters as common as their rank says, and some that training has not seen."""
    rng = random.Random(seed)
    weights = [1 / (1 + i) for i in range(len(SIGNS))] + [0.02] * len(extra)
    return "".join(rng.choices(SIGNS + extra, cum_weights=list(accumulate(weights)), k=length))


def plain_bits(model: NgramModel, document: str) -> float:
    """−log2 p by look-ups in dictionaries: the backoffs of the contexts until an n-gram is there."""
    costs = [dict(zip(map(int, level.keys), map(float, level.bits), strict=True)) for level in model.levels]
    backoffs = [dict(zip(map(int, level.keys), map(float, level.backoff), strict=True)) for level in model.levels]
    ids = {chr(int(code)): FIRST + i for i, code in enumerate(model.vocabulary)}
    units, total = [BEGIN, *(ids.get(sign, UNKNOWN) for sign in document), END], 0.0
    for at in range(1, len(units)):
        for first in range(max(0, at - model.order + 1), at + 1):
            key = 0
            for unit in units[first : at + 1]:
                key = (key << model.id_bits) | unit
            length = at - first
            if key in costs[length]:
                total += costs[length][key]
                break
            total += backoffs[length - 1].get(key >> model.id_bits, 0.0)
    return total


@pytest.mark.parametrize(("order", "length"), [(1, 3000), (2, 3000), (3, 9000), (4, 9000), (5, 40_000), (6, 9000)])
def test_a_text_costs_what_plain_lookups_in_the_model_say(order: int, length: int) -> None:
    known = [text(seed, length // 4) for seed in range(4)]
    probe = open_probe(train_character_probe([pa.array(known)], order), "p", "0" * 64)
    assert isinstance(probe, CharacterProbe)
    # Longer than two blocks, of one to four bytes a character; as they were trained on, unseen, short and empty.
    documents = [known[0], text(9, 9000, "☃жф\x00"), text(10, 4096), text(11, 4095), "", "e", "🙂", "e t", "☃"]
    bits, units = probe.score(pa.array(documents))
    for document, cost, count in zip(documents, bits, units, strict=True):
        assert count == len(document) + 1
        assert cost == pytest.approx(plain_bits(probe.model, document), abs=1e-4 * count)
