"""`anchor prove` and `anchor approve`: evidence about one document of a release, and a steward's word on a release."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.project import load_project


@click.command()
@click.argument("mix")
@click.option("--document", "doc_id", help="Id of the document, such as peps/0008.")
@click.option("--output", type=click.Path(path_type=Path), help="Where to write the proof; default: standard output.")
@click.option("--check", type=click.Path(path_type=Path), help="Check a proof instead of making one.")
def prove(mix: str, doc_id: str | None, output: Path | None, check: Path | None) -> int:
    """Prove that the released MIX holds a document, or that it does not, as a file that can be checked alone."""
    if (doc_id is None) == (check is None):
        raise UsageError("give either --document, to make a proof, or --check, to check one")
    if check is not None:
        return _check(mix, check)
    assert doc_id is not None
    from anchor_pipeline.custody.documents import check_proof, proof_bytes, read_lines
    from anchor_pipeline.custody.documents import prove as make
    from anchor_pipeline.custody.flaws import Flaw
    from anchor_pipeline.custody.release_files import DOCUMENTS

    folder, manifest, stated = _release(mix)
    if not folder.has(DOCUMENTS):
        raise DamagedData(f"{folder.url}: carries no {DOCUMENTS}; build the release again to have it written")
    try:
        with folder.open(DOCUMENTS) as file:
            proof = make(read_lines(file, DOCUMENTS), manifest.digest, doc_id, DOCUMENTS)
        # Proved to nobody unless it leads to the root in the manifest.
        held = check_proof(proof, manifest.digest, stated)
    except Flaw as flaw:
        raise DamagedData(f"{folder.url}: {flaw}; restore the release") from None
    if output is None:
        sys.stdout.buffer.write(proof_bytes(proof))
        return 0
    output.write_bytes(proof_bytes(proof))
    click.echo(f"{output}: {doc_id} is {'in' if held else 'not in'} {manifest.stage} {manifest.cycle}", err=True)
    return 0


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.argument("mix")
@click.option("--as", "identity", default="steward", show_default=True, help="Whose word: steward or steward-NAME.")
@click.option("--reject", is_flag=True, help="Reject the release instead.")
@click.option("--note", default="", help="Why; stays in the ledger for ever.")
def approve(project: Path, mix: str, identity: str, reject: bool, note: str) -> int:
    """Record in PROJECT's ledger that a steward approves the released MIX, or rejects it."""
    from anchor_pipeline.custody.check_ledger import is_steward
    from anchor_pipeline.custody.custodian import custodian_of
    from anchor_pipeline.custody.providers import signer_of
    from anchor_pipeline.mix.verify import verify_mix

    custodian = custodian_of(load_project(project))
    if custodian is None:
        raise UsageError(f"{project}: declares no custody, so there is no ledger to record it in")
    if not is_steward(identity):
        raise UsageError(f"--as {identity}: only steward, or steward-NAME, may approve a release")
    _, manifest, _ = _release(mix)
    wrong = [check for check in verify_mix(mix, root=custodian.keys.public("root")) if not check.ok]
    if wrong and not reject:
        raise Refused(f"{mix}: cannot be approved, {wrong[0].what}: {wrong[0].detail}")
    decision = "rejected" if reject else "approved"
    release = {"stage": manifest.stage, "cycle": manifest.cycle, "digest": manifest.digest}
    signer = signer_of(identity, custodian.keys.folder)
    entry = custodian.ledger.append("approval", {"release": release, "decision": decision, "note": note}, [signer])
    custodian.ledger.sign_head(custodian.signer)
    assert entry is not None
    click.echo(f"{decision} by {identity}: {manifest.stage} {manifest.cycle} {manifest.digest}, entry {entry.index}")
    return 0


def _check(mix: str, path: Path) -> int:
    from anchor_pipeline.custody.canonical import parse
    from anchor_pipeline.custody.documents import check_proof
    from anchor_pipeline.custody.flaws import Flaw

    _, manifest, stated = _release(mix)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        proof = parse(data.removesuffix(b"\n"), str(path), 1 << 20)
        held = check_proof(proof, manifest.digest, stated, str(path))
    except Flaw as flaw:
        raise DamagedData(str(flaw)) from None
    name = json.dumps(proof["doc_id"], ensure_ascii=False)
    click.echo(f"proved: {name} is {'in' if held else 'not in'} {manifest.stage} {manifest.cycle} {manifest.digest}")
    return 0


def _release(mix: str) -> tuple[Any, Any, Any]:
    """Folder and manifest of a release, and what the manifest says of its documents."""
    from anchor_pipeline.custody.documents import DocumentsRoot
    from anchor_pipeline.mix.checks import read_manifest
    from anchor_pipeline.mix.folder import folder_at
    from anchor_pipeline.mix.newest import newest_release

    folder = newest_release(folder_at(mix))
    manifest = read_manifest(folder)
    if manifest.documents is None:
        raise UsageError(f"{folder.url}: was made without custody, so nothing can be proved of its documents")
    return folder, manifest, DocumentsRoot(manifest.documents.count, manifest.documents.root)
