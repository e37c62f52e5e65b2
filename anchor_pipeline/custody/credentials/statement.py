"""The signed in-toto statement on a shard: its credential if people wrote it, or if nobody knows who did.

Predicate https://slsa.dev/provenance/v1, build type BASE/ingest/v1: this shard was made from these raw files, by this
run, under this declaration. In the same DSSE envelope as the entries of the ledger, signed by the same keys. Of a
synthetic shard it names the C2PA sidecar as a byproduct.
"""

from __future__ import annotations

import hashlib
from typing import Any

from anchor_pipeline import __version__
from anchor_pipeline.custody.canonical import parse
from anchor_pipeline.custody.credentials.shards import Kind, ShardRecord, dependencies, same_dependencies
from anchor_pipeline.custody.credentials.trust import Trust
from anchor_pipeline.custody.envelope import check_signature, opened, seal
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import Signer
from anchor_pipeline.custody.statements import BASE, STATEMENT

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = f"{BASE}/ingest/v1"
BUILDER = f"{BASE}/builder/v1"

_BUILT = {"buildType", "externalParameters", "resolvedDependencies"}


def make_statement(record: ShardRecord, signer: Signer, run: str, sidecar: bytes | None = None) -> bytes:
    """The envelope of the statement on a shard; `run` is the id of the step that made it."""
    return seal(_statement(record, run, sidecar), [signer])


def check_statement(
    data: bytes, shard: str, trust: Trust, expected: ShardRecord | None = None, sidecar: bytes | None = None
) -> None:
    """Flaw credential_invalid unless `data` is a statement on the shard, signed by a key that counts.

    With `expected` it also has to say what that record says, with `sidecar` it has to name exactly these bytes; without
    a sidecar it must not name any, for then the credential proper was stripped.
    """
    where = f"credential of shard {shard}"
    try:
        envelope = opened(data, where)
        if len(envelope.signatures) != 1:
            raise Flaw("malformed", where, "signed by several")
        keyid = envelope.signatures[0].keyid
        key = trust.key(keyid)
        if key is None:
            raise Flaw("key_unknown", where, f"signed with {keyid}, which is no key of the pipeline, or is revoked")
        check_signature(envelope, 0, key, where)
        said = parse(envelope.payload, where)
    except Flaw as flaw:
        raise Flaw("credential_invalid", where, f"{flaw.code}: {flaw.detail}") from None
    if not _is_statement(said) or said["subject"] != _subject(shard):
        raise Flaw("credential_invalid", where, "no statement on this shard")
    named = said["predicate"]["runDetails"].get("byproducts")
    if sidecar is None and named is not None:
        raise Flaw("credential_missing", where, "the C2PA credential that its statement names is not there")
    if sidecar is not None and named != _byproducts(shard, sidecar):
        raise Flaw("credential_invalid", where, "the C2PA credential is not the one that its statement names")
    if expected is None:
        return
    built = said["predicate"]["buildDefinition"]
    if built["externalParameters"] != expected.declared:
        raise Flaw("credential_invalid", where, "its source was declared in another way then")
    if not same_dependencies(built["resolvedDependencies"], expected):
        raise Flaw("credential_invalid", where, "names other raw files")


def kind_in(data: bytes) -> Kind | None:
    """Which kind of credential the shard of a statement has to have, by what it says; None if it is no statement."""
    try:
        said = parse(opened(data, "statement").payload, "statement")
    except Flaw:
        return None
    if not _is_statement(said):
        return None
    return "c2pa" if "byproducts" in said["predicate"]["runDetails"] else "in-toto"


def _statement(record: ShardRecord, run: str, sidecar: bytes | None) -> dict[str, Any]:
    built = {
        "buildType": BUILD_TYPE,
        "externalParameters": record.declared,
        "resolvedDependencies": dependencies(record.source, record.raw),
    }
    details: dict[str, Any] = {
        "builder": {"id": BUILDER, "version": {"anchor-pipeline": __version__}},
        "metadata": {"invocationId": run},
    }
    if sidecar is not None:
        details["byproducts"] = _byproducts(record.digest, sidecar)
    return {
        "_type": STATEMENT,
        "subject": _subject(record.digest),
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": built, "runDetails": details},
    }


def _subject(shard: str) -> list[dict[str, Any]]:
    return [{"name": f"shards/{shard}", "digest": {"sha256": shard}}]


def _byproducts(shard: str, sidecar: bytes) -> list[dict[str, Any]]:
    digest = hashlib.sha256(sidecar).hexdigest()
    return [{"name": f"{shard}.c2pa", "digest": {"sha256": digest}, "mediaType": "application/c2pa"}]


def _is_statement(said: Any) -> bool:
    """Whether it is shaped as `_statement` makes them."""
    if not isinstance(said, dict) or set(said) != {"_type", "subject", "predicateType", "predicate"}:
        return False
    predicate = said["predicate"]
    if said["_type"] != STATEMENT or said["predicateType"] != PREDICATE or not isinstance(predicate, dict):
        return False
    built, details = predicate.get("buildDefinition"), predicate.get("runDetails")
    return (
        isinstance(details, dict)
        and isinstance(built, dict)
        and set(built) == _BUILT
        and built["buildType"] == BUILD_TYPE
    )
