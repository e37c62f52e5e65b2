"""Keys: every published answer for ML-DSA-65 is ours, files are read back, and what is no key is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PrivateKey, PublicKey, check_identity
from anchor_pipeline.errors import UsageError
from anchor_pipeline_tests.custody.forge import key

KATS = Path(cryptography_vectors.__file__).parent / "asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp"
WYCHEPROOF = Path(__file__).parents[3] / "shared/vectors/wycheproof_mldsa_65_sign_seed.json"
SEED = bytes(32)


def known_answers() -> Iterator[dict[str, bytes]]:
    found: dict[str, bytes] = {}
    for line in KATS.read_text().splitlines():
        name, equals, value = line.partition(" =")
        if name == "count" and found:
            yield found
            found = {}
        if equals and name not in ("count", "mlen", "smlen", "ctxlen"):
            found[name] = bytes.fromhex(value.strip())
    yield found


def public_of(ml_dsa_65: bytes) -> PublicKey:
    return PublicKey("pipeline", bytes(32), ml_dsa_65)


def private_of(seed: bytes) -> PrivateKey:
    return PrivateKey("pipeline", Ed25519PrivateKey.from_private_bytes(SEED), MLDSA65PrivateKey.from_seed_bytes(seed))


def test_all_known_answers_of_ml_dsa_65() -> None:
    answers = list(known_answers())
    assert len(answers) == 100
    with_context = 0
    for answer in answers:
        private, message, context = private_of(answer["xi"]), answer["msg"], answer.get("ctx", b"")
        assert private.public.ml_dsa_65 == answer["pk"]
        signature = answer["sm"][:3309]
        assert private._ml_dsa_65.public_key().verify(signature, message, context or None) is None
        # Ours have no context: one made with another must not pass for one of ours.
        assert public_of(answer["pk"]).verifies_ml_dsa_65(signature, message) == (context == b"")
        with_context += context != b""
        made = private.ml_dsa_65(message)
        assert len(made) == 3309
        assert made != private.ml_dsa_65(message), "signatures are hedged"
        assert public_of(answer["pk"]).verifies_ml_dsa_65(made, message)
    assert 0 < with_context <= 100


def wycheproof() -> dict[str, Any]:
    if not WYCHEPROOF.exists():
        pytest.skip("shared/vectors is not beside the repository")
    found: dict[str, Any] = json.loads(WYCHEPROOF.read_text())
    return found


def test_wycheproof_ml_dsa_65() -> None:
    seen = 0
    for group in wycheproof()["testGroups"]:
        if len(group["privateSeed"]) != 64:
            with pytest.raises(ValueError, match="seed"):
                MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(group["privateSeed"]))
            assert all(test["result"] == "invalid" for test in group["tests"])
            seen += len(group["tests"])
            continue
        private = private_of(bytes.fromhex(group["privateSeed"]))
        assert private.public.ml_dsa_65.hex() == group["publicKey"]
        for test in group["tests"]:
            seen += 1
            context, signature = bytes.fromhex(test.get("ctx", "")), bytes.fromhex(test["sig"])
            if "msg" not in test:
                # The message is known by its hash only: the signature cannot be of any that we would check.
                assert not private.public.verifies_ml_dsa_65(signature, bytes.fromhex(test["mu"]))
                continue
            message = bytes.fromhex(test["msg"])
            valid = test["result"] == "valid"
            assert private.public.verifies_ml_dsa_65(signature, message) == (valid and not context)
            if len(context) > 255:
                with pytest.raises(ValueError, match="Context"):
                    private._ml_dsa_65.sign(message, context)
            elif valid:
                private._ml_dsa_65.public_key().verify(signature, message, context or None)
    assert seen == 105


def test_signatures_are_of_their_message_and_key() -> None:
    private, other = key("pipeline"), key("steward")
    for sign, verifies, foreign in (
        (private.ed25519, private.public.verifies_ed25519, other.public.verifies_ed25519),
        (private.ml_dsa_65, private.public.verifies_ml_dsa_65, other.public.verifies_ml_dsa_65),
    ):
        made = sign(b"message")
        assert verifies(made, b"message")
        assert not verifies(made, b"messagf")
        assert not foreign(made, b"message")
        for wrong in (b"", made[:-1], made + b"\0", bytes(len(made)), b"\xff" * len(made), made[::-1]):
            assert not verifies(wrong, b"message")


def test_a_key_that_is_no_point_verifies_nothing() -> None:
    broken = PublicKey("pipeline", b"\xff" * 32, b"\xff" * 1952)
    assert not broken.verifies_ed25519(bytes(64), b"")
    assert not broken.verifies_ml_dsa_65(bytes(3309), b"")


def test_a_key_file_is_read_as_it_was_written() -> None:
    public = key("pipeline").public
    assert PublicKey.parsed(public.encoded(), "file") == public
    assert public.id == hashlib.sha256(public.encoded()[:-1]).hexdigest()
    assert len({public.id, key("steward").public.id, key("pipeline", 1).public.id}) == 3


RECORD = key("pipeline").public.record()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (canonical_json(RECORD), "not_canonical"),
        (canonical_json(RECORD) + b"\n\n", "not_canonical"),
        (canonical_json(RECORD) + b"\r\n", "not_canonical"),
        (b"\n", "malformed"),
        (b"[]\n", "malformed"),
        (canonical_json({**RECORD, "more": ""}) + b"\n", "malformed"),
        (canonical_json({**RECORD, "format": "anchor-public-key-2"}) + b"\n", "malformed"),
        (canonical_json({**RECORD, "identity": "Pipeline"}) + b"\n", "malformed"),
        (canonical_json({**RECORD, "identity": "pipeline\n"}) + b"\n", "malformed"),
        (canonical_json({**RECORD, "identity": None}) + b"\n", "malformed"),
        (canonical_json({**RECORD, "ed25519": RECORD["ml_dsa_65"]}) + b"\n", "malformed"),
        (canonical_json({**RECORD, "ml_dsa_65": RECORD["ed25519"]}) + b"\n", "malformed"),
    ],
)
def test_what_is_no_public_key(data: bytes, code: str) -> None:
    with pytest.raises(Flaw) as caught:
        PublicKey.parsed(data, "file")
    assert caught.value.code == code


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_private_keys_are_read_back(passphrase: str | None) -> None:
    private = PrivateKey.generate("steward-anna")
    data = private.encoded(passphrase)
    again = PrivateKey.parsed(data, "file", passphrase)
    assert again.public == private.public
    assert again.public.verifies_ed25519(private.ed25519(b"m"), b"m")
    if passphrase:
        assert b"ENCRYPTED" in data
        for wrong in (None, "wrong"):
            with pytest.raises(UsageError, match="passphrase is missing or wrong"):
                PrivateKey.parsed(data, "file", wrong)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}\n", b"[]\n", b"null\n", b"\xff", canonical_json(RECORD) + b"\n"],
)
def test_what_is_no_private_key_is_not_quoted(data: bytes) -> None:
    with pytest.raises(UsageError, match="it is no private key file"):
        PrivateKey.parsed(data, "file")


def test_swapped_private_keys_are_refused() -> None:
    record = json.loads(key("pipeline").encoded())
    record["ed25519"], record["ml_dsa_65"] = record["ml_dsa_65"], record["ed25519"]
    with pytest.raises(UsageError, match="no private key file") as caught:
        PrivateKey.parsed(canonical_json(record) + b"\n", "file")
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Root", "9a", "-a", "a b", "a/b", "..", "a" * 65, "ä", "a\n"])
def test_names_that_no_identity_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name an identity"):
        check_identity(name)
