"""`anchor keys authority`: the certificate authority of C2PA credentials, and its leaf."""

from __future__ import annotations

import os
from pathlib import Path

import click

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Make another authority: older credentials no longer count.")
@click.option("--reason", help="Why another authority; stays in the ledger for ever.")
def authority(project: Path, replace: bool, reason: str | None) -> None:
    """Renew the leaf that signs C2PA credentials; with --replace, make another authority, which needs the root's keys.

    After --replace build every synthetic source again: its shards get new credentials.
    """
    from anchor_pipeline.custody.credentials.authority import renew_leaf, replace_authority
    from anchor_pipeline.custody.custodian import custodian_of
    from anchor_pipeline.custody.keys import ROOT

    declared = load_project(project)
    custodian = custodian_of(declared)
    if custodian is None:
        raise UsageError(f"{declared.path}: declares no custody")
    folder, passphrase = custodian.keys.folder, os.environ.get("ANCHOR_KEY_PASSPHRASE")
    if not replace:
        renew_leaf(folder, passphrase)
        click.echo(f"{folder / 'authority.leaf.json'}: a new leaf, under the same authority")
        return
    if not reason:
        raise UsageError("--replace: say why with --reason")
    # Asked for first: without it nothing is to be changed.
    root = custodian.keys.private(ROOT, passphrase)
    digest = replace_authority(folder, custodian.declared.origin, passphrase)
    custodian.ledger.append("authority", {"authority": digest, "reason": reason}, [root])
    custodian.ledger.sign_head(root)
    click.echo(f"{folder / 'authority.pem'}: authority {digest} in force; build every synthetic source again")
