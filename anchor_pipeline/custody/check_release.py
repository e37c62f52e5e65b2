"""Check what a release carries of its chain of custody, from its folder alone.

Says of each claim whether it is proved, disproved, or (None) not proved for want of something the reader has to
bring, such as the root key that they trust.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

from anchor_pipeline.custody import note
from anchor_pipeline.custody.canonical import parse, unb64
from anchor_pipeline.custody.check_ledger import CheckedEntry, LedgerCheck, lines_of
from anchor_pipeline.custody.documents import DocumentsRoot, check_documents, read_lines
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.statements import Completion, Intent

FOLDER = "custody"
LEDGER = f"{FOLDER}/ledger.jsonl"
HEAD = f"{FOLDER}/checkpoint"
ROOT = f"{FOLDER}/root.pub.json"
CREDENTIALS = f"{FOLDER}/credentials.jsonl"
DOCUMENTS = f"{FOLDER}/documents.jsonl.gz"
VERIFIER = "VERIFY.html"

_MOST_HEAD = 200_000
_CHUNK = 1 << 20


class Files(Protocol):
    """A release's folder."""

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""

    def open(self, name: str) -> BinaryIO:
        """Open one of them."""


class Claim(NamedTuple):
    """Something a release claims."""

    code: str
    """`ledger`, `root`, `completion`, `documents`, `credentials`, `unfinished`; of a disproved one what is wrong."""
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Released:
    """What the manifest of the release says, checked by whoever read it."""

    stage: str
    cycle: str
    mix: str
    """The mix digest."""
    manifest: str
    """SHA-256 of MANIFEST.json."""
    documents: DocumentsRoot | None


def is_custody_file(name: str) -> bool:
    """Whether a file of a release belongs to its custody: these are not in the manifest, which is older."""
    return name == VERIFIER or name.startswith(f"{FOLDER}/")


def check_custody(
    files: Files, released: Released, *, root: PublicKey | None = None, pins: Sequence[note.Checkpoint] = ()
) -> Iterator[Claim]:
    """The claims of a release; after the first that is disproved there are no further ones that rest on it."""
    ledger, completions = LedgerCheck(root), []
    try:
        for entry in _entries(files, ledger):
            if entry.name == "completion" and _is_of(entry, released):
                completions.append(entry)
        ledger.check_head(note.parsed(_text(files, HEAD), "head"))
        for pin in pins:
            ledger.check_pin(pin)
    except Flaw as flaw:
        yield Claim(flaw.code, False, str(flaw))
        return
    yield Claim("ledger", True, f"{ledger.size:,} entries of {ledger.origin}, every signature and the head over them")
    yield _root_claim(ledger, root)
    yield Claim("unfinished", True, _unfinished(ledger))
    if not completions:
        yield Claim("completion_missing", False, f"no step of the ledger released {released.stage} {released.mix}")
        return
    last = completions[-1]
    yield Claim("completion", True, f"released by {last.key.identity} at {last.predicate.time}, entry {last.index}")
    yield _documents_claim(files, released)
    yield from _credentials_claims(files, last, ledger)


def _entries(files: Files, ledger: LedgerCheck) -> Iterator[CheckedEntry]:
    for line in lines_of(_chunks(files, LEDGER)):
        yield ledger.take(line)
    if ledger.size == 0:
        raise Flaw("genesis", "ledger", "no entry at all")


def _chunks(files: Files, name: str) -> Iterator[bytes]:
    if not files.has(name):
        raise Flaw("file_missing", name, "the release does not carry it")
    with files.open(name) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _text(files: Files, name: str) -> str:
    data = b"".join(_limited(_chunks(files, name), name))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Flaw("head_malformed", name, "no UTF-8") from None


def _limited(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _MOST_HEAD:
            raise Flaw("head_malformed", name, "too large")
        yield chunk


def _is_of(entry: CheckedEntry, released: Released) -> bool:
    made = entry.predicate
    if not isinstance(made, Completion) or made.step != f"mix/{released.stage}":
        return False
    found = {one.name: one.digest for one in made.outputs}
    name = f"mix/{released.stage}"
    return found.get(name) == released.mix and found.get(f"{name}/MANIFEST.json") == released.manifest


def _root_claim(ledger: LedgerCheck, root: PublicKey | None) -> Claim:
    if root is not None:
        return Claim("root", True, f"begun by the root key you trust, {root.id}")
    own = ledger.keys.root
    name = own.id if own else "unknown"
    return Claim("root", None, f"signed by a key that calls itself root, {name}; name the one you trust with --root")


def _unfinished(ledger: LedgerCheck) -> str:
    if not ledger.unfinished:
        return "every step that began has ended"
    steps = [entry.predicate.step for entry in ledger.unfinished.values() if isinstance(entry.predicate, Intent)]
    return f"{len(steps)} steps had begun and not ended at this head: {', '.join(sorted(set(steps))[:5])}"


def _documents_claim(files: Files, released: Released) -> Claim:
    if released.documents is None:
        return Claim("documents_root", False, "the manifest states no root of its documents")
    if not files.has(DOCUMENTS):
        return Claim("file_missing", False, f"{DOCUMENTS}: the release does not carry it")
    try:
        with files.open(DOCUMENTS) as file:
            check_documents(read_lines(file, DOCUMENTS), released.documents, DOCUMENTS)
    except Flaw as flaw:
        return Claim(flaw.code, False, str(flaw))
    return Claim(
        "documents", True, f"the list of its {released.documents.count:,} documents is the one of the manifest"
    )


def _credentials_claims(files: Files, entry: CheckedEntry, ledger: LedgerCheck) -> Iterator[Claim]:
    made = entry.predicate
    assert isinstance(made, Completion)
    if made.credentials is None:
        yield Claim("credential_missing", False, "the ledger names no credentials of the shards this mix came from")
        return
    try:
        data = b"".join(_chunks(files, CREDENTIALS))
        if hashlib.sha256(data).hexdigest() != made.credentials.sha256:
            raise Flaw("credentials_digest", CREDENTIALS, "not the list that the ledger names")
        found = [_credential(line) for line in io.BytesIO(data)]
        if len(found) != made.credentials.count:
            raise Flaw(
                "credentials_digest", CREDENTIALS, f"{len(found)} credentials, {made.credentials.count} are named"
            )
    except Flaw as flaw:
        yield Claim(flaw.code, False, str(flaw))
        return
    kinds = {kind: sum(one == kind for one in found) for kind in sorted(set(found))}
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    yield Claim("credentials", True, f"one for each of the {len(found)} shards, as the ledger names them ({told})")


def _credential(line: bytes) -> str:
    """The kind of a credential whose bytes have the digest it states."""
    record = parse(line.rstrip(b"\n"), CREDENTIALS, 10 * _CHUNK)
    if not isinstance(record, dict) or set(record) != {"data", "kind", "sha256", "shard"}:
        raise Flaw("credential_invalid", CREDENTIALS, "a line that is no credential")
    if hashlib.sha256(unb64(str(record["data"]), CREDENTIALS)).hexdigest() != record["sha256"]:
        raise Flaw(
            "credential_invalid", CREDENTIALS, f"of shard {str(record['shard'])[:64]}: another digest than stated"
        )
    return str(record["kind"])
