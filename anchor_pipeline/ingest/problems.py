"""Why rows cannot be used: for each row the first reason found, and a sentence about it made only when needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.ingest.quarantine import REASONS

_GOOD = 255
_SHOWN = 200
"""Characters of a wrong value that a detail quotes."""


class Problems:
    """The reason of each of `rows` rows; of several the one that stands first in REASONS."""

    def __init__(self, rows: int) -> None:
        self._reasons = np.full(rows, _GOOD, np.uint8)
        self._details: dict[str, Callable[[int], str]] = {}

    def mark(self, reason: str, rows: Any, detail: str | Callable[[int], str]) -> None:
        """`reason` holds for the rows where the boolean array `rows` is true."""
        rows = np.asarray(rows)
        if rows.any():
            self._reasons = np.where(rows, np.minimum(self._reasons, REASONS.index(reason)), self._reasons)
            self._details[reason] = detail if callable(detail) else lambda _at, said=detail: said  # type: ignore[misc]

    def usable(self) -> NDArray[np.bool_]:
        """The rows without a problem."""
        usable: NDArray[np.bool_] = self._reasons == _GOOD
        return usable

    def reason(self, row: int) -> str:
        """The reason of an unusable row."""
        return REASONS[self._reasons[row]]

    def detail(self, row: int) -> str:
        """A sentence on an unusable row."""
        return self._details[self.reason(row)](row)


def quoted(value: object) -> str:
    """A value as a detail quotes it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
