"""From a Dagster context to what the steps need: the cycle, and the run that the steps belong to."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.orchestration.looks.tags import labeller
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.record import Observer, RunRef
from anchor_pipeline.steps import Workplace

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext
Places = Callable[[Context], Workplace]


def workplaces(project: Project, observers: tuple[Observer, ...], names: Names) -> Places:
    """Opens the workplace of a run, and labels the run."""
    label = labeller(project, names)

    def open_workplace(context: Context) -> Workplace:
        label(context)
        return Workplace(project, observers, RunRef(context.run.run_id, context.run.job_name, "dagster"))

    return open_workplace


def cycle_of(project: Project, context: Context) -> Cycle:
    """The cycle that the run builds."""
    return project.calendar.at(context.run.tags["dagster/partition"])
