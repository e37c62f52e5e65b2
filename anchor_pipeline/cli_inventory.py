"""`anchor inventory`: what there is of first-party data, what it is worth, and what to clean, license or collect."""

from __future__ import annotations

import json
from pathlib import Path

import click

from anchor_pipeline.cli_models import PROJECT, cycle_key, store_of
from anchor_pipeline.project import load_project


@click.command()
@PROJECT
@click.option("--cycle", help="Which cycle, such as 2021-07; default: the newest one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
def inventory(project: Path, cycle: str | None, as_json: bool) -> None:
    """List the anchor, enterprise and licensed sources of PROJECT, and what to clean, license or collect next.

    Volume, freshness, risk, consent, business value, licence, use in mixes, and the value of one more token: the
    planner's shadow price. The corpus of the cycle must have been assembled, by `anchor plan` or a build.
    """
    from anchor_pipeline.report.inventory import inventory as taken
    from anchor_pipeline.report.inventory_text import lines

    declared = load_project(project)
    key = cycle_key(declared, cycle, "--cycle")
    found = taken(declared, declared.calendar.at(key), store_of(declared))
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    for line in lines(found):
        click.echo(line)
