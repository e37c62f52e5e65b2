"""The credentials that a release carries, checked, for those who export from it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from anchor_pipeline.custody.canonical import parse
from anchor_pipeline.custody.check_ledger import LedgerCheck, lines_of
from anchor_pipeline.custody.credentials.bundle import check_bundle, credentials_in
from anchor_pipeline.custody.credentials.trust import released_trust
from anchor_pipeline.custody.documents import read_lines
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.release_files import AUTHORITY, CREDENTIALS, DOCUMENTS, LEDGER
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.folder import Folder, folder_at, read_file
from anchor_pipeline.mix.read import Mix

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Credential:
    """Of a shard: which kind, and its bytes."""

    kind: str
    data: bytes


@dataclass(frozen=True)
class Carried:
    """What a release says of its documents' shards; all credentials were found sound."""

    shards: dict[str, str]
    """Shard by document."""
    credentials: dict[str, Credential]
    authority: bytes | None

    def shard_of(self, document: str) -> str:
        """The shard that a document came from; Flaw if the release does not say."""
        if document not in self.shards:
            raise Flaw("documents_root", DOCUMENTS, f"does not name {document[:200]}")
        return self.shards[document]

    def credential_of(self, shard: str) -> Credential:
        """The credential of a shard; Flaw if it is missing."""
        if shard not in self.credentials:
            raise Flaw("credential_missing", CREDENTIALS, f"of shard {shard}")
        return self.credentials[shard]


def carried_credentials(mix: Mix, documents: Collection[str]) -> Carried:
    """The credentials of a verified release, and the shards of these documents.

    Refused if it was made without custody, and if a credential is missing or does not hold: what is exported without
    its credential looks as if a person had made it.
    """
    folder = folder_at(mix.path)
    if mix.manifest.documents is None:
        raise Refused(
            f"{mix.path}: was released without custody, so there are no credentials to export with it; declare "
            "`custody` and release it again, or read its payloads with open_mix"
        )
    try:
        all_shards, shards = _shards(folder, documents)
        lines = read_file(folder, CREDENTIALS).splitlines(keepends=True)
        authority = read_file(folder, AUTHORITY) if folder.has(AUTHORITY) else None
        trust = released_trust(_ledger(folder).keys, authority)
        for flaw in check_bundle(lines, all_shards, trust):
            raise flaw
        found = credentials_in(lines, set(shards.values()))
    except Flaw as flaw:
        raise Refused(f"{mix.path}: {flaw}; restore the release, or build it again") from None
    return Carried(shards, {shard: Credential(*one) for shard, one in found.items()}, authority)


def _shards(folder: Folder, documents: Collection[str]) -> tuple[set[str], dict[str, str]]:
    """All shards that the release came from, and those of these documents, by document."""
    every, wanted = set(), {}
    with folder.open(DOCUMENTS) as file:
        for line in read_lines(file, DOCUMENTS):
            record = parse(line, DOCUMENTS)
            shard = sys.intern(record["shard"])
            every.add(shard)
            if record["doc_id"] in documents:
                wanted[record["doc_id"]] = shard
    return every, wanted


def _ledger(folder: Folder) -> LedgerCheck:
    ledger = LedgerCheck()
    for line in lines_of(_chunks(folder, LEDGER)):
        ledger.take(line)
    return ledger


def _chunks(folder: Folder, name: str) -> Iterator[bytes]:
    with folder.open(name) as file:
        while chunk := file.read(_CHUNK):
            yield chunk
