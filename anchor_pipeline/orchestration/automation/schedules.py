"""The schedule of a project: when a cycle is over, build it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from anchor_pipeline.orchestration.automation.missed import missed_cycles
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.looks.tags import CYCLE, stage_tags
from anchor_pipeline.orchestration.partitions import cycle_cron
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle

_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def schedule_for(blueprint: Blueprint) -> dg.ScheduleDefinition:
    """Builds all stages of the cycle that has just ended, and of those whose build was missed before it.

    It ticks at the end of every cycle, or `automation.after` later, in UTC. After a downtime Dagster evaluates only
    the last tick; the cycles in between are found in the store.

    A cycle that still runs (`unfinished: true`) is none of the schedule's business: at the tick it has only begun.
    The sensor for raw files builds it, and the schedule builds it for good when it is over.
    """
    project, names = blueprint.project, blueprint.names
    running = project.automation.mode == "schedule"

    @dg.schedule(
        name=names.flat("build_on_schedule"),
        job_name=names.job(None),
        cron_schedule=cycle_cron(project, delayed=True),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="Builds the mixes of the cycle that has just ended, and of cycles whose build was missed.",
    )
    def build_on_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        cycle = ended_cycle(project, context.scheduled_execution_time)
        if cycle is None:
            yield dg.SkipReason("the first cycle of the project is not over yet")
            return
        missed = missed_cycles(project, cycle)
        under_way = _under_way(blueprint, context.instance) if missed else set()
        for wanted in (*(one for one in missed if one.key not in under_way), cycle):
            yield build_request(project, wanted)

    return build_on_schedule


def _under_way(blueprint: Blueprint, instance: dg.DagsterInstance) -> set[str]:
    """Cycles whose build is queued or running: a slow one must not be asked for again at every tick."""
    runs = instance.get_runs(dg.RunsFilter(job_name=blueprint.names.job(None), statuses=_OPEN))
    return {run.tags.get("dagster/partition", "") for run in runs}


def ended_cycle(project: Project, tick: datetime) -> Cycle | None:
    """The newest cycle that is over at a tick; None before the first is. A delay is shorter than a cycle."""
    moment = tick.astimezone(UTC)
    cycle = project.calendar.latest(moment)
    return cycle if cycle.end <= moment else None


def build_request(project: Project, cycle: Cycle, run_key: str | None = None) -> dg.RunRequest:
    """A request to build all stages of a cycle, once per tick."""
    # Dagster compares run keys of a schedule within one tick only, so that a later tick may ask for the cycle again.
    tags = {**stage_tags(project, list(project.stages)), CYCLE: cycle.key}
    return dg.RunRequest(run_key=run_key or cycle.key, partition_key=cycle.key, tags=tags)
