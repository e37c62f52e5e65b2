from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anchor_pipeline.facts.media.hamming import HashIndex

Words = NDArray[np.uint64]


def brute(queries: Words, hashes: Words, within: int, itself: bool = False) -> tuple[list[int], list[int]]:
    """What `nearest` promises, one pair at a time."""
    found, distances = [], []
    for at, query in enumerate(queries.tolist()):
        best, which = within + 1, -1
        for number, other in enumerate(hashes.tolist()):
            bits = sum((a ^ b).bit_count() for a, b in zip(query, other, strict=True))
            if bits < best and not (itself and number == at):
                best, which = bits, number
        found.append(which)
        distances.append(best)
    return found, distances


def check(queries: Words, hashes: Words, within: int, itself: bool = False) -> None:
    found, distances = HashIndex.of(hashes).nearest(queries, within, itself=itself)
    assert (found.tolist(), distances.tolist()) == brute(queries, hashes, within, itself)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), words=st.sampled_from([1, 4]), within=st.integers(0, 70), many=st.integers(1, 120))
def test_finds_what_comparing_all_pairs_finds(seed: int, words: int, within: int, many: int) -> None:
    random = np.random.Generator(np.random.PCG64(seed))
    hashes = random.integers(0, 2**64, (many, words), dtype=np.uint64)
    queries = hashes[random.integers(0, many, 20)].copy()
    for query in queries:  # from copies to strangers
        for bit in random.integers(0, 64 * words, random.integers(0, 2 * within + 2)):
            query[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    check(queries, hashes, within)
    check(hashes, hashes, within, itself=True)


@pytest.mark.parametrize(("words", "within"), [(4, 31), (4, 47), (1, 7), (1, 11)])
def test_nothing_is_missed_at_the_very_edge_among_many(words: int, within: int) -> None:
    # Enough hashes that the table is used, and wrong bits spread such that every piece has its full share of them.
    random = np.random.Generator(np.random.PCG64(7))
    hashes = random.integers(0, 2**64, (60_000, words), dtype=np.uint64)
    chosen = random.integers(0, len(hashes), 200)
    queries = hashes[chosen].copy()
    pieces = 4 * words
    for query in queries:
        for number in range(within):
            bit = 16 * (number % pieces) + number // pieces * 5
            query[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    found, distances = HashIndex.of(hashes).nearest(queries, within)
    exact = np.bitwise_count(queries[:, None, :] ^ hashes[None, :, :]).sum(axis=2)
    assert distances.tolist() == exact.min(axis=1).tolist()
    assert found.tolist() == exact.argmin(axis=1).tolist()
    assert (distances <= within).all()


def test_often_the_same_hash_takes_all_pairs_once_and_not_once_for_every_piece() -> None:
    hashes = np.zeros((20_000, 4), np.uint64)
    index = HashIndex.of(hashes)
    index.nearest(hashes[:1], 31)
    spent = []
    for within in (256, 31):  # beyond 47 all pairs are compared
        begun = time.process_time()
        found, distances = index.nearest(hashes[:2_000], within)
        spent.append(time.process_time() - begun)
        assert not found.any()
        assert not distances.any()
    assert spent[1] < 4 * spent[0]  # 16 times without the guard
    found, _ = HashIndex.of(hashes).nearest(hashes, 0, itself=True)
    assert found[:3].tolist() == [1, 0, 0]


def test_in_an_empty_collection_nothing_is_found() -> None:
    found, distances = HashIndex.of(np.zeros((0, 4), np.uint64)).nearest(np.zeros((2, 4), np.uint64), 31)
    assert found.tolist() == [-1, -1]
    assert distances.tolist() == [32, 32]
