"""Random numbers by counting: each block is BLAKE2b (RFC 7693) of a key and a counter.

The same on every platform and Python version, and the numbers of one key owe nothing to those of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator


class Numbers:
    """The endless sequence of random numbers that belongs to a key."""

    def __init__(self, *key: str | int) -> None:
        self._key = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
        self._words = self._blocks()

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1; each is as likely as any other to within count / 2**64."""
        return next(self._words) * count >> 64

    def _blocks(self) -> Iterator[int]:
        counter = 0
        while True:
            block = hashlib.blake2b(counter.to_bytes(8, "big"), key=self._key).digest()
            for at in range(0, len(block), 8):
                yield int.from_bytes(block[at : at + 8], "big")
            counter += 1
