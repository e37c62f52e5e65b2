"""What the verifiers say of a ledger or a release: the code of the first flaw, or `sound`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import LedgerCheck, lines_of
from anchor_pipeline.custody.check_release import Released, check_custody
from anchor_pipeline.custody.documents import DocumentsRoot
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.checks import check_hashes, check_names, check_verdict, read_manifest
from anchor_pipeline.mix.folder import folder_at
from anchor_pipeline_tests.custody.cases import Case
from docs.spec import verifier

SOUND = "sound"
READERS = ("root.pub.json", "pin")
"""What stands beside the files of a vector, and is brought by the reader."""


def first(made: Case) -> str:
    """The package's, of a ledger."""
    try:
        check = LedgerCheck(PublicKey.parsed(made.root, "root"))
        for line in lines_of([made.ledger]):
            check.take(line)
        check.check_head(note.parsed_bytes(made.head, "head"))
        if made.pin is not None:
            check.check_pin(note.parsed_bytes(made.pin, "pin"))
    except Flaw as flaw:
        return flaw.code
    return SOUND


def second(made: Case) -> str:
    """That of docs/spec, of a ledger."""
    try:
        ledger = verifier.Ledger(verifier.read_key(made.root, "root"))
        for line in verifier.lines(made.ledger):
            ledger.take(line)
        head = verifier.Head(made.head, "head")
        if ledger.size == 0:
            return "genesis"
        ledger.end(head, None if made.pin is None else verifier.Head(made.pin, "pin"))
    except verifier.Flaw as flaw:
        return flaw.code
    return SOUND


def unpacked(files: dict[str, bytes], folder: Path) -> Path:
    """The files of a release in a folder, without what the reader brings."""
    for name, content in files.items():
        if name not in READERS:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder


def first_release(files: dict[str, bytes], folder: Path) -> list[str]:
    """The package's, of a release: all codes. Rows are not looked into: the parts of small releases hold none."""
    opened = folder_at(folder)
    try:
        manifest = read_manifest(opened)
    except DamagedData:
        return ["manifest"]
    found = [_file_code(check.detail) for check in check_names(opened, manifest) if not check.ok]
    found += [
        "file_digest"
        for check in check_hashes(opened, manifest.entries)
        if not check.ok and "unreadable" not in check.detail
    ]
    found += ["verdict" for check in check_verdict(opened, manifest) if not check.ok]
    root = PublicKey.parsed(files["root.pub.json"], "root")
    pins = [note.parsed_bytes(files["pin"], "pin")] if "pin" in files else []
    documents = manifest.documents and DocumentsRoot(manifest.documents.count, manifest.documents.root)
    digest = hashlib.sha256(files["MANIFEST.json"]).hexdigest()
    released = Released(manifest.stage, manifest.cycle, manifest.digest, digest, documents)
    found += [claim.code for claim in check_custody(opened, released, root=root, pins=pins) if claim.ok is False]
    return list(dict.fromkeys(found))


def second_release(files: dict[str, bytes], folder: Path) -> list[str]:
    """That of docs/spec, of a release: all codes."""
    claims = verifier.check_release(folder, verifier.read_key(files["root.pub.json"], "root"), files.get("pin"))
    return list(dict.fromkeys(code for ok, code, _ in claims.found if ok is False))


def _file_code(detail: str) -> str:
    if detail.endswith("is missing"):
        return "file_missing"
    return "file_unlisted" if detail.endswith("does not belong there") else "file_digest"
