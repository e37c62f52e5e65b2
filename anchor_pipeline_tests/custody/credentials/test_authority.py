"""The certificate authority: what it makes is what C2PA asks for, and its secrets stay with their owner."""

from __future__ import annotations

import base64
import hashlib
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchor_pipeline.custody.credentials.authority import (
    authority_digest,
    begin_authority,
    leaf_of,
    read_authority,
    renew_leaf,
    replace_authority,
)
from anchor_pipeline.custody.credentials.trust import Trust, released_trust, trust_of
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.key_history import KeyHistory
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.statements import read_statement, statement
from anchor_pipeline.errors import UsageError

NAME = "example.org/tests"


def test_the_digest_is_that_of_the_certificate_in_DER(tmp_path: Path) -> None:
    digest = begin_authority(tmp_path / "keys", NAME)
    certificate = x509.load_pem_x509_certificate((tmp_path / "keys" / "authority.pem").read_bytes())
    assert digest == hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def test_a_beginning_that_was_interrupted_is_gone_on_with(tmp_path: Path) -> None:
    digest = begin_authority(tmp_path, NAME)
    (tmp_path / "authority.leaf.json").unlink()
    assert begin_authority(tmp_path, NAME) == digest
    assert leaf_of(tmp_path).certificate.issuer == _certificate(tmp_path).subject


def test_the_leaf_signs_claims_and_issues_nothing(tmp_path: Path) -> None:
    begin_authority(tmp_path, NAME)
    leaf, authority = leaf_of(tmp_path).certificate, _certificate(tmp_path)
    leaf.verify_directly_issued_by(authority)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert "1.3.6.1.4.1.62558.2.1" in {purpose.dotted_string for purpose in purposes}
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=19 * 365)


def test_nobody_else_may_read_the_private_files(tmp_path: Path) -> None:
    begin_authority(tmp_path / "keys", NAME)
    for name in ("authority.ca.json", "authority.leaf.json"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600
    (tmp_path / "keys" / "authority.leaf.json").chmod(0o640)
    with pytest.raises(UsageError, match="others can read it"):
        leaf_of(tmp_path / "keys")


def test_with_a_passphrase_nothing_opens_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_authority(tmp_path, NAME, "tide")
    assert "ENCRYPTED" in (tmp_path / "authority.leaf.json").read_text()
    with pytest.raises(UsageError, match="passphrase is missing or wrong"):
        leaf_of(tmp_path)
    with pytest.raises(UsageError, match="passphrase is missing or wrong"):
        renew_leaf(tmp_path, "ebb")
    monkeypatch.setenv("ANCHOR_KEY_PASSPHRASE", "tide")
    leaf_of(tmp_path)


def test_a_container_gets_the_leaf_from_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_authority(tmp_path, NAME)
    data = (tmp_path / "authority.leaf.json").read_bytes()
    monkeypatch.setenv("ANCHOR_AUTHORITY_LEAF", base64.b64encode(data).decode())
    assert leaf_of(tmp_path / "nowhere").certificate == leaf_of(tmp_path).certificate
    monkeypatch.setenv("ANCHOR_AUTHORITY_LEAF", "no base64!")
    with pytest.raises(UsageError, match="no base64"):
        leaf_of(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"format":"anchor-certificate-key-1"}', b"\xff\xfe"])
def test_a_file_that_is_none_is_told_without_quoting_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "authority.leaf.json"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="no certificate with its key"):
        leaf_of(tmp_path)


def test_a_renewed_leaf_leads_up_to_the_same_authority(tmp_path: Path) -> None:
    digest = begin_authority(tmp_path, NAME)
    before = leaf_of(tmp_path).certificate
    renew_leaf(tmp_path)
    after = leaf_of(tmp_path).certificate
    assert after != before
    after.verify_directly_issued_by(_certificate(tmp_path))
    assert authority_digest(read_authority(tmp_path)) == digest


def test_a_replaced_authority_has_another_digest_and_name(tmp_path: Path) -> None:
    digest, name = begin_authority(tmp_path, NAME), _certificate(tmp_path).subject
    assert replace_authority(tmp_path, NAME) != digest
    assert _certificate(tmp_path).subject != name
    leaf_of(tmp_path).certificate.verify_directly_issued_by(_certificate(tmp_path))


def test_only_one_certificate_in_its_usual_spelling_has_a_digest(tmp_path: Path) -> None:
    begin_authority(tmp_path, NAME)
    pem = read_authority(tmp_path)
    for other in (b"", pem + pem, b"a comment\n" + pem, pem.replace(b"\n", b"\r\n"), pem[:-40]):
        with pytest.raises(ValueError):  # noqa: PT011
            authority_digest(other)


def test_a_project_trusts_the_authority_that_its_ledger_names_and_no_other(tmp_path: Path) -> None:
    history = _history(begin_authority(tmp_path, NAME))
    assert trust_of(history, tmp_path).authority == read_authority(tmp_path)
    replace_authority(tmp_path, NAME)
    with pytest.raises(UsageError, match="not the authority that the ledger names"):
        trust_of(history, tmp_path)


def test_a_release_that_carries_another_certificate_or_none_is_told(tmp_path: Path) -> None:
    history = _history(begin_authority(tmp_path, NAME))
    pem = read_authority(tmp_path)
    assert released_trust(history, pem).authority == pem
    replace_authority(tmp_path, NAME)
    with pytest.raises(Flaw) as other:
        released_trust(history, read_authority(tmp_path))
    with pytest.raises(Flaw) as none:
        released_trust(history, None)
    assert (other.value.code, none.value.code) == ("credential_invalid", "credential_missing")
    assert released_trust(_history(None), pem).authority is None


def test_root_and_stewards_sign_no_credentials_and_revoked_keys_neither(tmp_path: Path) -> None:
    keys = {name: PrivateKey.generate(name) for name in ("root", "pipeline", "steward", "steward-ann")}
    trust = _trust(keys)
    assert [name for name, key in keys.items() if trust.key(key.public.id)] == ["pipeline"]
    assert trust.key("0" * 64) is None
    assert _trust(keys, revoked=keys["pipeline"].public.id).key(keys["pipeline"].public.id) is None


def _certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(read_authority(folder))


def _history(authority: str | None, keys: dict[str, PrivateKey] | None = None) -> KeyHistory:
    keys = keys or {"root": PrivateKey.generate("root")}
    predicate = {
        "sequence": 0, "previous": "", "time": "2026-01-01T00:00:00.000000Z", "origin": NAME, "by": "root",
        "root": keys["root"].public.record(),
        "keys": [
            {"identity": name, "key": key.public.record()} for name, key in sorted(keys.items()) if name != "root"
        ],
        "authority": authority, "continues": None,
    }  # fmt: skip
    from anchor_pipeline.custody.canonical import canonical_json

    _, genesis = read_statement(canonical_json(statement("genesis", predicate)), "entry 0")
    history = KeyHistory()
    history.apply(0, genesis, "entry 0")
    return history


def _trust(keys: dict[str, PrivateKey], revoked: str | None = None) -> Trust:
    history = _history(None, keys)
    history.revoked |= {revoked} if revoked else set()
    return trust_of(history, Path("nowhere"))
