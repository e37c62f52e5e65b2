"""`anchor keys`: the keys that sign a project's steps, and how they are replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anchor_pipeline.errors import Refused, UsageError
from anchor_pipeline.project import load_project

if TYPE_CHECKING:
    from anchor_pipeline.custody.custodian import Custodian
    from anchor_pipeline.custody.keys import PrivateKey

_PROJECT = click.argument("project", type=click.Path(path_type=Path))
_REASON = click.option("--reason", required=True, help="Why; stays in the ledger for ever.")
_IDENTITY = click.argument("identity")


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke the keys that sign PROJECT's steps. Every change is an entry of the ledger."""


@keys.command(name="init")
@_PROJECT
@click.option(
    "--steward", "stewards", multiple=True, help="An identity that approves releases: steward or steward-NAME."
)
def init_keys(project: Path, stewards: tuple[str, ...]) -> None:
    """Make the keys of root, pipeline and stewards, and begin the ledger."""
    from anchor_pipeline.custody.begin import begin_custody

    custodian = _custodian(project)
    names = [custodian.declared.identity, *(stewards or ("steward",))]
    made = begin_custody(custodian, names, os.environ.get("ANCHOR_KEY_PASSPHRASE"))
    folder = custodian.keys.folder
    for key in made:
        click.echo(f"{folder / key.identity}.key.json  key {key.id[:16]}…")
    click.echo(f"ledger {custodian.declared.origin} begun in {custodian.storage.address}")
    click.echo(f"publish {folder / 'root.pub.json'}: whoever has it can check your releases")
    click.echo(f"take {folder / 'root.key.json'} off this machine: it is needed only to change keys")
    if not os.environ.get("ANCHOR_KEY_PASSPHRASE"):
        click.echo("the keys are not encrypted; set ANCHOR_KEY_PASSPHRASE before `anchor keys init` to have them so")


@keys.command(name="list")
@_PROJECT
def list_keys(project: Path) -> None:
    """List whose keys are in force, and whose private keys are here."""
    custodian = _custodian(project)
    history = custodian.ledger.keys()
    for identity, key in sorted(history.in_force().items()):
        here = "private key here" if custodian.keys.has_private(identity) else "private key elsewhere"
        click.echo(f"{identity}  {key.id}  in force  {here}")
    for keyid in sorted(history.revoked):
        known = history.known(keyid)
        click.echo(f"{known.identity if known else '?'}  {keyid}  revoked")


@keys.command()
@_PROJECT
@_IDENTITY
@_REASON
def add(project: Path, identity: str, reason: str) -> None:
    """Make keys of another IDENTITY, such as steward-anna; needs the root's keys."""
    custodian = _custodian(project)
    made = _new_key(custodian, identity, replace=False)
    _change(custodian, "add", identity, made, None, reason)
    click.echo(f"{identity}  {made.public.id}  in force")


@keys.command()
@_PROJECT
@_IDENTITY
@_REASON
@click.option("--revoke", is_flag=True, help="The old key is compromised: nothing it signs from now on counts.")
def rotate(project: Path, identity: str, reason: str, revoke: bool) -> None:
    """Replace the keys of IDENTITY by new ones; needs the root's keys. Of `root`, both old and new sign."""
    from anchor_pipeline.custody.keys import ROOT

    custodian = _custodian(project)
    current = custodian.ledger.keys().in_force().get(identity)
    if current is None:
        raise UsageError(f"{identity} has no key in force; `anchor keys add` gives it one")
    if identity == ROOT and revoke:
        raise UsageError("the root cannot be revoked by itself; publish a new root, and begin a new ledger with it")
    root = _root(custodian)
    made = _generated(identity)
    # In the ledger first: a key that is in force but lost can be rotated out, one that is not in force signs nothing.
    if identity == ROOT:
        custodian.ledger.append("root", {"root": made.public.record(), "reason": reason}, [root, made])
    else:
        _change(custodian, "rotate", identity, made, current.id, reason)
    custodian.keys.write(made, os.environ.get("ANCHOR_KEY_PASSPHRASE"), replace=True)
    if revoke:
        _change(custodian, "revoke", identity, None, current.id, reason)
    custodian.ledger.sign_head(_signer(custodian))
    click.echo(
        f"{identity}  {made.public.id}  in force instead of {current.id}{', which is revoked' if revoke else ''}"
    )


@keys.command()
@_PROJECT
@_IDENTITY
@_REASON
@click.option("--key", "keyid", help="Which key; default: the one in force.")
def revoke(project: Path, identity: str, reason: str, keyid: str | None) -> None:
    """Revoke a key of IDENTITY: nothing it signs from now on counts. Needs the root's keys."""
    custodian = _custodian(project)
    current = custodian.ledger.keys().in_force().get(identity)
    found = keyid or (current.id if current else None)
    if found is None:
        raise UsageError(f"{identity} has no key in force; name one with --key")
    _change(custodian, "revoke", identity, None, found, reason)
    click.echo(f"{identity}  {found}  revoked")


def _custodian(project: Path) -> Custodian:
    from anchor_pipeline.custody.custodian import custodian_of

    declared = load_project(project)
    found = custodian_of(declared)
    if found is None:
        raise UsageError(
            f"{declared.path}: declares no custody; add to it\n  custody:\n    origin: example.org/{declared.project}"
        )
    return found


def _root(custodian: Custodian) -> PrivateKey:
    from anchor_pipeline.custody.keys import ROOT

    return custodian.keys.private(ROOT, os.environ.get("ANCHOR_KEY_PASSPHRASE"))


def _signer(custodian: Custodian) -> PrivateKey:
    return custodian.keys.private(custodian.declared.identity, os.environ.get("ANCHOR_KEY_PASSPHRASE"))


def _generated(identity: str) -> PrivateKey:
    from anchor_pipeline.custody.keys import PrivateKey

    return PrivateKey.generate(identity)


def _new_key(custodian: Custodian, identity: str, *, replace: bool) -> PrivateKey:
    made = _generated(identity)
    if identity in custodian.ledger.keys().in_force():
        raise Refused(f"{identity} has a key in force; `anchor keys rotate` replaces it")
    custodian.keys.write(made, os.environ.get("ANCHOR_KEY_PASSPHRASE"), replace=replace)
    return made


def _change(
    custodian: Custodian, action: str, identity: str, made: PrivateKey | None, replaces: str | None, reason: str
) -> None:
    fields = {
        "action": action,
        "identity": identity,
        "key": made.public.record() if made else None,
        "replaces": replaces,
        "reason": reason,
    }
    root = _root(custodian)
    custodian.ledger.append("key", fields, [root])
    custodian.ledger.sign_head(root)
