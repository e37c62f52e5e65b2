"""Runs whose process was killed while it ran them itself: the next build marks them as failed.

Without that they would show as running for ever, and would hold the place of their cycle in the queue and those of
their steps in the pools. A process keeps a lock on a file named for its run. The kernel lets go of a lock when its
process ends, however that happens.

Runs that Dagster launches are not ours to watch: their code server sees them end.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

_FOLDER = "own_runs"


@contextmanager
def held(home: Path, run_id: str) -> Iterator[None]:
    """Say that this process is alive and runs `run_id`."""
    path = home / _FOLDER / run_id
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def fail_killed(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Mark runs as failed whose process is gone without having said how they ended; gives their ids."""
    failed = []
    folder = home / _FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if end(instance, path.name, "the process that ran it was killed; nothing is half released"):
                    failed.append(path.name)
                instance.event_log_storage.free_concurrency_slots_for_run(path.name)
                path.unlink(missing_ok=True)
            except BlockingIOError:
                pass
            finally:
                os.close(lock)
    return failed


def end(instance: dg.DagsterInstance, run_id: str, message: str, *, canceled: bool = False) -> bool:
    """Mark a run as failed or canceled unless it has ended; says whether it did."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    (instance.report_run_canceled if canceled else instance.report_run_failed)(run, message)
    return True
