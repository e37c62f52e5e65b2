"""Cycles as Dagster partitions."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from anchor_pipeline.project import Project

_SCHEDULES = {
    "hourly": ("0 * * * *", "%Y-%m-%dT%H"),
    "daily": ("0 0 * * *", "%Y-%m-%d"),
    "weekly": ("0 0 * * 1", "%Y-%m-%d"),
    "monthly": ("0 0 1 * *", "%Y-%m"),
    "yearly": ("0 0 1 1 *", "%Y"),
}


def cycle_partitions(project: Project) -> dg.PartitionsDefinition[str]:
    """One partition per cycle; its key is the cycle's. The running cycle only if the project declares so."""
    calendar, unfinished = project.calendar, project.cycle.unfinished
    if calendar.cadence == "quarterly":
        # strftime knows no quarters, so these keys are listed, up to the day the code location is loaded.
        now = datetime.now(UTC)
        return dg.StaticPartitionsDefinition([cycle.key for cycle in calendar.until(now, unfinished=unfinished)])
    cron, form = (calendar.cron, "%Y-%m-%dT%H:%M") if calendar.cron else _SCHEDULES[calendar.cadence]
    return dg.TimeWindowPartitionsDefinition(
        start=calendar.containing(calendar.first).start,
        fmt=form,
        cron_schedule=cron,
        timezone="UTC",
        end_offset=1 if unfinished else 0,
    )
