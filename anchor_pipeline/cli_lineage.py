"""`anchor lineage`: what became of the OpenLineage events; and their delivery beside a build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anchor_pipeline.cli_graph import COMMANDS
from anchor_pipeline.cli_lineage_graph import graph
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import Project, load_project

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.lineage.background import Courier
    from anchor_pipeline.lineage.status import Status

UNDELIVERED = 3

_MOST_SHOWN = 20


@click.group()
def lineage() -> None:
    """Deliver the OpenLineage events that builds recorded, or ask where documents came from and went."""


for command in COMMANDS:
    lineage.add_command(command)
lineage.add_command(graph)


@lineage.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Send every event again, as to a new collector.")
@click.option(
    "--deadline", default=60.0, show_default=True, type=click.FloatRange(min=0), help="Give up after so many seconds."
)
def flush(project: Path, everything: bool, deadline: float) -> int:
    """Send what waits in PROJECT's outbox to the collector that OPENLINEAGE_URL or openlineage.yml names."""
    from anchor_pipeline.lineage.collector import NoCollector, find_collector
    from anchor_pipeline.lineage.delivery import deliver

    store = _store(load_project(project))
    collector = find_collector()
    if isinstance(collector, NoCollector):
        if not collector.wanted:
            raise UsageError(f"{collector.reason}, so there is nowhere to send events to")
        click.echo(f"{collector.reason}; nothing was sent")
        return 0
    done = deliver(store, deadline=deadline, collector=collector, everything=everything, eager=True)
    collector.close()
    click.echo(f"{_events(done.sent)} sent to {collector.address}, {done.pending} left, {done.rejected} refused")
    if done.error:
        click.echo(f"not everything could be delivered: {done.error}", err=True)
    if done.rejected:
        click.echo(f"why events were refused: anchor lineage status {project}", err=True)
    return UNDELIVERED if done.error or done.pending or done.rejected else 0


@lineage.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
def status(project: Path, as_json: bool) -> None:
    """Say how many events PROJECT's outbox holds, how many were delivered, and whether the collector answers."""
    from anchor_pipeline.lineage.status import status_of

    declared = load_project(project)
    found = status_of(_store(declared))
    if as_json:
        click.echo(json.dumps({"project": declared.project, **found.to_json()}, indent=2))
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: Status) -> Iterator[str]:
    yield f"collector  {found.collector}: {found.said}" if found.collector else f"collector  {found.said}"
    yield f"events     {found.kept} recorded, {found.delivered} delivered, {found.pending} pending"
    if found.oldest is not None:
        age = timedelta(seconds=round((datetime.now(UTC) - found.oldest).total_seconds()))
        yield f"oldest     waits since {found.oldest:%Y-%m-%d %H:%M:%S} UTC ({age})"
    if found.last_error is not None:
        yield f"last try   {found.last_error['at']}: {found.last_error['reason']}"
    if found.rejected:
        yield f"refused    {len(found.rejected)}"
    for note in found.rejected[:_MOST_SHOWN]:
        yield f"  {note.type or 'batch'} {note.job or note.batch} (run {note.run or 'unknown'}): {note.reason}"
    if len(found.rejected) > _MOST_SHOWN:
        yield f"  … and {len(found.rejected) - _MOST_SHOWN} more; --json lists them all"


@contextmanager
def delivering(project: Project) -> Iterator[Courier]:
    """An observer that delivers events while a build runs. Afterwards one line on stderr if some had to be left."""
    from anchor_pipeline.lineage.background import Courier

    courier = Courier(_store(project))
    try:
        with courier:
            yield courier
    finally:
        left, why = courier.left_behind()
        if left:
            line = f"lineage: {_events(left)} {'waits' if left == 1 else 'wait'} for the collector ({why})"
            click.echo(f"{line}; anchor lineage flush {project.path}", err=True)


def _store(project: Project) -> Store:
    from anchor_pipeline.corpus.store import Store

    return Store.at(project.store_address)


def _events(number: int) -> str:
    return f"{number} event{'' if number == 1 else 's'}"
