"""Build mixes in this process, as Dagster runs on the instance that the UI shows."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from anchor_pipeline.observer import Observer
from anchor_pipeline.orchestration.definitions import definitions_for, own_prefix
from anchor_pipeline.orchestration.home import prepare_home
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps the log of Dagster off the terminal; its UI shows it."""


def build(project: Project, cycle: Cycle, stages: Sequence[str], observers: Sequence[Observer] = ()) -> None:
    """Run the jobs of `stages` (all, if none is named) for a cycle.

    Does not raise for failing steps or checks: the observers hear of the first, the stored verdicts tell the second.
    """
    prepare_home(project)
    prefix = own_prefix()
    definitions = definitions_for(project, tuple(observers), key_prefix=prefix)
    with dg.DagsterInstance.get() as instance:
        for stage in stages or (None,):
            job = definitions.resolve_job_def(Names(prefix).job(stage))
            job.execute_in_process(instance=instance, partition_key=cycle.key, raise_on_error=False, run_config=QUIET)
