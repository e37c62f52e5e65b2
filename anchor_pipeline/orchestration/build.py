"""Build mixes in this process, as Dagster runs on the instance that the UI shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import dagster as dg

from anchor_pipeline.errors import Unavailable
from anchor_pipeline.interrupts import Interrupted, Interrupts
from anchor_pipeline.observer import Observer
from anchor_pipeline.orchestration.definitions import definitions_for, own_prefix
from anchor_pipeline.orchestration.home import prepare_home
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.orchestration.killed_runs import end, fail_killed, held
from anchor_pipeline.orchestration.storage import open_instance
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps the log of Dagster off the terminal; its UI shows it."""


def build(project: Project, cycle: Cycle, stages: Sequence[str], observers: Sequence[Observer] = ()) -> None:
    """Run the jobs of `stages` (all, if none is named) for a cycle.

    Does not raise for failing steps or checks: the observers hear of the first, the stored verdicts tell the second.
    Raises Interrupted if SIGINT or SIGTERM came, and Unavailable if the instance cannot be read or written.
    """
    home = prepare_home(project)
    prefix = own_prefix()
    definitions = definitions_for(project, tuple(observers), key_prefix=prefix)
    with _instance_trouble_told(home), open_instance() as instance:
        fail_killed(instance, home)
        for stage in stages or (None,):
            job = definitions.resolve_job_def(Names(prefix).job(stage))
            with _run_of_this_process(instance, home) as run_id:
                job.execute_in_process(
                    instance=instance, partition_key=cycle.key, raise_on_error=False, run_config=QUIET, run_id=run_id
                )


@contextmanager
def _run_of_this_process(instance: dg.DagsterInstance, home: Path) -> Iterator[str]:
    """The id for a run; when the block is left the run has ended, in the instance too."""
    run_id = str(uuid4())
    with held(home, run_id):
        try:
            with Interrupts() as interrupts:
                yield run_id
                # Dagster ends a run that was interrupted as failed, and would have us begin the next.
                interrupts.check()
        except BaseException as error:
            # The storage that the error came from may not take this either; the next build tries again then.
            with suppress(Exception):
                end(instance, run_id, str(error), canceled=isinstance(error, Interrupted))
            raise


@contextmanager
def _instance_trouble_told(home: Path) -> Iterator[None]:
    """Steps never raise here, so what does is Dagster's own storage: its database or disk."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (DBAPIError, OSError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error.strerror or error
        raise Unavailable(
            f"{home}: the Dagster instance could not be read or written ({reason}); what was released stays "
            "released: see to its disk or database, and build again"
        ) from error
