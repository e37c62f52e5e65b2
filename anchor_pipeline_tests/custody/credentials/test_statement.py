"""Statements on shards: signed, about exactly one shard, and in agreement with the declaration."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.credentials.shards import ShardRecord, dependencies
from anchor_pipeline.custody.credentials.statement import check_statement, kind_in, make_statement
from anchor_pipeline.custody.envelope import seal
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline_tests.custody.credentials.place import RUN, trusting

SHARD = "ab" * 32
PIPELINE = PrivateKey.generate("pipeline")
TRUST = trusting(PIPELINE.public, None)
RECORD = ShardRecord(
    SHARD,
    "people",
    {"source": "people", "kind": "licensed", "domain": "d", "modality": "text", "licence": "CC0-1.0"},
    (("raw/people/a.jsonl", "11" * 32), ("raw/people/b.jsonl", "22" * 32)),
    True,
    None,
)


def _made(record: ShardRecord = RECORD, signer: PrivateKey = PIPELINE) -> bytes:
    return make_statement(record, signer, RUN)


def _said(data: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(base64.b64decode(json.loads(data)["payload"]))
    return said


def _refused(data: bytes, expected: ShardRecord | None = RECORD, shard: str = SHARD, **other: Any) -> Flaw:
    with pytest.raises(Flaw) as refused:
        check_statement(data, shard, other.pop("trust", TRUST), expected, **other)
    return refused.value


def test_it_says_in_SLSAs_words_what_the_shard_was_made_from() -> None:
    data = _made()
    check_statement(data, SHARD, TRUST, RECORD)
    said = _said(data)
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert said["subject"] == [{"name": f"shards/{SHARD}", "digest": {"sha256": SHARD}}]
    built = said["predicate"]["buildDefinition"]
    assert built["buildType"] == "https://anchor-pipeline.dev/custody/ingest/v1"
    assert built["externalParameters"] == RECORD.declared
    assert {one["name"]: one["digest"]["sha256"] for one in built["resolvedDependencies"]} == dict(RECORD.raw)
    assert said["predicate"]["runDetails"]["metadata"]["invocationId"] == RUN


def test_a_flipped_byte_is_noticed_wherever_it_is() -> None:
    data = _made()
    for at in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        assert _refused(bytes(flipped), None).code == "credential_invalid", at


def test_another_library_gives_the_same_bytes_to_verify() -> None:
    from securesystemslib.dsse import Envelope

    record = json.loads(_made())
    other = Envelope(base64.b64decode(record["payload"]), record["payloadType"], {})
    signature = base64.b64decode(record["signatures"][0]["sig"])
    assert PIPELINE.public.verifies_ed25519(signature, other.pae())


def test_a_statement_on_another_shard_is_refused() -> None:
    assert "no statement on this shard" in _refused(_made(), None, "cd" * 32).detail


def test_only_keys_that_count_may_sign_it() -> None:
    other = PrivateKey.generate("pipeline")
    assert "no key of the pipeline" in _refused(_made(signer=other)).detail
    assert "signed by several" in _refused(seal(_said(_made()), [PIPELINE, other])).detail


@pytest.mark.parametrize("name", ["kind", "domain", "licence", "steward", "modality", "source"])
def test_a_source_that_is_declared_in_another_way_now_is_noticed(name: str) -> None:
    changed = replace(RECORD, declared={**RECORD.declared, name: "another"})
    assert "declared in another way" in _refused(_made(), changed).detail
    assert "declared in another way" in _refused(_made(changed), RECORD).detail


def test_other_raw_files_are_noticed_and_files_that_have_vanished_since_are_not() -> None:
    data = _made()
    fewer = replace(RECORD, raw=RECORD.raw[:1])
    assert "other raw files" in _refused(data, fewer).detail
    check_statement(data, SHARD, TRUST, replace(fewer, whole=False))
    swapped = replace(RECORD, raw=(("raw/people/a.jsonl", "33" * 32),), whole=False)
    assert "other raw files" in _refused(data, swapped).detail


@pytest.mark.parametrize(("files", "name"), [(101, "f"), (90, "long" * 100)])
def test_of_too_many_files_it_tells_the_sum(files: int, name: str) -> None:
    raw = tuple(sorted((f"raw/people/{name}{at}", f"{at:064x}") for at in range(files)))
    many = replace(RECORD, raw=raw)
    (only,) = dependencies("people", raw)
    assert only["annotations"] == {"files": files}
    data = _made(many)
    check_statement(data, SHARD, TRUST, many)
    assert "other raw files" in _refused(data, replace(many, raw=raw[:-1])).detail
    check_statement(data, SHARD, TRUST, replace(many, raw=raw[:1], whole=False))


@pytest.mark.parametrize(
    "change",
    [
        {"predicateType": "https://slsa.dev/provenance/v0.2"},
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicate": {}},
        {"predicate": {"buildDefinition": {}, "runDetails": {}}},
        {"predicate": None},
        {"more": 1},
        {"subject": []},
    ],
)
def test_other_statements_are_refused_though_signed(change: dict[str, Any]) -> None:
    assert "no statement on this shard" in _refused(seal({**_said(_made()), **change}, [PIPELINE]), None).detail


def test_an_entry_of_the_ledger_is_no_credential() -> None:
    assert _refused(seal({"_type": "x"}, [PIPELINE])).code == "credential_invalid"
    assert kind_in(seal({"_type": "x"}, [PIPELINE])) is None
    assert kind_in(canonical_json({})) is None


def test_the_statement_on_a_synthetic_shard_holds_only_beside_its_very_sidecar() -> None:
    data = make_statement(RECORD, PIPELINE, RUN, b"sidecar")
    check_statement(data, SHARD, TRUST, RECORD, b"sidecar")
    assert kind_in(data) == "c2pa"
    assert "not the one" in _refused(data, sidecar=b"sidecaR").detail
    assert _refused(data).code == "credential_missing"
    assert "not the one" in _refused(_made(), sidecar=b"sidecar").detail
