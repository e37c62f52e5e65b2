"""Check what a release carries of its chain of custody, from its folder alone.

Says of each claim whether it is proved, disproved, or (None) not proved for want of something the reader has to
bring, such as the root key that they trust.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

from anchor_pipeline.custody import note
from anchor_pipeline.custody.canonical import MOST_BYTES
from anchor_pipeline.custody.check_ledger import CheckedEntry, LedgerCheck, lines_of
from anchor_pipeline.custody.check_previous import Earlier, check_previous
from anchor_pipeline.custody.documents import DocumentsRoot, check_documents, read_lines
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.release_files import AUTHORITY, CREDENTIALS, DOCUMENTS, HEAD, LEDGER, ROOT, previous_ledger
from anchor_pipeline.custody.stamps.check import MOST_BYTES as MOST_STAMP
from anchor_pipeline.custody.stamps.check import Heads, check_stamps
from anchor_pipeline.custody.statements import Completion, Intent
from anchor_pipeline.errors import DamagedData

_MOST_HEAD = 200_000
_CHUNK = 1 << 20


class Files(Protocol):
    """A release's folder."""

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""

    def open(self, name: str) -> BinaryIO:
        """Open one of them."""

    def sizes(self) -> dict[str, int]:
        """All of them, with their sizes."""


class Claim(NamedTuple):
    """Something a release claims."""

    code: str
    """`ledger`, `root`, `completion`, `documents`, `credentials`, `stamps`, …; of a disproved one what is wrong."""
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


def check_custody(
    files: Files,
    released: Released,
    *,
    root: PublicKey | None = None,
    pins: Sequence[note.Checkpoint] = (),
    lists: bool = True,
) -> Iterator[Claim]:
    """The claims of a release; after the first that is disproved there are no further ones that rest on it.

    Without `lists` its documents and credentials are not gone through: that they are there is all that is asked. Nor
    are outside stamps, which say nothing of the mix.
    """
    completions: list[CheckedEntry] = []
    try:
        earlier = _check_earlier(files, root)
        ledger = LedgerCheck(earlier.root)
        for entry in _entries(files, ledger):
            if entry.index == 0:
                earlier.check_continued_by(ledger)
            if entry.name == "completion" and _is_of(entry, released):
                completions.append(entry)
        ledger.check_head(note.parsed(_text(files, HEAD), "head"))
        for pin in pins:
            ledger.check_pin(pin)
        _check_told_root(files, ledger)
    except Flaw as flaw:
        yield Claim(flaw.code, False, str(flaw))
        return
    yield Claim("ledger", True, f"{ledger.size:,} entries of {ledger.origin}, every signature and the head over them")
    yield _root_claim(ledger, root)
    yield Claim("unfinished", True, _unfinished(ledger))
    if ledger.continues is not None:
        yield _previous_claim(earlier)
    yield from _mix_claims(files, released, ledger, completions, lists)
    if lists:
        yield from _stamp_claims(files, ledger)


def _mix_claims(
    files: Files, released: Released, ledger: LedgerCheck, completions: Sequence[CheckedEntry], lists: bool
) -> Iterator[Claim]:
    if not completions:
        yield Claim("completion_missing", False, f"no step of the ledger released {released.stage} {released.mix}")
        return
    last = completions[-1]
    yield Claim("completion", True, f"released by {last.key.identity} at {last.predicate.time}, entry {last.index}")
    try:
        if not lists:
            for name in (DOCUMENTS, CREDENTIALS):
                _must_have(files, name)
            return
        shards = _check_documents(files, released)
        yield Claim("documents", True, f"the list of {_count(released):,} documents is the one of the manifest")
        yield _credentials_claim(files, last, ledger, shards)
    except Flaw as flaw:
        yield Claim(flaw.code, False, str(flaw))


def _stamp_claims(files: Files, ledger: LedgerCheck) -> Iterator[Claim]:
    try:
        names = files.sizes()
    except (OSError, DamagedData) as error:
        # What is wrong with the folder is told where its files are compared.
        yield Claim("stamps", None, f"whether there are outside stamps cannot be seen ({error})")
        return
    heads = Heads(ledger.origin, ledger.size, ledger.root_at)
    for claim in check_stamps(names, lambda name: _start(files, name), heads):
        yield Claim(*claim)


def _start(files: Files, name: str) -> bytes:
    """Enough of a stamp to read it, or to see that it is too large."""
    try:
        with files.open(name) as file:
            return bytes(file.read(MOST_STAMP + 1))
    except OSError as error:
        raise Flaw("stamp", name, f"cannot be read ({error.strerror or error})") from None


def _entries(files: Files, ledger: LedgerCheck) -> Iterator[CheckedEntry]:
    for line in lines_of(_chunks(files, LEDGER)):
        yield ledger.take(line)
    if ledger.size == 0:
        raise Flaw("genesis", "ledger", "no entry at all")


def _must_have(files: Files, name: str) -> None:
    if not files.has(name):
        raise Flaw("file_missing", name, "the release does not carry it")


def _chunks(files: Files, name: str) -> Iterator[bytes]:
    _must_have(files, name)
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


def _check_told_root(files: Files, ledger: LedgerCheck) -> None:
    """The root key that the release tells for information is the ledger's: nobody is to be told another one."""
    told = b""
    for chunk in _chunks(files, ROOT):
        told += chunk
        if len(told) > MOST_BYTES + 1:
            raise Flaw("too_large", ROOT, "no public key is that large")
    if PublicKey.parsed(told, ROOT) != ledger.keys.root:
        raise Flaw("root_not_pinned", ROOT, "it is not the root key of the ledger")


def _root_claim(ledger: LedgerCheck, root: PublicKey | None) -> Claim:
    if root is not None:
        return Claim("root", True, f"begun by the root key you trust, {root.id}")
    own = ledger.keys.root
    name = own.id if own else "unknown"
    return Claim("root", None, f"signed by a key that calls itself root, {name}; name the one you trust with --root")


def _check_earlier(files: Files, root: PublicKey | None) -> Earlier:
    """The ledgers before this one, as far as the release carries them."""
    carried = 0
    while files.has(previous_ledger(carried)):
        carried += 1
    return check_previous(carried, lambda name: _chunks(files, name), lambda name: _text(files, name), root)


def _previous_claim(earlier: Earlier) -> Claim:
    if not earlier.ledgers:
        return Claim("previous", None, "the ledger continues an earlier one, which is not here")
    return Claim("previous", True, f"{earlier.ledgers} earlier ledgers, {earlier.entries:,} entries, lead up to it")


def _unfinished(ledger: LedgerCheck) -> str:
    if not ledger.unfinished:
        return "every step that began has ended"
    steps = [entry.predicate.step for entry in ledger.unfinished.values() if isinstance(entry.predicate, Intent)]
    return f"{len(steps)} steps had begun and not ended at this head: {', '.join(sorted(set(steps))[:5])}"


def _count(released: Released) -> int:
    return released.documents.count if released.documents else 0


def _check_documents(files: Files, released: Released) -> set[str]:
    """The shards that the documents came from; Flaw unless the list is the one of the manifest."""
    if released.documents is None:
        raise Flaw("documents_root", "manifest", "it states no root of its documents")
    _must_have(files, DOCUMENTS)
    with files.open(DOCUMENTS) as file:
        return check_documents(read_lines(file, DOCUMENTS), released.documents, DOCUMENTS)


def _credentials_claim(files: Files, entry: CheckedEntry, ledger: LedgerCheck, shards: set[str]) -> Claim:
    from anchor_pipeline.custody.credentials.bundle import check_bundle
    from anchor_pipeline.custody.credentials.c2pa_library import NoLibrary
    from anchor_pipeline.custody.credentials.trust import released_trust

    made = entry.predicate
    assert isinstance(made, Completion)
    if made.credentials is None:
        raise Flaw("credential_missing", f"entry {entry.index}", "it names no credentials of the shards")
    data = b"".join(_chunks(files, CREDENTIALS))
    if hashlib.sha256(data).hexdigest() != made.credentials.sha256:
        raise Flaw("credentials_digest", CREDENTIALS, "not the list that the ledger names")
    *lines, rest = [line + b"\n" for line in data.split(b"\n")]
    if len(lines) != made.credentials.count or rest != b"\n":
        raise Flaw("credentials_digest", CREDENTIALS, f"{len(lines)} lines, the ledger says {made.credentials.count}")
    pem = b"".join(_chunks(files, AUTHORITY)) if files.has(AUTHORITY) else None
    try:
        for flaw in check_bundle(lines, shards, released_trust(ledger.keys, pem)):
            raise flaw
    except NoLibrary as error:
        return Claim("credentials", None, f"the ledger names this list, but {error}")
    return Claim("credentials", True, f"one for each of the {len(lines)} shards, and every one holds")
