"""`anchor export`: what a mix holds, as files that carry their credentials."""

from __future__ import annotations

import os
from pathlib import Path

import click

from anchor_pipeline.errors import UsageError


@click.command()
@click.argument("mix")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--media", is_flag=True, help="Export the images and sounds.")
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    help="Key folder whose leaf signs for synthetic files; default: the variable ANCHOR_KEYS, or `keys` here.",
)
@click.option("--root", type=click.Path(path_type=Path), help="The root key you trust (root.pub.json).")
def export(mix: str, folder: Path, media: bool, keys: Path | None, root: Path | None) -> None:
    """Write what a released MIX holds into a new FOLDER, every file with its credential.

    Images and sounds that a model made carry a C2PA manifest inside (PNG, JPEG, WAV) or beside them; for all others
    there is the signed statement on the shard that they came from. index.jsonl says which is which.
    """
    from anchor_pipeline.custody.credentials.authority import leaf_of
    from anchor_pipeline.mix.export_media import export_media

    if not media:
        raise UsageError("say what to export: --media for images and sounds; texts and tables are read with open_mix")
    signing = keys or Path(os.environ.get("ANCHOR_KEYS") or "keys")
    done = export_media(mix, folder, lambda: leaf_of(signing), root=root)
    click.echo(
        f"{folder}: {done.files:,} files; {done.embedded:,} with a C2PA manifest inside, {done.sidecars:,} with one "
        f"beside them; {done.left:,} documents are no images or sounds"
    )
