from __future__ import annotations

import hashlib
from itertools import islice

from anchor_pipeline.twins.numbers import Numbers


def test_they_are_blake2b_of_key_and_counter() -> None:
    key = hashlib.sha256(b"7\x003").digest()
    first = hashlib.blake2b(bytes(8), key=key).digest()
    second = hashlib.blake2b(bytes(7) + b"\1", key=key).digest()
    numbers = Numbers(7, 3)
    whole = 2**64
    drawn = [numbers.below(whole) for _ in range(9)]
    assert b"".join(n.to_bytes(8, "big") for n in drawn) == first + second[:8]


def test_they_are_spread_evenly() -> None:
    numbers = Numbers("spread")
    counts = [0] * 10
    for _ in range(10_000):
        counts[numbers.below(10)] += 1
    # Chi-square with 9 degrees of freedom: 27.9 is exceeded once in a thousand keys, and this key is fixed.
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 27.9


def test_keys_do_not_run_together() -> None:
    one, other = Numbers("a", "b"), Numbers("ab")
    assert list(islice(iter(lambda: one.below(2**64), -1), 3)) != list(islice(iter(lambda: other.below(2**64), -1), 3))
