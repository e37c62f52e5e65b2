"""Dates of documents: from strings, numbers and Arrow types to microseconds since 1970 in UTC.

A date without a zone is UTC. Years are 1000 to 9999, so that every tool can print them. ISO 8601 means
`2021-07-05`, or with a time after T or a space, seconds and fraction (cut to microseconds) optional, zone
as Z, +hh, +hhmm or +hh:mm. The same value gives the same date however its column is typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FIRST = (datetime(1000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,12})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII
)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_SAYS_YEAR = ("%Y", "%y", "%G", "%c", "%x")

NO_DATE, UNPARSABLE = -(2**63), -(2**63) + 1
"""In place of microseconds: there is no date; it cannot be understood."""


@dataclass(frozen=True)
class DateForm:
    """How dates are written: strptime `format`, or `unit` (s, ms, us) of numbers since 1970; neither: ISO 8601."""

    format: str | None = None
    unit: str | None = None

    def __str__(self) -> str:
        if self.unit is not None:
            return f"a number of {self.unit} since 1970"
        return f"a date in the form {self.format}" if self.format else "an ISO 8601 date"

    def micros(self, column: Any) -> NDArray[np.int64]:
        """Microseconds since 1970-01-01T00:00Z of every value of an Arrow array, or NO_DATE or UNPARSABLE."""
        kind = column.type
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return _from_arrow(column)
        if pa.types.is_null(kind):
            return np.full(len(column), NO_DATE, np.int64)
        if self.unit is not None and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return _from_numbers(column, self.unit)
        if pa.types.is_integer(kind):
            column = column.cast(pa.string())
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            return np.where(_nulls(column), NO_DATE, UNPARSABLE)
        encoded = column.dictionary_encode()
        values = np.array([self.micros_of(value) for value in encoded.dictionary.to_pylist()], np.int64)
        places = pc.fill_null(encoded.indices, len(values)).to_numpy(zero_copy_only=False)
        micros: NDArray[np.int64] = np.append(values, NO_DATE)[places]
        return micros

    def micros_of(self, text: str | None) -> int:
        """The same for one value."""
        text = text.strip() if text else ""
        if not text:
            return NO_DATE
        try:
            if self.unit is not None:
                return _within(_epoch_number(text, self.unit))
            return _within((self._moment(text) - _EPOCH) // _MICROSECOND)
        except (ValueError, ArithmeticError):
            return UNPARSABLE

    def _moment(self, text: str) -> datetime:
        if self.format is None:
            if _ISO.fullmatch(text) is None:
                raise ValueError(text)
            moment = datetime.fromisoformat(text)
        else:
            if not any(part in self.format for part in _SAYS_YEAR):
                raise ValueError(self.format)
            moment = datetime.strptime(text, self.format)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _within(micros: int) -> int:
    return micros if FIRST <= micros <= LAST else UNPARSABLE


def _epoch_number(text: str, unit: str) -> int:
    number = Decimal(text)
    if not number.is_finite() or abs(number) > 10**18:
        raise ValueError(text)
    return int((number * 10**6 / _PER_SECOND[unit]).to_integral_value(ROUND_HALF_EVEN))


def _nulls(column: Any) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return mask


def _from_arrow(column: Any) -> NDArray[np.int64]:
    if pa.types.is_date32(column.type):
        raw = column.cast(pa.int32()).cast(pa.int64())
        scale, shrink = 86_400 * 10**6, 1
    else:
        unit = "ms" if pa.types.is_date64(column.type) else column.type.unit
        raw = column.cast(pa.int64())
        scale, shrink = max(1, 10**6 // _PER_SECOND[unit]), max(1, _PER_SECOND[unit] // 10**6)
    numbers: NDArray[np.int64] = pc.fill_null(raw, 0).to_numpy(zero_copy_only=False)
    # Compared before scaling, which could overflow.
    fits = (numbers >= FIRST // scale * shrink) & (numbers <= LAST // scale * shrink + shrink - 1)
    micros = np.where(fits, numbers, 0) // shrink * scale
    return np.where(_nulls(column), NO_DATE, np.where(fits, micros, UNPARSABLE))


def _from_numbers(column: Any, unit: str) -> NDArray[np.int64]:
    nulls = _nulls(column)
    if pa.types.is_integer(column.type):
        scale = 10**6 // _PER_SECOND[unit]
        numbers = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
        if numbers.dtype == np.uint64:
            numbers = np.minimum(numbers, np.uint64(2**62))  # far out of range all the same
        whole = numbers.astype(np.int64)
        fits = (whole >= -(-FIRST // scale)) & (whole <= LAST // scale)
        micros = np.where(fits, whole, 0) * scale
    else:
        parts = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
        with np.errstate(invalid="ignore", over="ignore"):
            rounded = np.rint(parts * (10**6 / _PER_SECOND[unit]))
            fits = (rounded >= FIRST) & (rounded <= LAST)
        micros = np.where(fits, rounded, 0).astype(np.int64)
    return np.where(nulls, NO_DATE, np.where(fits, micros, UNPARSABLE))
