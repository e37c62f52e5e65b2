"""Credentials in the store: made where one is missing, and checked wherever shards are drawn from.

custody/credentials/<ab>/<shard>.intoto.json, of every shard: the signed statement. Of a synthetic one it names the
digest of <shard>.c2pa, the credential proper, which has bytes that C2PA leaves unprotected and no signature that
holds against quantum computers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.credentials.authority import Leaf
from anchor_pipeline.custody.credentials.descent import descents
from anchor_pipeline.custody.credentials.shards import (
    Kind,
    ShardRecord,
    credential_name,
    kind_of,
    shard_records,
)
from anchor_pipeline.custody.credentials.sidecar import Descent, check_sidecar, make_sidecar
from anchor_pipeline.custody.credentials.statement import check_statement, kind_in, make_statement
from anchor_pipeline.custody.credentials.trust import Trust
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import Signer
from anchor_pipeline.errors import DamagedData, Refused
from anchor_pipeline.project import Project

Check = Callable[[Mapping[str, str]], dict[str, str]]
"""Source by shard in; problem by shard out, none of those whose credential holds."""


@dataclass(frozen=True)
class CredentialRef:
    """The credential of a shard: which kind, and the digest of its bytes."""

    shard: str
    kind: Kind
    sha256: str


def ensure_credentials(
    project: Project,
    snapshot: SourceSnapshot,
    store: Store,
    trust: Trust,
    signer: Signer,
    leaf: Callable[[], Leaf],
    run: str,
) -> list[CredentialRef]:
    """A credential for every shard of a source, sorted by shard; those that hold are kept, the others made anew.

    Args:
        project: the declaration, which credentials repeat.
        snapshot: the source, as it was ingested.
        store: holds shards and credentials.
        trust: whose credentials count.
        signer: signs statements.
        leaf: signs for C2PA; asked for only if a synthetic shard needs a credential.
        run: id of the step that asks.

    Raises:
        NoLibrary: a synthetic shard needs a credential, and c2pa-python is not installed.
        Refused: a synthetic shard needs one, and the ledger names no authority; or what was signed does not verify.
        Unavailable, DamagedData: the store cannot be written, or a shard is missing.

    """
    records = shard_records(project, snapshot)
    known = {record.digest: _known(store, record, trust) for record in records}
    doubtful = [record.digest for record in records if record.kind == "c2pa" and known[record.digest] != 0]
    made_from = descents(project, store, doubtful, snapshot.source)
    maker = _Maker(store, trust, signer, leaf, run)
    for record in records:
        before, descent = known[record.digest], made_from.get(record.digest, Descent())
        if before is None or descent.unknown < before:
            try:
                maker.make(record, descent)
            except Flaw as flaw:
                raise Refused(f"sources/{record.source}: no credential can be made: {flaw}") from None
    return [_ref(store, record.digest, record.kind) for record in records]


def credential_check(project: Project, store: Store, trust: Trust) -> Check:
    """Says which shards lack a sound credential. Keeps what it has found sound, so that no credential is read twice."""
    sound: set[tuple[str, str, str]] = set()

    def check(shards: Mapping[str, str]) -> dict[str, str]:
        records = _records(project, store, set(shards.values()))
        problems = {}
        for shard, source in sorted(shards.items()):
            if source not in project.sources:
                problems[shard] = "is of no declared source"
                continue
            try:
                _check(store, shard, project.sources[source].kind, records.get(shard), trust, sound)
            except Flaw as flaw:
                problems[shard] = flaw.detail
        return problems

    return check


def refs_of(store: Store, shards: Iterable[str]) -> list[CredentialRef]:
    """The credentials that lie in the store for these shards, sorted by shard; whether they hold was checked before.

    DamagedData if one is missing, or has lost its C2PA part.
    """
    refs = []
    for shard in sorted(set(shards)):
        statement = store.find(credential_name(shard, "in-toto"))
        kind = None if statement is None else kind_in(statement)
        if kind is None or not store.exists(credential_name(shard, kind)):
            raise DamagedData(f"shard {shard} has no {kind or ''} credential; build the source that it is of again")
        refs.append(_ref(store, shard, kind))
    return refs


def _records(project: Project, store: Store, sources: Iterable[str]) -> dict[str, ShardRecord]:
    """What current snapshots say of shards; older shards may still be drawn from, and have none."""
    snapshots = [read_snapshot(store, source) for source in sorted(sources) if source in project.sources]
    return {one.digest: one for found in snapshots if found is not None for one in shard_records(project, found)}


def _known(store: Store, record: ShardRecord, trust: Trust) -> int | None:
    """None if a shard has no sound credential; else how many of its parents that does not know."""
    try:
        return _check(store, record.digest, str(record.declared["kind"]), record, trust, set())
    except Flaw:
        return None


def _check(
    store: Store, shard: str, kind: str, expected: ShardRecord | None, trust: Trust, sound: set[tuple[str, str, str]]
) -> int:
    """Flaw unless the credential of a shard holds; how many of its parents it does not know."""
    where = f"credential of shard {shard}"
    statement = _found(store, shard, "in-toto", where)
    sidecar = _found(store, shard, "c2pa", where) if kind_of(kind) == "c2pa" else b""
    digest = hashlib.sha256(hashlib.sha256(statement).digest() + sidecar).hexdigest()
    known = shard, digest, "" if expected is None else canonical_digest(repr(expected))
    if known in sound:
        return 0
    check_statement(statement, shard, trust, expected, sidecar or None)
    said = check_sidecar(sidecar, shard, trust, expected) if sidecar else {}
    sound.add(known)
    unknown = said.get("parents_unknown", 0)
    return unknown if isinstance(unknown, int) else 0


def _found(store: Store, shard: str, kind: Kind, where: str) -> bytes:
    data = store.find(credential_name(shard, kind))
    if not data:
        raise Flaw("credential_missing", where, f"has no {kind} credential")
    return data


@dataclass(frozen=True)
class _Maker:
    store: Store
    trust: Trust
    signer: Signer
    leaf: Callable[[], Leaf]
    run: str

    def make(self, record: ShardRecord, descent: Descent) -> None:
        """Make and keep the credential of a shard: the sidecar first, which the statement names."""
        sidecar = None
        if record.kind == "c2pa":
            sidecar = self._kept(record, self._sidecar(record, descent))
        statement = make_statement(record, self.signer, self.run, sidecar)
        check_statement(statement, record.digest, self.trust, record, sidecar)
        self.store.write(credential_name(record.digest, "in-toto"), statement)

    def _kept(self, record: ShardRecord, made: bytes) -> bytes:
        """The sidecar that lies in the store now: of two runs at once one wins, and the statements of both name it."""
        name = credential_name(record.digest, "c2pa")
        if not self.store.write_new(name, made):
            found = self.store.read(name)
            if self._says_as_much(found, made, record):
                return found
            self.store.write(name, made)
        return made

    def _says_as_much(self, found: bytes, made: bytes, record: ShardRecord) -> bool:
        """Whether a sidecar is sound, and says all that the one just made says."""
        shard, ours = record.digest, check_sidecar(made, record.digest, self.trust)
        try:
            theirs = check_sidecar(found, shard, self.trust, record)
        except Flaw:
            return False
        return {**theirs, "run": ""} == {**ours, "run": ""}

    def _sidecar(self, record: ShardRecord, descent: Descent) -> bytes:
        if self.trust.authority is None:
            where = f"credential of shard {record.digest}"
            raise Flaw("credential_missing", where, "the ledger names no authority; make one: `anchor keys authority`")
        content = self._content(record.digest)
        if hashlib.sha256(content).hexdigest() != record.digest:
            raise DamagedData(f"shard {record.digest}: its bytes have another digest; restore it, or ingest again")
        return make_sidecar(record, content, descent, self._nested, self.leaf(), self.trust.authority, self.run)

    def _nested(self, shard: str) -> tuple[bytes, Callable[[], bytes]] | None:
        sidecar = self.store.find(credential_name(shard, "c2pa"))
        return None if sidecar is None else (sidecar, partial(self._content, shard))

    def _content(self, shard: str) -> bytes:
        try:
            return self.store.local_shard(shard).read_bytes()
        except OSError as error:
            raise DamagedData(
                f"shard {shard}: cannot be read ({error.strerror}); restore it, or ingest again"
            ) from None


def _ref(store: Store, shard: str, kind: Kind) -> CredentialRef:
    data = store.read(credential_name(shard, kind))
    return CredentialRef(shard, kind, hashlib.sha256(data).hexdigest())
