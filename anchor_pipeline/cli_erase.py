"""`anchor recall erase`: the content of recalled documents leaves the store."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project

if TYPE_CHECKING:
    from anchor_pipeline.corpus.erasures import Erasure
    from anchor_pipeline.corpus.recall_files import Kept, RecallFiles
    from anchor_pipeline.corpus.snapshot import SourceSnapshot
    from anchor_pipeline.workplace import Workplace


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.argument("recall", metavar="ID")
@click.option("--by", default=None, help="Who erases; default: the user who runs this.")
@click.option("--yes", is_flag=True, help="Do it. Without this it is only shown what would be done. Nothing undoes it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
def erase(project: Path, recall: str, by: str | None, yes: bool, as_json: bool) -> int:
    """Take the content of the documents of recall ID out of PROJECT's store; ids, digests and all else stay.

    Run it again if it was killed, or after the store was restored from a backup. Do not build meanwhile.
    """
    from anchor_pipeline.corpus.recall_files import RecallFiles
    from anchor_pipeline.recall.erase import is_back, must_be_erasable
    from anchor_pipeline.recall.erase_find import to_erase
    from anchor_pipeline.recall.erase_words import as_json as told
    from anchor_pipeline.recall.erase_words import dry_lines, state_of
    from anchor_pipeline.workplace import Workplace

    place = Workplace(load_project(project))
    files = RecallFiles(place.store, place.project.root)
    kept = next((one for one in files.all() if one.record.id == recall), None)
    if kept is None:
        raise UsageError(f"{recall}: there is no such recall; anchor recall status {place.project.path}")
    must_be_erasable(kept)
    if not yes:
        found = to_erase(place.store, files, kept)
        if as_json:
            click.echo(json.dumps({"project": place.project.project, "carried_out": False, **told(kept.record, found)}))
            return 0
        for line in dry_lines(kept.record, found):
            click.echo(line)
        if kept.erasure is not None:
            click.echo(state_of(kept.erasure, is_back(place.store, kept)))
        click.echo("nothing was done; add --yes to erase it for good")
        return 0
    done = _carry_out(place, files, kept, by or getpass.getuser())
    if as_json:
        click.echo(json.dumps({"project": place.project.project, "carried_out": True, **done.model_dump(mode="json")}))
        return 0
    click.echo(f"{state_of(done, False)}; in recalls/{recall}.erasure.md stands what to erase elsewhere")
    click.echo(
        f"commit {place.project.root / 'recalls'}: it tells that a store restored from a backup has to be erased again"
    )
    return 0


def _carry_out(place: Workplace, files: RecallFiles, kept: Kept, by: str) -> Erasure:
    from anchor_pipeline.observer import Artefact
    from anchor_pipeline.recall.carry_out import keep_receipts
    from anchor_pipeline.recall.erase import erase as carry_out
    from anchor_pipeline.recall.on_record import on_record
    from anchor_pipeline.recall.settle import settled
    from anchor_pipeline.workplace import give_credentials

    id = kept.record.id
    with place.step(f"recall/{id}/erase", None) as step:

        def credentials(snapshot: SourceSnapshot) -> None:
            if snapshot.source in place.project.sources:
                give_credentials(place, snapshot, step.run.id)

        step.input(Artefact(f"recalls/{id}", kept.record.digest, kept.record.tombstones.count))
        keep = credentials if place.custodian is not None else None
        done = carry_out(place.store, files, kept, by, datetime.now(UTC), keep)
        step.output(Artefact(f"recalls/{id}/erasure", done.digest, done.rows))
    keep_receipts(files, settled(place.store, files), on_record(place.custodian))
    return done
