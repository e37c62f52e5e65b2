"""`anchor trace`, `anchor recall` and `anchor quarantine`: where a document went, and that it is used no more."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from anchor_pipeline.cli_erase import erase
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project

if TYPE_CHECKING:
    from anchor_pipeline.corpus.recall_files import RecallFiles
    from anchor_pipeline.corpus.recalls import Action, Target
    from anchor_pipeline.recall.plan import Plan
    from anchor_pipeline.workplace import Workplace

_PROJECT = click.argument("project", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
_TARGETS = {
    "document": "Id of a document, such as peps/0008; every content recorded under it, and exact copies of them.",
    "source": "Name of a source: all its documents, later ones as well.",
    "licence": "SPDX licence: all documents that cannot be used without it, later ones as well.",
    "generator": "Model, as name or name@version: what it wrote and will write, and what was made from that.",
    "shard": "Digest of a shard, or its first digits: its documents, and exact copies of them.",
}


class _ThisOne(click.Group):
    """A group whose first command is meant where none is named: `anchor recall PROJECT …`."""

    default = "make"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front, unless one is named or help is asked for."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def _decision(command: Callable[..., Any]) -> Callable[..., Any]:
    """PROJECT, one of the targets, --reason, --by, --yes, --json: what recall and quarantine have in common."""
    for name, text in reversed(_TARGETS.items()):
        command = click.option(f"--{name}", metavar=name.upper(), help=text)(command)
    for decorate in (
        _JSON,
        click.option("--ahead", is_flag=True, help="Also where no document of it is known yet: what comes stays out."),
        click.option("--yes", is_flag=True, help="Do it. Without this it is only shown what would be done."),
        click.option("--by", default=None, help="Whose decision it is; default: the user who runs this."),
        click.option("--reason", help="Why; stays on record for ever."),
    ):
        command = decorate(command)
    return _PROJECT(command)


@click.group(cls=_ThisOne)
def recall() -> None:
    """Recall documents: `anchor recall PROJECT --source NAME --reason TEXT`, and what became of earlier recalls."""


@recall.command("make")
@_decision
@click.option("--lift", metavar="ID", help="Let an earlier recall stand no more, instead.")
def make(
    project: Path,
    reason: str | None,
    by: str | None,
    yes: bool,
    ahead: bool,
    as_json: bool,
    lift: str | None,
    **targets: Any,
) -> int:
    """Show which releases and exports of PROJECT hold certain documents; with --yes recall these for good.

    Recalled releases are refused by whoever opens them, and the next build leaves the documents out. This command is
    meant where none is named: `anchor recall PROJECT …`.
    """
    place = _place(project)
    if lift is not None:
        if any(targets.values()):
            raise UsageError("--lift stands alone: it names a recall, which knows what it was about")
        return _lift(place, lift, _reason(reason), by, yes)
    return _decide(place, _target(targets), _reason(reason), by, yes, ahead, as_json, "recall", None)


@recall.command()
@_PROJECT
@_JSON
def status(project: Path, as_json: bool) -> int:
    """List PROJECT's recalls, what they affect and what took its place; puts back records and notices that are lost."""
    from anchor_pipeline.recall.carry_out import keep_receipts
    from anchor_pipeline.recall.erase import erased
    from anchor_pipeline.recall.on_record import on_record
    from anchor_pipeline.recall.receipt import receipt
    from anchor_pipeline.recall.settle import settled
    from anchor_pipeline.recall.words import status_lines

    place = _place(project)
    files = _files(place)
    found = settled(place.store, files)
    known = on_record(place.custodian)
    keep_receipts(files, found, known)
    told = [
        {
            **receipt(one, known(one.kept.record.id)),
            "notices_put_back": list(one.notices),
            "erased": erased(place.store, one.kept, known),
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps({"project": place.project.project, "recalls": told}, indent=2))
    else:
        for line in status_lines(told, place.custodian is not None):
            click.echo(line)
    return 0


recall.add_command(erase)


@click.command()
@_decision
@click.option("--weight", help="Leave this share of them in, such as 0.5, instead of none; always the same documents.")
def quarantine(
    project: Path,
    reason: str | None,
    by: str | None,
    yes: bool,
    ahead: bool,
    as_json: bool,
    weight: str | None,
    **targets: Any,
) -> int:
    """Keep documents out of PROJECT's next builds, or down-weight them; releases stay as they are.

    Lifted like a recall: `anchor recall PROJECT --lift ID --reason TEXT`.
    """
    action: Action = "quarantine" if weight is None else "weight"
    share = None if weight is None else _weight(weight)
    return _decide(_place(project), _target(targets), _reason(reason), by, yes, ahead, as_json, action, share)


@click.command()
@_PROJECT
@click.argument("document")
@_JSON
def trace(project: Path, document: str, as_json: bool) -> int:
    """Tell the whole way of DOCUMENT in PROJECT: raw files, shards, parents, cycles, every mix and export."""
    from dataclasses import asdict

    from anchor_pipeline.graph.graph import open_graph
    from anchor_pipeline.recall.trace import nearest
    from anchor_pipeline.recall.trace import trace as tell
    from anchor_pipeline.recall.words import trace_lines

    place = _place(project)
    with open_graph(place.store) as graph:
        found = tell(graph, place.store, _files(place), document)
        near = nearest(graph, document) if not found.recorded else []
    if as_json:
        click.echo(json.dumps({"project": place.project.project, **asdict(found)}, indent=2, default=str))
    elif found.recorded:
        for line in trace_lines(found):
            click.echo(line)
    if not found.recorded:
        more = f"; spelled alike: {', '.join(near)}" if near else ""
        raise UsageError(f"{document}: no document of that id was ever recorded in {place.project.path}{more}")
    return 0


def _decide(
    place: Workplace,
    target: Target,
    reason: str,
    by: str | None,
    yes: bool,
    ahead: bool,
    as_json: bool,
    action: Action,
    weight: str | None,
) -> int:
    from anchor_pipeline.graph.graph import open_graph
    from anchor_pipeline.recall.carry_out import artefacts, keep_receipts, record_it
    from anchor_pipeline.recall.on_record import on_record
    from anchor_pipeline.recall.plan import make_plan, record_of
    from anchor_pipeline.recall.words import plan_json, plan_lines

    files = _files(place)
    for known in files.standing():
        if known.what == target and known.action == action and known.weight == weight:
            raise UsageError(f"{target} is under recall {known.id} already; anchor recall status {place.project.path}")
    with open_graph(place.store) as graph:
        plan = make_plan(graph, place.store, target, reason, action, weight)
        troubles = list(graph.updated.troubles)
    unknown = not plan.found.digests and not ahead
    _show_plan(plan, place, troubles, yes and not unknown, as_json, plan_lines, plan_json)
    if unknown:
        raise UsageError(
            f"{target}: no document of it is known; mind the spelling, or add --ahead to keep out what comes"
        )
    if not yes:
        return 0
    record, tombstones = record_of(plan, place.project.project, by or getpass.getuser(), datetime.now(UTC))
    inputs, output = artefacts(record)
    with place.step(f"recall/{record.id}", None) as step:
        for one in inputs:
            step.input(one)
        done = record_it(place.store, files, record, tombstones)
        step.output(output)
    keep_receipts(files, [done], on_record(place.custodian))
    lines = [
        f"recorded as {record.id}, in the store and in {place.project.root / 'recalls'}: commit that folder",
        f"a notice lies in {', '.join(done.notices)}" if done.notices else "no release had to be marked",
    ]
    lines += [
        f"next: anchor build {place.project.path} --cycle {one.cycle} --stage {one.stage}" for one in plan.rebuilds
    ]
    for line in lines:
        click.echo(line, err=as_json)
    return 0


def _show_plan(
    plan: Plan,
    place: Workplace,
    troubles: list[str],
    yes: bool,
    as_json: bool,
    lines: Callable[[Plan], list[str]],
    in_json: Callable[[Plan], dict[str, Any]],
) -> None:
    if as_json:
        told = {"project": place.project.project, "carried_out": yes, **in_json(plan), "not_read": troubles}
        click.echo(json.dumps(told, indent=2))
    else:
        for line in lines(plan):
            click.echo(line)
        if not yes:
            click.echo("nothing was done; add --yes to carry it out")
    for trouble in troubles:
        click.echo(f"warning: the lineage is not whole: {trouble}", err=True)


def _lift(place: Workplace, id: str, reason: str, by: str | None, yes: bool) -> int:
    from anchor_pipeline.observer import Artefact
    from anchor_pipeline.recall.carry_out import keep_receipts, lift_it
    from anchor_pipeline.recall.on_record import on_record
    from anchor_pipeline.recall.settle import settled

    files = _files(place)
    kept = next((one for one in files.all() if one.record.id == id), None)
    if kept is None:
        raise UsageError(f"--lift {id}: there is no such recall; anchor recall status {place.project.path}")
    if not yes:
        click.echo(f"would lift {kept.record.what} ({kept.record.reason}); nothing was done; add --yes to carry it out")
        return 0
    with place.step(f"recall/{id}/lift", None) as step:
        step.input(Artefact(f"recalls/{id}", kept.record.digest))
        lift = lift_it(place.store, files, kept, reason, by or getpass.getuser(), datetime.now(UTC))
        step.output(Artefact(f"recalls/{id}/lift", lift.digest))
    keep_receipts(files, settled(place.store, files), on_record(place.custodian))
    again = "" if kept.erasure is None else ", read again from their raw files: their content was erased from the store"
    click.echo(f"lifted {id}: {kept.record.what}; its documents come back with the next build{again}")
    return 0


def _place(project: Path) -> Workplace:
    from anchor_pipeline.workplace import Workplace

    return Workplace(load_project(project))


def _files(place: Workplace) -> RecallFiles:
    from anchor_pipeline.corpus.recall_files import RecallFiles

    return RecallFiles(place.store, place.project.root)


def _target(given: dict[str, str | None]) -> Target:
    from anchor_pipeline.corpus.recalls import By, Target

    named = [(by, given[by]) for by in get_args(By) if given.get(by) is not None]
    if len(named) != 1:
        raise UsageError(f"give one of {', '.join(f'--{by}' for by in _TARGETS)}, and one only")
    by, value = named[0]
    if not value or len(value) > 4096:
        raise UsageError(f"--{by}: expected 1 to 4096 characters")
    return Target(by=by, value=value)


def _reason(reason: str | None) -> str:
    from anchor_pipeline.corpus.recalls import plain

    if not reason or plain(reason) != reason:
        raise UsageError("--reason: say why, in one line of at most 2000 characters; it stays on record")
    return reason


def _weight(text: str) -> str:
    try:
        share = Decimal(text)
    except ArithmeticError:
        share = Decimal(-1)
    if not share.is_finite() or not 0 < share < 1 or share != round(share, 6):
        raise UsageError(f"--weight {text}: expected a number between 0 and 1 with up to six places, such as 0.5")
    return f"{share.normalize():f}"
