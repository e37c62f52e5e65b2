"""`anchor lineage build`, `ancestry`, `descendants`, `origins`, `generators`: questions to the lineage graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project

if TYPE_CHECKING:
    from anchor_pipeline.graph import Graph
    from anchor_pipeline.graph.ancestors import Ancestor

DAMAGED = 3

_MOST_SHOWN = 20

_PROJECT = click.argument("project", type=click.Path(path_type=Path))
_DOCUMENT = click.argument("document")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")

_TABLES = ("documents", "shards", "releases", "members", "parents", "runs", "exports")


@click.command()
@_PROJECT
@_JSON
def build(project: Path, as_json: bool) -> int:
    """Bring the lineage graph of PROJECT's store up to date; every other command does so as well."""
    with _opened(project) as graph:
        ask = graph.connection.execute
        held = {name: ask(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in _TABLES}
        events = ask("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM events WHERE NOT ours), "
                     "(SELECT count(*) FROM unusable)").fetchall()[0]  # fmt: skip
        held |= dict(zip(("events", "events_of_others", "unusable_lines"), events, strict=True))
        new = asdict(graph.updated)
    if as_json:
        click.echo(json.dumps({"holds": held, "added": new}, indent=2))
    else:
        documents, shards, parents = (_count(held[name], name[:-1]) for name in ("documents", "shards", "parents"))
        releases, runs, exports = (_count(held[name], name[:-1]) for name in ("releases", "runs", "exports"))
        click.echo(f"holds  {documents} in {shards}, {parents}; {releases} with {_count(held['members'], 'row')}; "
                   f"{runs}, {exports}")  # fmt: skip
        added = [_count(new[name], name[:-1]) for name in ("shards", "releases", "snapshots")]
        batches = _count(new["batches"], "batch", "batches")
        click.echo(f"added  {', '.join(added)}, {batches} of events" + (" (built anew)" if new["rebuilt"] else ""))
        if held["events_of_others"] or held["unusable_lines"]:
            others, bad = _count(held["events_of_others"], "event"), _count(held["unusable_lines"], "line")
            click.echo(f"events {others} of other producers, {bad} without a run event")
    return DAMAGED if new["troubles"] else 0


@click.command()
@_PROJECT
@_DOCUMENT
@_JSON
def ancestry(project: Path, document: str, as_json: bool) -> int:
    """Show what DOCUMENT was made from, and what that was made from, as far as it is recorded."""
    with _opened(project) as graph:
        found = graph.ancestry(document)
        if not found.recorded:
            raise UsageError(f"{_plain(document)}: no shard of the store holds a document of that id")
        troubles = bool(graph.updated.troubles)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return DAMAGED if troubles else 0
    click.echo(f"{_plain(document)}: {_count(len(found.ancestors), 'ancestor')}")
    if found.circular:
        click.echo("  it is among its own ancestors: its parents lead back to it")
    for one in found.ancestors[:_MOST_SHOWN]:
        click.echo(f"  {one.distance}  {_plain(one.doc_id)}  {_told(one)}")
    _and_more(len(found.ancestors))
    for child, parent in found.dangling[:_MOST_SHOWN]:
        click.echo(f"  ?  {_plain(child)} names {_plain(parent)}, which is not recorded")
    _and_more(len(found.dangling))
    return DAMAGED if troubles else 0


@click.command()
@_PROJECT
@_DOCUMENT
@click.option("--certain", is_flag=True, help="Leave out what descends only if an ambiguous parent means it.")
@_JSON
def descendants(project: Path, document: str, certain: bool, as_json: bool) -> int:
    """Show what was made from DOCUMENT, from that, and so on, and the mixes that hold any of it."""
    from anchor_pipeline.graph.questions import documents_of, keys_named

    with _opened(project) as graph:
        start = keys_named(graph.connection, document)
        if not len(start):
            raise UsageError(f"{_plain(document)}: no shard of the store holds a document of that id")
        keys = graph.descendants(start, possible=not certain)
        rows, held = documents_of(graph.connection, keys), graph.releases_of(keys)
        troubles = bool(graph.updated.troubles)
    if as_json:
        told = {
            "document": document,
            "descendants": [asdict(row) for row in rows],
            "releases": [asdict(h) for h in held],
        }
        click.echo(json.dumps(told, indent=2))
        return DAMAGED if troubles else 0
    click.echo(f"{_plain(document)}: {_count(len(rows), 'descendant')}")
    for row in rows[:_MOST_SHOWN]:
        click.echo(f"  {_plain(row.doc_id)}  {_plain(row.generator or row.authorship)}")
    _and_more(len(rows))
    for release in held:
        old = ", superseded" if release.superseded else ""
        click.echo(f"{release.folder}: {release.documents:,} of them, {release.tokens:,} tokens{old}")
    return DAMAGED if troubles else 0


@click.command()
@_PROJECT
@click.option("--stage", help="Only this stage.")
@click.option("--cycle", help="This cycle; default: the newest one that the stage has a release of.")
@click.option("--revision", type=int, help="This revision; default: the newest one.")
@_JSON
def origins(project: Path, stage: str | None, cycle: str | None, revision: int | None, as_json: bool) -> int:
    """Show where the tokens of releases come from in the end: whose text, which generators, or unknown."""
    with _opened(project) as graph:
        chosen = _releases(graph, stage, cycle, revision)
        found = [(folder, graph.origins(number)) for number, folder in chosen]
        troubles = bool(graph.updated.troubles)
    if as_json:
        told = [{"release": folder, "origins": [asdict(one) for one in origins]} for folder, origins in found]
        click.echo(json.dumps(told, indent=2))
        return DAMAGED if troubles else 0
    for folder, origins in found:
        click.echo(folder)
        for one in origins:
            label = f"{one.kind}: {_plain(one.name)}"
            click.echo(f"  {one.share:>7.2%}  {one.modality or '-'}  {label}  ({one.tokens:,.0f})")
    return DAMAGED if troubles else 0


@click.command()
@_PROJECT
@_JSON
def generators(project: Path, as_json: bool) -> int:
    """Show what each generator has written, over how many generations, and how much feeds on its own text."""
    with _opened(project) as graph:
        found = graph.generators()
        troubles = bool(graph.updated.troubles)
    if as_json:
        click.echo(json.dumps([{**asdict(one), "self_feeding": one.self_feeding} for one in found], indent=2))
        return DAMAGED if troubles else 0
    for one in found:
        depth = "in a circle" if one.generation is None else f"generation {one.generation}"
        click.echo(f"{_plain(one.name)}  {one.modality}: {one.documents:,} documents, {one.tokens:,} tokens, {depth}, "
                   f"{one.self_feeding:.2%} made from its own")  # fmt: skip
    if not found:
        click.echo("no document of the store was generated")
    return DAMAGED if troubles else 0


COMMANDS = (build, ancestry, descendants, origins, generators)
"""Of the group `anchor lineage`."""


@contextmanager
def _opened(project: Path) -> Iterator[Graph]:
    """The graph of a project, up to date; afterwards what it lacks is said on stderr."""
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.graph import open_graph

    with open_graph(Store.at(load_project(project).store_address)) as graph:
        yield graph
        for trouble in graph.updated.troubles:
            click.echo(f"not in the graph: {trouble}", err=True)


def _releases(graph: Graph, stage: str | None, cycle: str | None, revision: int | None) -> list[tuple[int, str]]:
    """Number and folder of the releases asked for; UsageError if there is none."""
    rows: list[tuple[Any, ...]] = graph.connection.execute(
        """
        SELECT release, folder FROM releases WHERE stage = coalesce($stage, stage) AND cycle = coalesce($cycle, cycle)
            AND revision = coalesce($revision, revision)
        QUALIFY row_number() OVER (PARTITION BY stage ORDER BY cycle DESC, revision DESC) = 1 ORDER BY folder
        """,
        {"stage": stage, "cycle": cycle, "revision": revision},
    ).fetchall()
    if not rows:
        said = " ".join(str(part) for part in (stage, cycle, revision) if part is not None)
        raise UsageError(f"there is no release {said}".rstrip() + "; build one first")
    return [(number, folder) for number, folder in rows]


def _told(one: Ancestor) -> str:
    notes = [one.generator or one.authorship]
    if not one.certain:
        notes.append("one of several that may be meant")
    if one.circular:
        notes.append("among its own ancestors")
    return _plain(", ".join(notes))


def _and_more(count: int) -> None:
    if count > _MOST_SHOWN:
        click.echo(f"  … and {count - _MOST_SHOWN:,} more; --json lists them all")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _plain(text: str) -> str:
    """Text of documents without what a terminal would obey."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
