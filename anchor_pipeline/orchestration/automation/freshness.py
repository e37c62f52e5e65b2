"""Freshness policies of sources, from the cadence at which their stewards promise to collect.

Dagster's freshness is about materialisations: when the source was last ingested by the clock on the wall. It notices
a schedule that stands still. Whether the documents themselves are fresh is judged by the rules `anchor_freshness` and
`sampling_plan`, against `as_of`.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from anchor_pipeline.project import Project

WARN, FAIL = 1.25, 2.0
"""Periods without an ingest after which the source is shown as late, and as overdue."""

_DAYS = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 31.0, "quarterly": 92.0, "yearly": 366.0}
_CYCLES_LOOKED_AT = 12


def source_freshness(project: Project, name: str) -> dg.FreshnessPolicy | None:
    """For sources with a sampling plan: late after 1.25 periods without an ingest, overdue after 2.

    The period is that of the plan, or the cycle where that is longer: ingest happens once a cycle.
    """
    plan = project.sources[name].sampling_plan
    if plan is None:
        return None
    period = max(timedelta(days=_DAYS[plan.cadence]), _longest_cycle(project))
    return dg.FreshnessPolicy.time_window(fail_window=period * FAIL, warn_window=period * WARN)


def _longest_cycle(project: Project) -> timedelta:
    calendar = project.calendar
    if calendar.cadence in _DAYS:
        return timedelta(days=_DAYS[calendar.cadence])
    # Ticks of a cron expression need not be evenly spread; its first dozen cycles tell enough.
    cycle, longest = calendar.containing(calendar.first), timedelta(0)
    for _ in range(_CYCLES_LOOKED_AT):
        longest = max(longest, cycle.end - cycle.start)
        cycle = calendar.containing(cycle.end)
    return longest
