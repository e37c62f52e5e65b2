"""Cycles as Dagster partitions."""

from __future__ import annotations

import dagster as dg

from anchor_pipeline.project import Project

_KEYS = {
    "hourly": "%Y-%m-%dT%H",
    "daily": "%Y-%m-%d",
    "weekly": "%Y-%m-%d",
    "monthly": "%Y-%m",
    "quarterly": "%Y-%m",
    "yearly": "%Y",
    "cron": "%Y-%m-%dT%H:%M",
}


def cycle_partitions(project: Project) -> dg.PartitionsDefinition[str]:
    """One partition per cycle; its key is the cycle's. The running cycle only if the project declares so.

    Dagster computes from the clock which there are: new ones appear without the code location being loaded again.
    """
    calendar = project.calendar
    return dg.TimeWindowPartitionsDefinition(
        start=calendar.containing(calendar.first).start,
        fmt=_KEYS[calendar.cadence],
        cron_schedule=cycle_cron(project),
        timezone="UTC",
        end_offset=1 if project.cycle.unfinished else 0,
    )


def cycle_cron(project: Project, *, delayed: bool = False) -> str:
    """The cron expression (UTC) that ticks when a cycle ends; if `delayed`, `automation.after` later."""
    calendar, after = project.calendar, project.automation.after
    if calendar.cron is not None:
        return calendar.cron
    days, hours = divmod((after.seconds if after and delayed else 0) // 3600, 24)
    # The loader has seen to it that the delay is shorter than the shortest cycle, so no field overflows.
    return {
        "hourly": "0 * * * *",
        "daily": f"0 {hours} * * *",
        "weekly": f"0 {hours} * * {(1 + days) % 7}",
        "monthly": f"0 {hours} {1 + days} * *",
        "quarterly": f"0 {hours} {1 + days} 1,4,7,10 *",
        "yearly": f"0 {hours} {1 + days} 1 *",
    }[calendar.cadence]
