"""`anchor validate-lineage`: whether files are what docs/spec/lineage.md says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from anchor_pipeline.lineage.validation.report import Report

FOUND = 1


@click.command(name="validate-lineage")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--openlineage",
    "standard",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the schemas of OpenLineage (spec/ of its repository): checks every facet of the standard.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
def validate_lineage(files: tuple[Path, ...], standard: Path | None, as_json: bool) -> int:
    """Check each FILE: lineage events, shards, parts of a mix, lists of documents, snapshots, recalls.

    From the files alone, without a project; of a folder, all such files below it. Digests are computed again, and
    files that speak of each other are compared. Exit code 1 if anything is wrong.
    """
    from anchor_pipeline.lineage.validation.files import validate_files

    report = validate_files(files, standard)
    if as_json:
        click.echo(json.dumps(_as_json(report), indent=2))
    else:
        for line in _lines(report):
            click.echo(line)
    return 0 if report.ok else FOUND


def _as_json(report: Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "checked": dict(sorted(report.counts.items())),
        "findings": [vars(one) for one in report.findings],
        "more_findings": dict(sorted(report.more.items())),
        "notes": [vars(one) for one in report.notes],
    }


def _lines(report: Report) -> Iterator[str]:
    for one in report.findings:
        yield f"WRONG   {one}"
    for file, number in sorted(report.more.items()):
        yield f"WRONG   {file}: {number} more"
    for note in report.notes:
        yield f"note    {f'{note.file}: ' if note.file else ''}{f'{note.place}: ' if note.place else ''}{note.what}"
    if report.counts:
        yield f"checked {', '.join(f'{number:,} {what}' for what, number in sorted(report.counts.items()))}"
    total = len(report.findings) + sum(report.more.values())
    yield f"{total} finding{'' if total == 1 else 's'}" if total else "fine" if report.ok else "nothing was checked"
