"""The credentials that a release carries, checked without the shards."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.credentials.authority import begin_authority, read_authority
from anchor_pipeline.custody.credentials.bundle import bundle_of, check_bundle, credentials_in, summary_of
from anchor_pipeline.custody.credentials.keep import CredentialRef
from anchor_pipeline.custody.credentials.shards import credential_name
from anchor_pipeline.errors import DamagedData
from anchor_pipeline_tests.custody.credentials.place import Place, trusting

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install 'anchor-pipeline[c2pa]'")

Lines = list[bytes]


@pytest.fixture
def refs(place: Place) -> list[CredentialRef]:
    return place.ensure_all()


def _codes(place: Place, lines: Lines, refs: list[CredentialRef]) -> list[str]:
    return [flaw.code for flaw in check_bundle(lines, {ref.shard for ref in refs}, place.trust)]


def _lines(place: Place, refs: list[CredentialRef]) -> Lines:
    return bundle_of(refs, place.store).splitlines(True)


def test_it_is_sorted_canonical_and_summed_up_for_the_ledger(place: Place, refs: list[CredentialRef]) -> None:
    data = bundle_of(reversed(refs), place.store)
    records = [json.loads(line) for line in data.splitlines()]
    assert [record["shard"] for record in records] == sorted(ref.shard for ref in refs)
    assert b"".join(canonical_json(record) + b"\n" for record in records) == data
    assert summary_of(refs, place.store) == {"count": 4, "sha256": hashlib.sha256(data).hexdigest()}
    assert _codes(place, _lines(place, refs), refs) == []


def test_a_credential_that_changed_since_it_was_checked_is_not_carried(place: Place, refs: list[CredentialRef]) -> None:
    place.store.write(credential_name(refs[0].shard, refs[0].kind), b"{}")
    with pytest.raises(DamagedData, match="has changed since it was checked"):
        bundle_of(refs, place.store)


def _stripped(lines: Lines) -> Lines:
    return lines[1:]


def _twice(lines: Lines) -> Lines:
    return [lines[0], *lines]


def _unsorted(lines: Lines) -> Lines:
    return lines[::-1]


def _cut(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-1][:-1]]


def _with_spaces(lines: Lines) -> Lines:
    return [lines[0].replace(b":", b": ", 1), *lines[1:]]


def _of_another_shard(lines: Lines) -> Lines:
    one, other = json.loads(lines[0]), json.loads(lines[1])
    one["data"], one["sha256"], one["kind"] = other["data"], other["sha256"], other["kind"]
    return [canonical_json(one) + b"\n", *lines[1:]]


def _wrong_digest(lines: Lines) -> Lines:
    return [lines[0].replace(json.loads(lines[0])["sha256"].encode(), b"0" * 64), *lines[1:]]


def _of_no_kind(lines: Lines) -> Lines:
    kind = json.loads(lines[0])["kind"].encode()
    return [lines[0].replace(b'"kind":"' + kind + b'"', b'"kind":"word of honour"'), *lines[1:]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_stripped, "credential_missing"),
        (_twice, "credential_invalid"),
        (_unsorted, "credential_invalid"),
        (_cut, "credential_invalid"),
        (_with_spaces, "credential_invalid"),
        (_of_another_shard, "credential_invalid"),
        (_wrong_digest, "credential_invalid"),
        (_of_no_kind, "credential_invalid"),
        (lambda lines: [], "credential_missing"),
    ],
)
def test_what_was_done_to_the_list_is_told(
    place: Place, refs: list[CredentialRef], change: Callable[[Lines], Lines], code: str
) -> None:
    assert code in _codes(place, change(_lines(place, refs)), refs)


def test_a_credential_of_a_shard_that_nothing_came_from_is_told(place: Place, refs: list[CredentialRef]) -> None:
    assert _codes(place, _lines(place, refs), refs[:3]) == ["credential_invalid"]


def test_a_synthetic_shard_cannot_be_passed_off_with_its_statement_alone(
    place: Place, refs: list[CredentialRef]
) -> None:
    lines = []
    for line in _lines(place, refs):
        record = json.loads(line)
        if record["kind"] == "c2pa":
            data = place.store.read(credential_name(record["shard"], "in-toto"))
            sha256 = hashlib.sha256(data).hexdigest()
            record |= {"data": base64.b64encode(data).decode(), "kind": "in-toto", "sha256": sha256}
        lines.append(canonical_json(record) + b"\n")
    assert _codes(place, lines, refs) == ["credential_missing"] * 2


def test_under_another_authority_or_key_nothing_holds(place: Place, refs: list[CredentialRef], tmp_path: Path) -> None:
    begin_authority(tmp_path / "other", "example.org/tests")
    lines = _lines(place, refs)
    place.trust = trusting(place.pipeline.public, read_authority(tmp_path / "other"))
    assert _codes(place, lines, refs) == ["credential_invalid"] * 2
    place.trust = type(place.trust)(lambda keyid: None, read_authority(place.keys))
    assert _codes(place, lines, refs) == ["credential_invalid"] * 2


def test_the_credentials_of_chosen_shards_are_found(place: Place, refs: list[CredentialRef]) -> None:
    found = credentials_in(_lines(place, refs), {refs[0].shard, refs[-1].shard})
    assert {shard: kind for shard, (kind, _) in found.items()} == {refs[0].shard: "in-toto", refs[-1].shard: "c2pa"}
    assert found[refs[-1].shard][1] == place.sidecar("rewrites")
