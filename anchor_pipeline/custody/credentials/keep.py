"""Credentials in the store: made where one is missing, and checked wherever shards are drawn from.

custody/credentials/<ab>/<shard>.intoto.json, of every shard: the signed statement. Of a synthetic one it names the
digest of <shard>.c2pa, the credential proper, which has bytes that C2PA leaves unprotected and no signature that
holds against quantum computers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.credentials.authority import Leaf
from anchor_pipeline.custody.credentials.descent import Ancestors
from anchor_pipeline.custody.credentials.shards import (
    Kind,
    ShardRecord,
    credential_name,
    kind_of,
    shard_records,
)
from anchor_pipeline.custody.credentials.sidecar import check_sidecar, make_sidecar
from anchor_pipeline.custody.credentials.statement import check_statement, make_statement
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
    ancestors = Ancestors(project, store)
    refs = []
    for record in shard_records(project, snapshot):
        if not _holds(store, record, trust, ancestors):
            try:
                _make(store, record, trust, ancestors, signer, leaf, run)
            except Flaw as flaw:
                raise Refused(f"sources/{record.source}: no credential can be made: {flaw}") from None
        refs.append(_ref(store, record.digest, record.kind))
    return refs


def credential_check(project: Project, store: Store, trust: Trust) -> Check:
    """Says which shards lack a sound credential. Keeps what it has found sound, so that no credential is read twice."""
    sound: set[tuple[str, str, str]] = set()

    def check(shards: Mapping[str, str]) -> dict[str, str]:
        records = _records(project, store, set(shards.values()))
        problems = {}
        for shard, source in sorted(shards.items()):
            try:
                _check(store, shard, project.sources[source].kind, records.get(shard), trust, sound)
            except Flaw as flaw:
                problems[shard] = flaw.detail
        return problems

    return check


def refs_of(store: Store, shards: Iterable[str]) -> list[CredentialRef]:
    """The credentials that lie in the store for these shards, sorted, unchecked; DamagedData if one is missing."""
    refs = []
    for shard in sorted(set(shards)):
        kinds: tuple[Kind, ...] = ("c2pa", "in-toto")
        kind = next((kind for kind in kinds if store.exists(credential_name(shard, kind))), None)
        if kind is None:
            raise DamagedData(f"shard {shard} has no credential; build the source that it is of again")
        refs.append(_ref(store, shard, kind))
    return refs


def _records(project: Project, store: Store, sources: Iterable[str]) -> dict[str, ShardRecord]:
    """What current snapshots say of shards; older shards may still be drawn from, and have none."""
    snapshots = [read_snapshot(store, source) for source in sorted(sources) if source in project.sources]
    return {one.digest: one for found in snapshots if found is not None for one in shard_records(project, found)}


def _holds(store: Store, record: ShardRecord, trust: Trust, ancestors: Ancestors) -> bool:
    """Whether a shard's credential is sound, and knows as much of its descent as there is to know now."""
    try:
        unknown = _check(store, record.digest, str(record.declared["kind"]), record, trust, set())
    except Flaw:
        return False
    return not unknown or ancestors.descent(record.digest, record.source).unknown >= unknown


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


def _make(
    store: Store,
    record: ShardRecord,
    trust: Trust,
    ancestors: Ancestors,
    signer: Signer,
    leaf: Callable[[], Leaf],
    run: str,
) -> None:
    """Make and keep the credential of a shard: the sidecar first, which the statement names."""
    sidecar = None
    if record.kind == "c2pa":
        if trust.authority is None:
            where = f"credential of shard {record.digest}"
            raise Flaw("credential_missing", where, "the ledger names no authority; make one: `anchor keys authority`")
        content = store.local_shard(record.digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != record.digest:
            raise DamagedData(f"shard {record.digest}: its bytes have another digest; restore it, or ingest again")
        descent = ancestors.descent(record.digest, record.source)
        sidecar = make_sidecar(record, content, descent, leaf(), trust.authority, run)
        store.write(credential_name(record.digest, "c2pa"), sidecar)
    statement = make_statement(record, signer, run, sidecar)
    check_statement(statement, record.digest, trust, record, sidecar)
    store.write(credential_name(record.digest, "in-toto"), statement)


def _ref(store: Store, shard: str, kind: Kind) -> CredentialRef:
    data = store.read(credential_name(shard, kind))
    return CredentialRef(shard, kind, hashlib.sha256(data).hexdigest())
