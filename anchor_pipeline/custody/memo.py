"""What was computed once from given bytes need not be computed again: the key is everything that the result hangs on.

Nothing is remembered by name, place or time, so whatever is new or has changed is computed.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """Results by key, as long as their weights come to no more than `most`. No lock, so no fork leaves one shut."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[Hashable, Value] = {}
        self._weight = 0

    def get(self, key: Hashable) -> Value | None:
        """The result kept for a key."""
        return self._found.get(key)

    def keep(self, key: Hashable, value: Value, weight: int = 1) -> Value:
        """Keep a result, which is given back; when there is no more room all others are let go."""
        if self._weight + weight > self._most:
            self._found, self._weight = {}, 0
        if weight <= self._most:
            self._found[key] = value
            self._weight += weight
        return value
