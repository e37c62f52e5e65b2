"""Numbers as people read them: 12.1 %, 1,200 anchor tokens, 3.5 seconds."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS


def percent(value: Fraction, unlike: Fraction | None = None) -> str:
    """A share as a percentage, with as many digits as it takes to tell it from `unlike`: `14.9995 %` from `15 %`."""
    digits = 1
    while digits < 18 and unlike is not None and value != unlike and _digits(value, digits) == _digits(unlike, digits):
        digits += 1
    return f"{_digits(value, digits)} %"


def _digits(value: Fraction, digits: int) -> str:
    with localcontext() as context:
        context.prec = 40
        scaled = Decimal(value.numerator) * 100 / Decimal(value.denominator)
        rounded = scaled.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    return f"{rounded:f}".rstrip("0").rstrip(".")


def in_units(tokens: int, modality: str) -> float:
    """A sum of the column `tokens` in the unit of its modality: sounds in seconds."""
    return tokens / AMOUNT_SCALE[modality]


def number(tokens: int, modality: str) -> str:
    """The bare number: `1,200`, for sounds `1.2`."""
    scale = AMOUNT_SCALE[modality]
    return f"{tokens:,}" if scale == 1 else f"{tokens / scale:,.3f}".rstrip("0").rstrip(".")


def amount(tokens: int, modality: str, what: str = "") -> str:
    """The number with its unit: `1 anchor token`, `1,200 synthetic tokens`, `3.5 seconds`."""
    unit = AMOUNT_UNITS[modality]
    if tokens == AMOUNT_SCALE[modality]:
        unit = unit.removesuffix("s")
    return " ".join(part for part in (number(tokens, modality), what, unit) if part)


def count(n: int, singular: str, plural: str | None = None) -> str:
    """`1 document`, `1,200 documents`."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def names(items: Iterable[str], most: int = 5) -> str:
    """`a`, `b` and 3 more."""
    listed = list(items)
    shown = ", ".join(f"`{item}`" for item in listed[:most])
    return shown if len(listed) <= most else f"{shown} and {len(listed) - most} more"
