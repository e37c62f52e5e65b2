"""`anchor ledger`: what the ledger of a project says, its check, and everything that is done with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.project import Project, load_project

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.custody.custodian import Custodian
    from anchor_pipeline.custody.history import Checked
    from anchor_pipeline.custody.ledger import Ledger
    from anchor_pipeline.custody.note import Checkpoint
    from anchor_pipeline.custody.stamps.keep import Kept

_PROJECT = click.argument("project", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def ledger() -> None:
    """Look into, check and publish the ledger that PROJECT's steps are signed into."""


@ledger.command()
@_PROJECT
@_JSON
def status(project: Path, as_json: bool) -> None:
    """Say how long the ledger is, what its last head covers, and which steps began and did not end."""
    custodian = _opened(project)[1]
    one = custodian.ledger
    head, found = one.head(), list(_unfinished(one))
    before = [earlier.origin for earlier in _history(one)[:-1]]
    told = {
        "origin": one.origin,
        "address": one.storage.address,
        "entries": one.size(),
        "head": None if head is None else {"size": head.size, "root_hash": head.root.hex()},
        "continues": before,
        "unfinished": found,
    }
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(f"ledger      {one.origin} in {told['address']}")
    click.echo(f"entries     {told['entries']:,}")
    covered = "none signed yet" if head is None else f"{head.size:,} entries, root {head.root.hex()[:16]}…"
    click.echo(f"last head   {covered}")
    if before:
        click.echo(f"continues   {' → '.join(before)}")
    click.echo(f"unfinished  {len(found)}")
    for step in found:
        state = "runs now" if step["running"] else "its process is gone; the next build closes it"
        click.echo(f"  {step['step']} since {step['time']} (entry {step['entry']}, run {step['run']}): {state}")


@ledger.command()
@_PROJECT
@click.option("--root", type=_FILE, help="Root key that you trust; default: the one in the key folder.")
@click.option("--pin", type=_FILE, help="File with the last head that you saw; checked against, then replaced.")
@click.option("--witness", "witnesses", multiple=True, metavar="KEY", help="Key of a witness: name+hash+key.")
@click.option("--head", "head_file", type=_FILE, help="The last head as published, with cosignatures of witnesses.")
@click.option("--least", default=0, type=click.IntRange(min=0), help="Cosignatures that the head must have.")
@_JSON
def verify(
    project: Path,
    root: Path | None,
    pin: Path | None,
    witnesses: tuple[str, ...],
    head_file: Path | None,
    least: int,
    as_json: bool,
) -> None:
    """Check every entry, signature and head of the ledger, and of those that it continues."""
    from anchor_pipeline.custody.flaws import Flaw
    from anchor_pipeline.custody.history import check_stored
    from anchor_pipeline.custody.key_files import read_public
    from anchor_pipeline.custody.pins import check_and_pin
    from anchor_pipeline.custody.witness import Witness, check_witnessed

    custodian = _opened(project)[1]
    known = [Witness.parsed(line) for line in witnesses]
    trusted = read_public(root or custodian.keys.folder / "root.pub.json")
    try:
        checked = check_stored(_history(custodian.ledger), trusted)
        last = checked[-1]
        head = last.head if head_file is None else _same(_head_in(head_file), last.head, head_file)
        seen = check_witnessed(head, known, least)
        if pin is not None:
            check_and_pin(pin, [one.check for one in checked], last.head)
    except Flaw as flaw:
        raise DamagedData(f"ledger {custodian.ledger.origin}: {flaw} [{flaw.code}]") from None
    if as_json:
        click.echo(json.dumps([_told(one) for one in checked], indent=2))
        return
    for one in checked:
        click.echo(f"{one.check.origin}: {one.check.size:,} entries hold, and the head over {one.head.size:,} of them")
        if one.beyond:
            click.echo(f"  {one.beyond} came after it and are under no head yet; the next step signs one")
    click.echo(f"begun by root {trusted.id}{'' if root else ', the one in your own key folder'}")
    click.echo(f"{len(last.check.unfinished)} steps began and did not end")
    for cosigned in seen:
        click.echo(f"cosigned by {cosigned.witness} at {cosigned.at:%Y-%m-%d %H:%M:%S} UTC")


@ledger.command()
@_PROJECT
@click.option("--to", metavar="FOLDER", help="Folder, or URL of a bucket; default: custody/log in the store.")
@click.option("--head", "head_file", type=_FILE, help="The last head with cosignatures of witnesses, to publish with.")
def publish(project: Path, to: str | None, head_file: Path | None) -> None:
    """Write the ledger as static files (C2SP tlog-tiles) that any web server can serve; only what is new."""
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.custody.tiles import publish as write

    declared, custodian = _opened(project)
    head = _last_head(custodian.ledger)
    if head_file is not None:
        head = _same(_head_in(head_file), head, head_file)
    store, prefix = (_store(declared), "custody/log") if to is None else (Store.at(to), "")
    done = write(custodian.ledger, store, prefix, head=head)
    if to is not None:
        with suppress(OSError):
            store.path("tmp").rmdir()
    click.echo(
        f"{done.head.size:,} entries published in {store.address_of(prefix or '.')}, {done.before:,} were there; "
        f"{done.written} files written"
    )


@ledger.command()
@_PROJECT
@click.argument("entry", type=click.IntRange(min=0))
@click.option("--output", "-o", type=_FILE, help="File for the proof; default: stdout.")
def prove(project: Path, entry: int, output: Path | None) -> None:
    """Prove that ENTRY, by its number, is in the ledger: a C2SP tlog-proof that can be checked offline."""
    from anchor_pipeline.custody.log_proof import prove_entry

    text = prove_entry(_opened(project)[1].ledger, entry).encoded()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_bytes(text.encode())
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror})") from None
    click.echo(f"{output}: proof that entry {entry} is in the ledger")


@ledger.command()
@_PROJECT
@click.argument("origin")
def rotate(project: Path, origin: str) -> None:
    """Go on in a new ledger named ORIGIN that continues this one; needs the root's keys."""
    from anchor_pipeline.custody.head_memory import HeadMemory
    from anchor_pipeline.custody.keys import ROOT
    from anchor_pipeline.custody.ledger import Ledger
    from anchor_pipeline.custody.providers import signer_of
    from anchor_pipeline.custody.rotation import rotate_ledger

    declared, custodian = _opened(project)
    folder = custodian.keys.folder
    new = Ledger(custodian.storage, origin, memory=HeadMemory(folder))
    rotate_ledger(custodian.ledger, new, signer_of(ROOT, folder), custodian.signer)
    click.echo(f"ledger {origin} continues {custodian.ledger.origin}, in {custodian.storage.address}")
    click.echo(f"now set `origin: {origin}` under `custody` in {declared.path}; until then nothing is taken down there")


@ledger.command()
@_PROJECT
@click.option("--calendar", "calendars", multiple=True, metavar="URL", help="OpenTimestamps; default: public ones.")
@click.option("--authority", metavar="URL", help="Time-stamping authority (RFC 3161); default: none.")
@click.option("--authority-root", type=_FILE, help="Certificate (PEM) that the authority's has to lead up to.")
@click.option("--headers", type=_FILE, help="Bitcoin block headers to compare with: lines of height and hex.")
@_JSON
def stamp(
    project: Path,
    calendars: tuple[str, ...],
    authority: str | None,
    authority_root: Path | None,
    headers: Path | None,
    as_json: bool,
) -> None:
    """Have the last head stamped outside, upgrade earlier stamps, and say what each of them proves.

    By the services of `custody.stamps` in the declaration, unless options name some. The newest releases whose ledger
    reaches a stamped head get its stamp, or the more complete one, beside their manifest.
    """
    from anchor_pipeline.custody.stamps.keep import anchored
    from anchor_pipeline.custody.stamps.services import stampers

    declared, custodian = _opened(project)
    named = calendars or authority or authority_root or headers
    services = stampers(calendars, authority, authority_root, headers) if named else None
    found, carried = anchored(_store(declared), custodian, services)
    if as_json:
        click.echo(json.dumps([_kept(kept) for kept in found], indent=2))
        return
    for kept in found:
        click.echo(f"{kept.size:,} entries  {kept.kind}  {kept.verdict.status}: {kept.verdict.words}")
    for name in carried:
        click.echo(f"put beside a release: {name}")
    if any(kept.verdict.status == "failed" for kept in found):
        raise DamagedData(f"a stamp of ledger {custodian.declared.origin} fails; see above")


def _opened(path: Path) -> tuple[Project, Custodian]:
    from anchor_pipeline.custody.custodian import custodian_of

    declared = load_project(path)
    found = custodian_of(declared)
    if found is None:
        raise UsageError(
            f"{declared.path}: declares no custody; add to it\n  custody:\n    origin: example.org/{declared.project}"
        )
    return declared, found


def _history(one: Ledger) -> list[Ledger]:
    from anchor_pipeline.custody.history import history_of

    return history_of(one)


def _last_head(one: Ledger) -> Checkpoint:
    head = one.head()
    if head is None:
        raise Refused(f"ledger {one.origin} has no signed head; `anchor keys init` begins it")
    return head


def _unfinished(one: Ledger) -> Iterator[dict[str, Any]]:
    from anchor_pipeline.custody.envelope import opened
    from anchor_pipeline.custody.statements import Intent, read_statement

    for stored in one.unfinished():
        where = f"entry {stored.index}"
        _, intent = read_statement(opened(stored.envelope, where).payload, where)
        assert isinstance(intent, Intent)
        yield {
            "entry": stored.index,
            "step": intent.step,
            "run": intent.run,
            "time": intent.time,
            "running": one.storage.is_running(intent.run),
        }


def _head_in(path: Path) -> Checkpoint:
    from anchor_pipeline.custody.pins import read_pin

    found = read_pin(path)
    if found is None:
        raise UsageError(f"{path}: no such file")
    return found


def _same(found: Checkpoint, head: Checkpoint, path: Path) -> Checkpoint:
    """The head with the lines that witnesses added to it."""
    from anchor_pipeline.custody.witness import with_signatures

    if found.body != head.body:
        raise UsageError(
            f"{path}: a head of {found.size:,} entries of {found.origin}; the last one is of {head.size:,} entries of "
            f"{head.origin}"
        )
    mine = {(one.name, one.key_hash) for one in head.signatures}
    return with_signatures(head, [one for one in found.signatures if (one.name, one.key_hash) not in mine])


def _told(one: Checked) -> dict[str, Any]:
    root = one.check.keys.root
    return {
        "origin": one.check.origin,
        "entries": one.check.size,
        "head": {"size": one.head.size, "root_hash": one.head.root.hex()},
        "root": root.id if root else None,
        "unfinished": len(one.check.unfinished),
    }


def _kept(kept: Kept) -> dict[str, Any]:
    at = kept.verdict.at
    told = {"size": kept.size, "kind": kept.kind, "status": kept.verdict.status, "words": kept.verdict.words}
    return {**told, "at": at.isoformat() if at else None}


def _store(declared: Project) -> Store:
    from anchor_pipeline.corpus.store import Store

    return Store.at(declared.store_address)
