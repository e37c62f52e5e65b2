"""C2PA sidecars: what is accepted is exactly a trusted credential for exactly this shard."""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from anchor_pipeline.custody.credentials import c2pa_library
from anchor_pipeline.custody.credentials.authority import Leaf, begin_authority, leaf_of, read_authority
from anchor_pipeline.custody.credentials.c2pa_library import Asset, NoLibrary, sign
from anchor_pipeline.custody.credentials.descent import descents
from anchor_pipeline.custody.credentials.shards import ShardRecord, generator_record
from anchor_pipeline.custody.credentials.sidecar import PARQUET, Descent, check_sidecar, make_sidecar, source_type
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.project.source import Generator
from anchor_pipeline_tests.custody.credentials.other_reader import read_manifest_store
from anchor_pipeline_tests.custody.credentials.place import RUN, Place, other_generator, trusting

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install 'anchor-pipeline[c2pa]'")


def _refused(place: Place, sidecar: bytes, shard: str | None = None, **other: Any) -> str:
    with pytest.raises(Flaw) as refused:
        check_sidecar(sidecar, shard or place.shards("drafts")[0], other.pop("trust", place.trust), **other)
    assert refused.value.code == "credential_invalid"
    return refused.value.detail


@pytest.fixture
def drafts(place: Place) -> Place:
    place.ensure("people")
    place.ensure("drafts")
    return place


@pytest.mark.parametrize("with_content", [True, False])
def test_it_says_who_wrote_the_shard_and_how(drafts: Place, with_content: bool) -> None:
    content = drafts.content("drafts") if with_content else None
    sidecar, shard = drafts.sidecar("drafts"), drafts.shards("drafts")[0]
    said = check_sidecar(sidecar, shard, drafts.trust, drafts.record("drafts"), content)
    generator = said["generator"]
    assert (generator["name"], generator["version"], generator["seed"]) == ("scribe", "2", "7")
    assert (generator["temperature"], generator["decoding"]) == ("0.8", "nucleus 0.9")
    assert len(generator["prompt_template_sha256"]) == 64
    assert "family" not in generator, "what is unknown is absent"
    assert said["parents"] == [{"shard": drafts.shards("people")[0], "source": "people", "nested": False}]
    assert said["generators"] == ["scribe@2"]


def test_a_prompt_template_can_be_declared_by_its_digest() -> None:
    template = Generator(name="x", prompt_template=f"sha256:{'0f' * 32}")
    assert generator_record(template) == {"name": "x", "prompt_template_sha256": "0f" * 32}


def test_one_flipped_byte_of_the_shard_is_noticed(drafts: Place) -> None:
    content = bytearray(drafts.content("drafts"))
    for at in range(0, len(content), 97):
        content[at] ^= 1
        assert "dataHash.mismatch" in _refused(drafts, drafts.sidecar("drafts"), content=bytes(content))
        content[at] ^= 1


def test_the_sidecar_of_another_shard_is_refused(drafts: Place) -> None:
    drafts.ensure("rewrites")
    assert _refused(drafts, drafts.sidecar("rewrites")) == "of another content"
    assert "dataHash.mismatch" in _refused(drafts, drafts.sidecar("rewrites"), content=drafts.content("drafts"))


def test_an_assertion_about_another_shard_is_refused_though_the_bytes_are_right(drafts: Place) -> None:
    other = replace(drafts.record("drafts"), digest="ab" * 32)
    sidecar = _made(drafts, other)
    assert _refused(drafts, sidecar, content=drafts.content("drafts")) == "of another shard"


def test_another_generator_or_another_way_to_run_it_is_noticed(drafts: Place) -> None:
    record = drafts.record("drafts")
    assert "another generator" in _refused(drafts, drafts.sidecar("drafts"), expected=other_generator(record))
    warmer = replace(record, generator={**(record.generator or {}), "temperature": "0.9"})
    assert "another generator" in _refused(drafts, drafts.sidecar("drafts"), expected=warmer)
    unsaid = _made(drafts, replace(record, generator=None))
    assert "another generator" in _refused(drafts, unsaid, expected=record)


def test_an_authority_that_is_not_trusted_makes_nothing_trusted(drafts: Place, tmp_path: Path) -> None:
    begin_authority(tmp_path / "other", "example.org/tests")
    other = trusting(drafts.pipeline.public, read_authority(tmp_path / "other"))
    content = drafts.content("drafts")
    assert "signingCredential.untrusted" in _refused(drafts, drafts.sidecar("drafts"), trust=other, content=content)
    assert "signingCredential.untrusted" in _refused(drafts, drafts.sidecar("drafts"), trust=other)
    none = trusting(drafts.pipeline.public, None)
    assert "names no authority" in _refused(drafts, drafts.sidecar("drafts"), trust=none)


def test_a_self_signed_leaf_signs_nothing(drafts: Place) -> None:
    leaf = leaf_of(drafts.keys)
    builder = x509.CertificateBuilder().subject_name(leaf.certificate.subject).issuer_name(leaf.certificate.subject)
    builder = builder.public_key(leaf.key.public_key()).serial_number(1)
    builder = builder.not_valid_before(leaf.certificate.not_valid_before_utc)
    builder = builder.not_valid_after(leaf.certificate.not_valid_after_utc)
    for extension in leaf.certificate.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    own = Leaf(builder.sign(leaf.key, hashes.SHA256()), leaf.key)
    with pytest.raises(Flaw) as refused:
        _made(drafts, drafts.record("drafts"), own)
    assert refused.value.code == "credential_invalid"


def test_an_expired_leaf_signs_nothing_and_what_it_signed_expires_with_it(drafts: Place, tmp_path: Path) -> None:
    def years_ago(years: int, seconds: float) -> None:
        at = datetime.now(UTC) - timedelta(days=365 * years) + timedelta(seconds=seconds)
        begin_authority(tmp_path / str(years), "example.org/tests", clock=lambda: at)

    years_ago(21, 0)
    years_ago(20, 1.5)
    with pytest.raises(Flaw):
        _made(drafts, drafts.record("drafts"), leaf_of(tmp_path / "21"), read_authority(tmp_path / "21"))
    trust = trusting(drafts.pipeline.public, read_authority(tmp_path / "20"))
    sidecar = _made(drafts, drafts.record("drafts"), leaf_of(tmp_path / "20"), trust.authority)
    check_sidecar(sidecar, drafts.shards("drafts")[0], trust)
    end = leaf_of(tmp_path / "20").certificate.not_valid_after_utc
    time.sleep((end - datetime.now(UTC)).total_seconds() + 1.1)
    assert "signingCredential" in _refused(drafts, sidecar, trust=trust)


def test_a_synthetic_parent_is_nested_with_its_own_credential(drafts: Place) -> None:
    drafts.ensure("rewrites")
    sidecar, shard = drafts.sidecar("rewrites"), drafts.shards("rewrites")[0]
    said = check_sidecar(sidecar, shard, drafts.trust, drafts.record("rewrites"), drafts.content("rewrites"))
    assert {(one["source"], one["nested"]) for one in said["parents"]} == {("drafts", True), ("people", False)}
    assert said["parents_unknown"] == 1
    assert b"nucleus 0.9" in sidecar, "the parent's generator is told too"


def test_an_ingredient_that_lost_its_sidecar_is_noticed_though_C2PA_trusts_it(place: Place) -> None:
    place.ensure("rewrites")
    shard, content = place.shards("rewrites")[0], place.content("rewrites")
    assert place.trust.authority is not None
    c2pa_library.read(place.sidecar("rewrites"), content, PARQUET, place.trust.authority, "it passes")
    assert "whose credential is missing" in _refused(place, place.sidecar("rewrites"), shard, content=content)
    assert "whose credential is missing" in _refused(place, place.sidecar("rewrites"), shard)


def test_a_parent_of_another_authority_is_not_nested(drafts: Place, tmp_path: Path) -> None:
    begin_authority(tmp_path / "other", "example.org/tests")
    authority = read_authority(tmp_path / "other")
    foreign = _made(drafts, drafts.record("drafts"), leaf_of(tmp_path / "other"), authority)
    shard = drafts.shards("rewrites")[0]
    descent = descents(drafts.project, drafts.store, [shard], "rewrites")[shard]
    nested = {drafts.shards("drafts")[0]: (foreign, lambda: drafts.content("drafts"))}
    with pytest.raises(Flaw, match="signingCredential"):
        make_sidecar(
            drafts.record("rewrites"), drafts.content("rewrites"), descent, nested.get, leaf_of(drafts.keys),
            read_authority(drafts.keys), RUN,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("digital_source_type", "said"),
    [
        ("digitalCapture", {}),
        ("trainedAlgorithmicMedia", {"parents": None}),
        ("trainedAlgorithmicMedia", {"parents": [{"shard": "../x"}]}),
        ("trainedAlgorithmicMedia", {"parents": [{"shard": "ab" * 32, "source": "drafts", "nested": True}]}),
        ("trainedAlgorithmicMedia", {"shard": "cd" * 32}),
    ],
)
def test_a_trusted_manifest_that_says_something_else_is_refused(
    drafts: Place, digital_source_type: str, said: dict[str, Any]
) -> None:
    shard, content = drafts.shards("drafts")[0], drafts.content("drafts")
    base = {"shard": shard, "modality": "text", "parents": [], "raw": []}
    kind = f"http://cv.iptc.org/newscodes/digitalsourcetype/{digital_source_type}"
    asset = Asset("x", PARQUET, {**base, **said}, ({"action": "c2pa.created", "digitalSourceType": kind},))
    sidecar, _ = sign(asset, content, leaf_of(drafts.keys), read_authority(drafts.keys))
    _refused(drafts, sidecar, content=content)
    _refused(drafts, sidecar)


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"{}", b"\0\0\0\x10jumb\xff\xff\xff\xff", b"x" * 5_000_000])
def test_bytes_that_are_no_manifest_are_refused(drafts: Place, data: bytes) -> None:
    _refused(drafts, data)


def test_damaged_sidecars_are_refused_or_say_the_same(drafts: Place) -> None:
    """C2PA leaves padding and names of boxes unprotected: the statement beside a sidecar protects all its bytes."""
    sidecar, shard = drafts.sidecar("drafts"), drafts.shards("drafts")[0]
    said = check_sidecar(sidecar, shard, drafts.trust)
    refused = 0
    for at in range(0, len(sidecar), 7):
        flipped = bytearray(sidecar)
        flipped[at] ^= 1 << at % 8
        try:
            assert check_sidecar(bytes(flipped), shard, drafts.trust) == said
        except Flaw:
            refused += 1
    assert refused > len(sidecar) // 14


def test_a_reader_of_another_hand_finds_the_same(drafts: Place) -> None:
    drafts.ensure("rewrites")
    for source in ("drafts", "rewrites"):
        found = read_manifest_store(drafts.sidecar(source), read_authority(drafts.keys))
        assert found.content_sha256 == hashlib.sha256(drafts.content(source)).digest()
        assert found.said["shard"] == drafts.shards(source)[0]
        assert found.actions == [("c2pa.created", source_type("text"))]
        flipped = bytearray(drafts.sidecar(source))
        flipped[flipped.rindex(b"scribe")] ^= 1
        with pytest.raises(ValueError, match="does not have the hash"):
            read_manifest_store(bytes(flipped), read_authority(drafts.keys))


def test_one_key_signs_in_many_threads_at_once(drafts: Place) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: _made(drafts, drafts.record("drafts")), range(24)))
    for sidecar in made:
        check_sidecar(sidecar, drafts.shards("drafts")[0], drafts.trust, content=drafts.content("drafts"))


def test_tables_are_data_and_no_media(drafts: Place) -> None:
    record = drafts.record("drafts")
    table = replace(record, declared={**record.declared, "modality": "table"})
    sidecar = _made(drafts, table)
    assert b"http://c2pa.org/digitalsourcetype/trainedAlgorithmicData" in sidecar
    check_sidecar(sidecar, record.digest, drafts.trust, table)


def test_without_the_library_the_message_says_what_to_install(drafts: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(NoLibrary, match=r"anchor-pipeline\[c2pa\]"):
        check_sidecar(drafts.sidecar("drafts"), drafts.shards("drafts")[0], drafts.trust)


def _made(place: Place, record: ShardRecord, leaf: Leaf | None = None, authority: bytes | None = None) -> bytes:
    return make_sidecar(
        record, place.content("drafts"), Descent(), lambda shard: None, leaf or leaf_of(place.keys),
        authority or read_authority(place.keys), RUN,
    )  # fmt: skip
