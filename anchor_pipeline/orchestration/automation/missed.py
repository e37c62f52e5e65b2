"""Cycles that are over but came to nothing: no release, and no verdict that refuses it."""

from __future__ import annotations

import logging
from datetime import datetime

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.verdict import Verdict

LOOK_BACK = 31
"""How many of the newest cycles are looked at: a month of daily ones. What is older is for a backfill."""

_log = logging.getLogger(__name__)


class Outcomes:
    """What the builds of a project came to, as its store has it. AnchorError or OSError if it cannot be asked."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.store = Store.at(project.store_address)
        self.selected = {stage: set(self.store.list(f"selection/{stage}")) for stage in project.stages}
        self.released = {stage: set(self.store.list(f"mix/{stage}")) for stage in project.stages}

    @property
    def oldest(self) -> str | None:
        """The key of the first cycle that was ever built."""
        return min(set().union(*self.selected.values(), *self.released.values()), default=None)

    def decided(self, cycle: Cycle) -> bool:
        """Whether every stage of the cycle was released or refused."""
        return all(
            cycle.key in self.released[stage] or (cycle.key in self.selected[stage] and self._refused(stage, cycle))
            for stage in self.project.stages
        )

    def _refused(self, stage: str, cycle: Cycle) -> bool:
        data = self.store.find(f"selection/{stage}/{cycle.key}/verdict.json")
        try:
            return data is not None and Verdict.model_validate_json(data).status != "pass"
        except ValueError:
            return False  # a damaged verdict decides nothing; the build writes it again


def missed_cycles(project: Project, newest: Cycle) -> list[Cycle]:
    """Cycles before `newest` whose build was missed or broke off, oldest first.

    Only those after the oldest cycle in the store: nobody who switches a schedule on asks for the past. A refusal is
    an outcome: what was refused is not tried again until the sources or the declaration change. If the store cannot
    be asked, none: the next tick asks again.
    """
    try:
        outcomes = Outcomes(project)
        oldest = outcomes.oldest
        if oldest is None:
            return []
        before = [cycle for cycle in _before(project, newest.start) if cycle.key > oldest]
        return [cycle for cycle in before if not outcomes.decided(cycle)]
    except (AnchorError, OSError) as error:
        _log.warning("the store does not tell which cycles were missed: %s", error)
        return []


def _before(project: Project, moment: datetime) -> list[Cycle]:
    """The last LOOK_BACK cycles that were over at `moment`, oldest first."""
    calendar, found = project.calendar, list[Cycle]()
    first = calendar.containing(calendar.first).start
    while len(found) < LOOK_BACK and moment > first:
        cycle = calendar.latest(moment)
        found.append(cycle)
        moment = cycle.start
    return found[::-1]
