from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.ingest.dates import FIRST, LAST, NO_DATE, UNPARSABLE, DateForm

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def one(value: Any, form: DateForm | None = None, type: Any = None) -> int:
    return int((form or DateForm()).micros(pa.array([value], type))[0])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-07-05", datetime(2021, 7, 5, tzinfo=UTC)),
        ("2021-07-05T13", None),
        ("2021-07-05T13:14", datetime(2021, 7, 5, 13, 14, tzinfo=UTC)),
        ("2021-07-05 13:14:15", datetime(2021, 7, 5, 13, 14, 15, tzinfo=UTC)),
        (" 2021-07-05T13:14:15.123456789Z ", datetime(2021, 7, 5, 13, 14, 15, 123456, tzinfo=UTC)),
        ("2021-07-05T13:14:15,5+02:00", datetime(2021, 7, 5, 11, 14, 15, 500000, tzinfo=UTC)),
        ("2021-07-05T13:14:15-0530", datetime(2021, 7, 5, 18, 44, 15, tzinfo=UTC)),
        ("1000-01-01", datetime(1000, 1, 1, tzinfo=UTC)),
        ("1000-01-01T00:00+01:00", None),
        ("9999-12-31T23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("9999-12-31T23:59:59-01:00", None),
        ("0999-12-31", None),
        ("2021-02-29", None),
        ("2021-13-01", None),
        ("20210705", None),
        ("2021-W01", None),
        ("2021-07-05T24:00", None),
        ("2021-07-05T13:14:60", None),
        ("yesterday", None),
        ("٢٠٢١-٠٧-٠٥", None),
    ],
)
def test_iso(text: str, moment: datetime | None) -> None:
    assert one(text) == (UNPARSABLE if moment is None else micros(moment))


def test_nothing_is_no_date() -> None:
    assert [one(value, type=pa.string()) for value in (None, "", "  ")] == [NO_DATE] * 3
    assert one(None, type=pa.null()) == one(None, type=pa.timestamp("s")) == NO_DATE
    assert one(None, DateForm(unit="s"), pa.int64()) == one(None, DateForm(unit="s"), pa.float32()) == NO_DATE


def test_declared_form() -> None:
    form = DateForm("%d-%b-%Y")
    assert one("13-Jun-2000", form) == micros(datetime(2000, 6, 13, tzinfo=UTC))
    assert one("2000-06-13", form) == UNPARSABLE
    assert one("13 Jun 12:00 +0200", DateForm("%d %b %H:%M %z")) == UNPARSABLE  # whose year?
    assert one(20000613, DateForm("%Y%m%d")) == micros(datetime(2000, 6, 13, tzinfo=UTC))
    assert one("2000-06-13 00:30 +0200", DateForm("%Y-%m-%d %H:%M %z")) == micros(
        datetime(2000, 6, 12, 22, 30, tzinfo=UTC)
    )


moments = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))


@settings(deadline=None)
@given(moments, st.integers(-12 * 60, 14 * 60))
def test_every_spelling_of_a_moment_is_the_same(naive: datetime, zone: int) -> None:
    moment = naive.replace(tzinfo=UTC)
    expected = micros(moment)
    assert one(naive.isoformat()) == one(naive.isoformat(" ")) == one(naive.isoformat() + "Z") == expected
    try:
        local = moment.astimezone(timezone(timedelta(minutes=zone)))
        assert one(local.isoformat()) == expected
    except OverflowError:
        pass
    assert one(expected, type=pa.timestamp("us")) == one(expected, type=pa.timestamp("us", "Asia/Tokyo")) == expected
    assert one(expected, DateForm(unit="us")) == one(str(expected), DateForm(unit="us")) == expected
    thousands = micros(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
    assert one(thousands // 1000, DateForm(unit="ms")) == one(thousands // 1000, type=pa.timestamp("ms")) == thousands
    whole = micros(moment.replace(microsecond=0))
    seconds = whole // 10**6
    for value in (seconds, float(seconds), str(seconds)):
        assert one(value, DateForm(unit="s")) == whole
    assert one(seconds, type=pa.timestamp("s")) == whole
    day = naive.date()
    midnight = micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
    assert one(day, type=pa.date32()) == one(day, type=pa.date64()) == one(day.isoformat()) == midnight


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_numbers_out_of_range(unit: str) -> None:
    form = DateForm(unit=unit)
    for value in (float("nan"), float("inf"), -1e300, 2**63 - 1, -(2**63)):
        assert one(value, form) == one(str(value), form) == UNPARSABLE
    assert one("1e99999999", form) == one("x", form) == UNPARSABLE
    assert one(2**64 - 1, form, pa.uint64()) == UNPARSABLE


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_arrow_dates_out_of_range(unit: str) -> None:
    scale = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 1}[unit]
    for extreme in (2**63 - 1, -(2**63) + 2):
        value = pa.array([extreme]).cast(pa.timestamp(unit))
        assert int(DateForm().micros(value)[0]) == (UNPARSABLE if unit != "ns" else extreme // 1000)
    if unit != "ns":
        for at, good in ((FIRST, True), (FIRST - scale, False), (LAST // scale * scale, True), (LAST + scale, False)):
            value = pa.array([at // scale]).cast(pa.timestamp(unit))
            assert int(DateForm().micros(value)[0]) == (at // scale * scale if good else UNPARSABLE)
    assert one(date(999, 12, 31), type=pa.date32()) == UNPARSABLE


def test_types_that_are_no_dates() -> None:
    assert one(5) == UNPARSABLE  # a number needs its unit
    assert one(True) == one(["2020-01-01"]) == one(1.5) == UNPARSABLE
