"""What starts builds by itself once the project stands in a Dagster deployment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from anchor_pipeline.project.base import Model, Span
from anchor_pipeline.project.units import Duration

_DAY = 86_400
_SHORTEST = {"daily": _DAY, "weekly": 7 * _DAY, "monthly": 28 * _DAY, "quarterly": 28 * _DAY, "yearly": 28 * _DAY}
"""Seconds; the shortest month bounds what every month, quarter and year has room for."""


def _no_months(value: Duration) -> Duration:
    if value.months:
        raise ValueError(f"{value} has no fixed length; write hours, days or weeks, such as 6h or 3d")
    return value


class Automation(Model):
    """What starts builds in Dagster; a bare word is the mode.

    Schedule, sensors and conditions are there in any case and can be switched on in the UI. What is declared here is
    switched on from the beginning. Without a declaration nothing is: a code location that is merely looked at must not
    start to compute.
    """

    shorthand = "mode"
    mode: Literal["schedule", "declarative", "manual"] = "manual"
    """`schedule`: one run per cycle, when it is over. `declarative`: Dagster requests each asset when what it is made
    from has changed and all blocking checks have passed. `manual`: nothing starts by itself."""
    after: Annotated[Span, AfterValidator(_no_months)] | None = None
    """How long after the end of a cycle it is built, for data that come late. Default: at once."""
    watch: bool = False
    """Whether new, changed and removed raw files start a build of the newest cycle."""

    def wrong_mode(self, unfinished: bool) -> str | None:
        """What is wrong with `mode` where unfinished cycles may be built, if anything."""
        if self.mode == "declarative" and unfinished:
            return (
                "`declarative` looks at the newest cycle only, and with `cycle.unfinished` that is never one that is "
                "over; choose `schedule`, which builds each cycle when it is, and `watch: true` for the running one"
            )
        return None

    def wrong_delay(self, cadence: str) -> str | None:
        """What is wrong with `after` for cycles of that cadence, if anything."""
        if self.after is None or self.after.seconds == 0:
            return None
        if cadence == "cron":
            return "`after` is for cadences; with `cycle.cron`, let the cron expression tick later instead"
        if cadence == "hourly":
            return "hourly cycles are built as soon as they end; drop `after`, or declare a longer cadence"
        if self.after.seconds >= _SHORTEST[cadence]:
            return f"`after` must be shorter than {_SHORTEST[cadence] // _DAY}d, or {cadence} builds fall behind"
        return None
