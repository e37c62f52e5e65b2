"""`anchor lineage graph`: the drawn lineage graph as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from anchor_pipeline.errors import AnchorError, UsageError
from anchor_pipeline.project import load_project

INCOMPLETE = 3
"""Exit code: something that lies in the store could not be read, and is not in the picture."""


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--release", metavar="STAGE/CYCLE", help="Only what went into this release, and what became of it.")
@click.option("--source", metavar="NAME", help="Only what this source came from, and what it went into.")
@click.option("--document", metavar="ID", help="Only what this document was made from, and what holds it.")
@click.option("--generator", metavar="NAME", help="Only what this generator wrote, with or without its version.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default="lineage.html", show_default=True,
    help="The file to write.",
)  # fmt: skip
def graph(
    project: Path, release: str | None, source: str | None, document: str | None, generator: str | None, output: Path
) -> int:
    """Draw the lineage graph of PROJECT: one HTML file that needs no network.

    With --release, --source, --document or --generator that path is drawn first and whole, with how much of everything
    belongs to it; the rest is folded into boxes that say how much they stand for. What lies in the store and cannot be
    read is named on stderr, and the exit code is 3.
    """
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.graph.asked import Asked
    from anchor_pipeline.graph.graph import open_graph
    from anchor_pipeline.graph.page import lineage_page
    from anchor_pipeline.graph.reading import read_picture

    given = {"release": release, "source": source, "document": document, "generator": generator}
    asked = [Asked(kind, value) for kind, value in given.items() if value is not None]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(f'--{one.kind}' for one in asked)} exclude each other: give one of them")
    declared = load_project(project)
    with open_graph(Store.at(declared.store_address)) as opened:
        picture = read_picture(opened, asked[0] if asked else None)
    page = lineage_page(picture, declared.project)
    try:
        output.write_bytes(page)
    except OSError as error:
        raise AnchorError(f"{output}: cannot be written ({error.strerror}); give another file with -o") from None
    shown = f"{len(picture.nodes):,} nodes, {len(picture.edges):,} connections"
    click.echo(f"{output}: {picture.title}, {shown}, {len(page):,} bytes")
    for trouble in opened.updated.troubles:
        click.echo(f"not in the graph: {trouble}", err=True)
    return INCOMPLETE if opened.updated.troubles else 0
