"""The credentials that a release carries: custody/credentials.jsonl, one canonical JSON line a shard, sorted by shard.

{"data": base64 of the credential, "kind": "in-toto" or "c2pa", "sha256": of its bytes, "shard": digest of the shard}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.canonical import b64, canonical_json, parse, unb64
from anchor_pipeline.custody.credentials.c2pa_library import MOST_BYTES
from anchor_pipeline.custody.credentials.keep import CredentialRef
from anchor_pipeline.custody.credentials.shards import credential_name
from anchor_pipeline.custody.credentials.sidecar import check_sidecar
from anchor_pipeline.custody.credentials.statement import check_statement
from anchor_pipeline.custody.credentials.trust import Trust
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.release_files import CREDENTIALS
from anchor_pipeline.errors import DamagedData

MOST_LINE = 2 * MOST_BYTES
"""Bytes of a line: base64 takes four for three."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"data", "kind", "sha256", "shard"}


def bundle_of(refs: Iterable[CredentialRef], store: Store) -> bytes:
    """The list of these credentials; DamagedData if one in the store is not the one that was referred to."""
    return b"".join(_lines(refs, store))


def summary_of(refs: Iterable[CredentialRef], store: Store) -> dict[str, int | str]:
    """What the ledger says of that list: how many, and the SHA-256 of its bytes."""
    count, digest = 0, hashlib.sha256()
    for line in _lines(refs, store):
        count += 1
        digest.update(line)
    return {"count": count, "sha256": digest.hexdigest()}


def check_bundle(lines: Iterable[bytes], shards: Collection[str], trust: Trust) -> Iterator[Flaw]:
    """All that is wrong with a list: it has to hold a sound credential for each of these shards, and no others.

    The shards themselves are not at hand: a credential has to be for their digests. Of lines beyond the first that
    cannot be read nothing is said. Raises NoLibrary at the first C2PA credential if c2pa-python is not installed.
    """
    last, seen = "", set()
    for number, line in enumerate(lines, 1):
        where = f"{CREDENTIALS} line {number}"
        try:
            record = _record(line, where)
        except Flaw as flaw:
            yield Flaw("credential_invalid", where, f"{flaw.code}: {flaw.detail}")
            return
        shard = record["shard"]
        if shard <= last:
            yield Flaw("credential_invalid", where, "not in its place")
        last = shard
        seen.add(shard)
        if shard not in shards:
            yield Flaw("credential_invalid", where, f"of shard {shard}, which no document came from")
            continue
        try:
            _check(record, where, trust)
        except Flaw as flaw:
            yield flaw
    for shard in sorted(set(shards) - seen):
        yield Flaw("credential_missing", f"credential of shard {shard}", "the release does not carry it")


def credentials_in(lines: Iterable[bytes], shards: Collection[str]) -> dict[str, tuple[str, bytes]]:
    """Kind and bytes of the credentials of these shards, unchecked but for their form; Flaw if a line is none."""
    found = {}
    for number, line in enumerate(lines, 1):
        record = _record(line, f"{CREDENTIALS} line {number}")
        if record["shard"] in shards:
            found[record["shard"]] = record["kind"], unb64(record["data"], CREDENTIALS)
    return found


def _lines(refs: Iterable[CredentialRef], store: Store) -> Iterator[bytes]:
    for ref in sorted(refs, key=lambda one: one.shard):
        data = store.read(credential_name(ref.shard, ref.kind))
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != ref.sha256:
            raise DamagedData(
                f"{store.address_of(credential_name(ref.shard, ref.kind))}: has changed since it was checked; build "
                "the step again"
            )
        yield canonical_json({"data": b64(data), "kind": ref.kind, "sha256": sha256, "shard": ref.shard}) + b"\n"


def _record(line: bytes, where: str) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise Flaw("truncated", where, "no newline at its end")
    record = parse(line[:-1], where, MOST_LINE)
    if not isinstance(record, dict) or set(record) != _FIELDS or not all(isinstance(v, str) for v in record.values()):
        raise Flaw("malformed", where, f"expected {', '.join(sorted(_FIELDS))}")
    if record["kind"] not in ("in-toto", "c2pa") or not _SHA256.fullmatch(record["shard"]):
        raise Flaw("malformed", where, "of an unknown kind, or of no shard")
    return record


def _check(record: dict[str, Any], where: str, trust: Trust) -> None:
    try:
        data = unb64(record["data"], where)
    except Flaw as flaw:
        raise Flaw("credential_invalid", where, f"{flaw.code}: {flaw.detail}") from None
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise Flaw("credential_invalid", where, "another digest than stated")
    if record["kind"] == "c2pa":
        check_sidecar(data, record["shard"], trust)
    else:
        check_statement(data, record["shard"], trust)
