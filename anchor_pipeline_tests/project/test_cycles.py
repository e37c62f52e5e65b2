"""Cycles follow each other without gap or overlap, and their keys read as documented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.project.cycles import CADENCES, Calendar
from anchor_pipeline.project.units import parse_duration

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2000, 2, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(cadence=st.sampled_from(CADENCES), moment=MOMENTS)
def test_cycles_tile_time(cadence: str, moment: datetime) -> None:
    calendar = Calendar(cadence, FIRST)
    cycle = calendar.containing(moment)
    assert cycle.start <= moment < cycle.end
    assert calendar.containing(cycle.end).start == cycle.end
    assert calendar.containing(cycle.end - timedelta(microseconds=1)) == cycle
    assert calendar.at(cycle.key) == cycle


@pytest.mark.parametrize(
    ("cadence", "key", "as_of"),
    [
        ("yearly", "2021", "2022-01-01T00"),
        ("quarterly", "2021-Q4", "2022-01-01T00"),
        ("monthly", "2021-12", "2022-01-01T00"),
        ("weekly", "2021-07-05", "2021-07-12T00"),
        ("daily", "2021-07-05", "2021-07-06T00"),
        ("hourly", "2021-07-05T13", "2021-07-05T14"),
    ],
)
def test_as_of_is_the_end(cadence: str, key: str, as_of: str) -> None:
    assert Calendar(cadence, FIRST).at(key).as_of == datetime.fromisoformat(as_of).replace(tzinfo=UTC)


def test_a_quarter_is_named_by_its_first_month_and_found_by_its_number() -> None:
    calendar = Calendar("quarterly", FIRST)
    assert [calendar.at(f"2021-Q{number}").key for number in (1, 2, 3, 4)] == [
        "2021-01",
        "2021-04",
        "2021-07",
        "2021-10",
    ]
    with pytest.raises(ValueError, match="the one around it is 2021-07"):
        calendar.at("2021-08")


def test_cron_cycles_last_from_tick_to_tick() -> None:
    cycle = Calendar("cron", FIRST, "30 6 * * 1").at("2021-07-05T06:30")
    assert (cycle.start, cycle.end) == (
        datetime(2021, 7, 5, 6, 30, tzinfo=UTC),
        datetime(2021, 7, 12, 6, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("key", ["21", "2021-13", "2021-00", "x", "2021-Q5", "", "2021-7", "٢٠٢١"])
def test_keys_of_another_form_are_refused_with_the_form(key: str) -> None:
    with pytest.raises(ValueError, match="keys read"):
        Calendar("monthly", FIRST).at(key)


def test_a_key_between_cycles_or_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="the one around it is 2021-07-05"):
        Calendar("weekly", FIRST).at("2021-07-06")
    with pytest.raises(ValueError, match="before the declared start"):
        Calendar("yearly", FIRST).at("1999")


def test_the_newest_cycle_is_over_unless_unfinished_ones_are_wanted() -> None:
    calendar = Calendar("yearly", FIRST)
    now = datetime(2021, 7, 1, tzinfo=UTC)
    assert calendar.latest(now).key == "2020"
    assert calendar.latest(now, unfinished=True).key == "2021"
    assert [cycle.key for cycle in calendar.until(datetime(2003, 1, 1, tzinfo=UTC))] == ["2000", "2001", "2002"]


def test_months_and_years_before_a_moment_are_calendar_ones() -> None:
    moment = datetime(2024, 3, 31, tzinfo=UTC)
    assert parse_duration("1mo").before(moment) == datetime(2024, 2, 29, tzinfo=UTC)
    assert parse_duration("1y").before(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2023, 2, 28, tzinfo=UTC)
    assert parse_duration("45d").before(moment) == moment - timedelta(days=45)
    assert parse_duration("5000y").before(moment).year == 1
