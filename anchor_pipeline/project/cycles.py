"""Cycles: the turns of the build. A cycle is a half-open span of time; its end is its `as_of`.

Keys read 2021, 2021-07, 2021-07-05, 2021-07-05T13; a quarterly cycle is named by its first month (2021-Q3 is
understood as 2021-07), a weekly one by its Monday, a cron cycle by the minute it starts. All times are UTC.

Every key is the start of its cycle in a format of strftime: then Dagster itself can tell which cycles there are,
without asking a code location that was loaded long ago. strftime knows no quarters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

CADENCES = ("hourly", "daily", "weekly", "monthly", "quarterly", "yearly")

_FORMATS = {
    "hourly": (r"\d{4}-\d\d-\d\dT\d\d", "%Y-%m-%dT%H", "2021-07-05T13"),
    "daily": (r"\d{4}-\d\d-\d\d", "%Y-%m-%d", "2021-07-05"),
    "weekly": (r"\d{4}-\d\d-\d\d", "%Y-%m-%d", "2021-07-05 (a Monday)"),
    "monthly": (r"\d{4}-\d\d", "%Y-%m", "2021-07"),
    "quarterly": (r"\d{4}-\d\d", "%Y-%m", "2021-07 or 2021-Q3"),
    "yearly": (r"\d{4}", "%Y", "2021"),
    "cron": (r"\d{4}-\d\d-\d\dT\d\d:\d\d", "%Y-%m-%dT%H:%M", "2021-07-05T13:30"),
}
_QUARTER = re.compile(r"(\d{4})-Q([1-4])", re.ASCII)
_STEP = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


@dataclass(frozen=True)
class Cycle:
    """One turn of the build: documents collected before `end` belong to it, later ones wait."""

    key: str
    start: datetime
    end: datetime

    @property
    def as_of(self) -> datetime:
        """The moment all ages are measured against."""
        return self.end


@dataclass(frozen=True)
class Calendar:
    """The cycles of a project: a cadence (or cron expression) and the first day."""

    cadence: str
    first: datetime
    cron: str | None = None

    def at(self, key: str) -> Cycle:
        """The cycle of that key; ValueError says how keys of this cadence read."""
        pattern, form, example = _FORMATS[self.cadence]
        if self.cadence == "quarterly" and (named := _QUARTER.fullmatch(key)):
            key = f"{named[1]}-{3 * int(named[2]) - 2:02d}"
        if re.fullmatch(pattern, key, re.ASCII) is None:
            raise ValueError(f"{key!r} is not a {self.cadence} cycle; keys read {example}")
        try:
            cycle = self._containing(datetime.strptime(key, form).replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise ValueError(f"{key!r} is not a date; keys read {example}") from None
        if cycle.key != key:
            raise ValueError(f"no {self.cadence} cycle starts at {key}; the one around it is {cycle.key}")
        if cycle.start < self._containing(self.first).start:
            raise ValueError(f"cycle {key} lies before the declared start of the project, {self.first:%Y-%m-%d}")
        return cycle

    def containing(self, moment: datetime) -> Cycle:
        """The cycle that `moment` falls into."""
        return self._containing(moment.astimezone(UTC))

    def latest(self, now: datetime, *, unfinished: bool = False) -> Cycle:
        """The newest cycle that is over at `now` (or still runs, if `unfinished`); the first one at the earliest."""
        current = self.containing(max(now.astimezone(UTC), self.first))
        if unfinished or current.end <= now or current.start <= self.first:
            return current
        return self._containing(current.start - timedelta(microseconds=1))

    def until(self, now: datetime, *, unfinished: bool = False) -> Iterator[Cycle]:
        """Every cycle from the first to `latest(now)`, in order of time; none when the first is not over."""
        cycle = self._containing(self.first)
        while cycle.end <= now or (unfinished and cycle.start <= now):
            yield cycle
            cycle = self._containing(cycle.end)

    def _containing(self, moment: datetime) -> Cycle:
        start, end = self._span(moment)
        return Cycle(self._key(start), start, end)

    def _span(self, moment: datetime) -> tuple[datetime, datetime]:
        if self.cron is not None:
            return _cron_span(self.cron, moment)
        if self.cadence in _MONTHS:
            months = _MONTHS[self.cadence]
            index = (moment.year * 12 + moment.month - 1) // months * months
            return _month(index), _month(index + months)
        start = moment.replace(minute=0, second=0, microsecond=0)
        if self.cadence != "hourly":
            start = start.replace(hour=0)
        if self.cadence == "weekly":
            start -= timedelta(days=start.weekday())
        return start, start + _STEP[self.cadence]

    def _key(self, start: datetime) -> str:
        # strftime("%Y") does not pad years before 1000 on every platform.
        return start.strftime(_FORMATS[self.cadence][1].replace("%Y", f"{start.year:04d}"))


def _month(index: int) -> datetime:
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def _cron_span(expression: str, moment: datetime) -> tuple[datetime, datetime]:
    """From the last tick at or before `moment` to the next one after it."""
    from cronsim import CronSim

    end = next(CronSim(expression, moment))
    return next(CronSim(expression, end, reverse=True)), end


def check_cron(expression: str) -> None:
    """ValueError unless `expression` is a five-field cron expression that ticks."""
    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{expression!r} is not a cron expression: {error}") from None


def parse_day(value: object) -> date:
    """A date such as 2021-07-05."""
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{value!r} is not a date; write it as 2021-07-05") from None
