"""Whatever is changed in a ledger of 20 entries or the head over it, both verifiers say so, and by the same name.

All single-bit flips and all truncations take about 20 minutes of one core (1.5 million flips, 0.7 ms each for both);
the fast test takes one in a thousand. Ledger: 187 KB with every kind of entry.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from anchor_pipeline_tests.custody.forge import long
from anchor_pipeline_tests.custody.tampering import SOUND, Bench

ENTRIES, SHARDS = 20, 8


@cache
def ledger_and_head() -> Bench:
    return Bench(long(ENTRIES))


def bench() -> Bench:
    made = ledger_and_head()
    made.said.clear()
    made.wrong.clear()
    return made


def test_the_ledger_itself_is_sound() -> None:
    made = bench()
    assert len(made.lines) == ENTRIES
    for start in range(ENTRIES + 1):
        made.attempt("nothing", start, made.lines[start:])
    assert made.said == {SOUND: ENTRIES + 1}


def test_flipped_bits_and_truncations_are_found() -> None:
    made, chosen = bench(), random.Random(20)
    for _ in range(1200):
        entry = chosen.randrange(ENTRIES)
        made.flip(entry, chosen.randrange(8 * len(made.lines[entry])))
        made.cut(entry, chosen.randrange(len(made.lines[entry])))
    for _ in range(300):
        made.flip_head(chosen.randrange(8 * len(made.head)))
        made.cut_head(chosen.randrange(len(made.head)))
    assert made.wrong == []
    assert made.said.keys() >= {"malformed", "signature_ed25519", "signature_ml_dsa_65", "truncated", "head_signature"}


def test_newlines_are_part_of_a_ledger() -> None:
    """A flipped bit may make two entries of one, or one of two."""
    made = bench()
    for entry in range(ENTRIES):
        for bit in range(8):
            made.flip(entry, 8 * (len(made.lines[entry]) - 1) + bit)
        # J and a newline differ in one bit.
        at = made.lines[entry].index(b"J")
        made.flip(entry, 8 * at + 6)
    assert made.wrong == []


@pytest.mark.marathon
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_flipped_bit_is_found(shard: int) -> None:
    made = bench()
    for entry in range(ENTRIES):
        for bit in range(shard, 8 * len(made.lines[entry]), SHARDS):
            made.flip(entry, bit)
    assert made.wrong == []
    assert made.said.total() == sum(len(line) for line in made.lines)


@pytest.mark.slow
def test_every_flipped_bit_of_the_head_is_found() -> None:
    made = bench()
    for bit in range(8 * len(made.head)):
        made.flip_head(bit)
    assert made.wrong == []
    assert made.said.total() == 8 * len(made.head)


@pytest.mark.slow
def test_every_truncation_is_found() -> None:
    made = bench()
    for entry in range(ENTRIES):
        for length in range(len(made.lines[entry])):
            made.cut(entry, length)
    for length in range(len(made.head)):
        made.cut_head(length)
    assert made.wrong == []
    assert made.said["truncated"] == sum(len(line) - 1 for line in made.lines)
