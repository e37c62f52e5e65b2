"""`anchor export`: what a mix holds, as files that carry their credentials."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project


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
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    help="Record the export there, so that a recall can name it; the project that the mix is from.",
)
def export(mix: str, folder: Path, media: bool, keys: Path | None, root: Path | None, project: Path | None) -> None:
    """Write what a released MIX holds into a new FOLDER, every file with its credential.

    Images and sounds that a model made carry a C2PA manifest inside (PNG, JPEG, WAV) or beside them; for all others
    there is the signed statement on the shard that they came from. index.jsonl says which is which.
    """
    from anchor_pipeline.custody.credentials.authority import leaf_of
    from anchor_pipeline.mix.export_media import export_media

    if not media:
        raise UsageError("say what to export: --media for images and sounds; texts and tables are read with open_mix")
    signing = keys or Path(os.environ.get("ANCHOR_KEYS") or "keys")
    with nullcontext() if project is None else _recorded(project, mix, folder):
        done = export_media(mix, folder, lambda: leaf_of(signing), root=root)
    if project is None:
        click.echo("not recorded, so no recall can name it; --project says of which project the mix is", err=True)
    click.echo(
        f"{folder}: {done.files:,} files; {done.embedded:,} with a C2PA manifest inside, {done.sidecars:,} with one "
        f"beside them; {done.left:,} documents are no images or sounds"
    )


@contextmanager
def _recorded(project: Path, mix: str, folder: Path) -> Iterator[None]:
    """The step of an export in the project's ledger and lineage. UsageError if the mix is of another project."""
    from anchor_pipeline.artefacts import export_artefact
    from anchor_pipeline.mix.checks import read_manifest
    from anchor_pipeline.mix.export_media import INDEX
    from anchor_pipeline.mix.folder import folder_at
    from anchor_pipeline.mix.newest import newest_release
    from anchor_pipeline.observer import Artefact
    from anchor_pipeline.workplace import Workplace

    place = Workplace(load_project(project))
    release = newest_release(folder_at(mix))
    manifest = read_manifest(release)
    if manifest.project != place.project.project:
        raise UsageError(
            f"{release.url}: is a mix of {manifest.project}, {place.project.path} is {place.project.project}"
        )
    # An export lies where it lies, and whoever recalls it has to find it there.
    name = f"exports/{folder.absolute().as_posix().lstrip('/')}"
    with place.step(f"export/{manifest.stage}", place.project.calendar.at(manifest.cycle)) as step:
        step.input(Artefact(f"mix/{manifest.stage}", manifest.digest, manifest.rows))
        yield
        index = (folder / INDEX).read_bytes()
        step.output(export_artefact(name, manifest, hashlib.sha256(index).hexdigest(), len(index.splitlines())))
