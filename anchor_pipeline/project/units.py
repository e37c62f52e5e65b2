"""Durations (45d, 2w, 1y), sizes (400k, 50M, 2B) and shares (0.15, 15 %, 1/3) as people write them."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_DURATION = re.compile(r"(\d+)\s*(h|d|w|mo|y)")
_SIZE = re.compile(r"(\d+(?:_\d{3})*(?:\.\d+)?)\s*([kKMBT]?)")
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_MONTHS = {"mo": 1, "y": 12}


@dataclass(frozen=True)
class Duration:
    """A length of time. Months and years are calendar ones, as in law and contracts."""

    text: str
    months: int = 0
    seconds: int = 0

    def before(self, moment: datetime) -> datetime:
        """The moment this long before `moment`; 31 March less one month is 28 or 29 February."""
        years, month = divmod(moment.year * 12 + moment.month - 1 - self.months, 12)
        if years < 1:
            return datetime.min.replace(tzinfo=moment.tzinfo)
        day = min(moment.day, calendar.monthrange(years, month + 1)[1])
        return moment.replace(year=years, month=month + 1, day=day) - timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        return self.text


def parse_duration(value: object) -> Duration:
    """`45d`, `12h`, `2w`, `6mo`, `1y`; ValueError names the form."""
    text = str(value).strip()
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and h, d, w, mo or y, such as 45d or 2y")
    number, unit = int(match[1]), match[2]
    if unit in _MONTHS:
        return Duration(text, months=number * _MONTHS[unit])
    return Duration(text, seconds=number * _SECONDS[unit])


def parse_size(value: object) -> int:
    """`200k`, `1.5M`, `2B`, `5000`; a whole number, at least 0."""
    text = str(value).strip()
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size; write a number, with k, M, B or T if you like, such as 200k or 1.5M")
    size = Decimal(match[1].replace("_", "")) * _SCALE[match[2]]
    if size != size.to_integral_value():
        raise ValueError(f"{text!r} is not a whole number")
    return int(size)


def parse_share(value: object) -> Fraction:
    """A share between 0 and 1, exact: `0.15`, `15 %` or `1/3`."""
    fraction = parse_number(value)
    if not 0 <= fraction <= 1:
        raise ValueError(f"{value} is not a share; write a number from 0 to 1, or a percentage such as 15 %")
    return fraction


def parse_number(value: object) -> Fraction:
    """An exact number as written in decimal: 0.15 is 3/20, not the nearest binary float."""
    text = str(value).strip()
    try:
        if text.endswith("%"):
            return Fraction(Decimal(text[:-1].strip())) / 100
        if "/" in text:
            return Fraction(text.replace(" ", ""))
        return Fraction(Decimal(text))
    except (InvalidOperation, ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"{text!r} is not a number; write one such as 0.15, 15 % or 1/3") from None
