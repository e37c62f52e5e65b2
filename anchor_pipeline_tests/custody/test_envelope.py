"""Envelopes are those of DSSE: another library reads and verifies ours, and ours reads and verifies its."""

from __future__ import annotations

import json
from typing import Any

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from anchor_pipeline.custody.canonical import MOST_BYTES, b64, canonical_json
from anchor_pipeline.custody.envelope import Envelope, check_signature, opened, pae, seal
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline_tests.custody.forge import key, sealed

STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "ü": [1, None]}


def theirs(private: PrivateKey) -> tuple[SSlibKey, SSlibKey]:
    """Both keys as securesystemslib has them; its envelopes hold one signature for each key id."""
    ed25519 = SSlibKey.from_crypto(private._ed25519.public_key(), private.public.id)
    ml_dsa = SSlibKey.from_crypto(private._ml_dsa_65.public_key(), private.public.id)
    assert (ed25519.scheme, ml_dsa.scheme) == ("ed25519", "ml-dsa-65/1")
    return ed25519, ml_dsa


def their_envelope(data: bytes, place: int) -> TheirEnvelope:
    record = json.loads(data)
    return TheirEnvelope.from_dict({**record, "signatures": [record["signatures"][place]]})


@pytest.mark.parametrize("place", [0, 1])
def test_securesystemslib_verifies_ours(place: int) -> None:
    data = seal(STATEMENT, [key("pipeline")])
    envelope = their_envelope(data, place)
    assert envelope.pae() == pae(canonical_json(STATEMENT))
    public = theirs(key("pipeline"))[place]
    assert list(envelope.verify([public], 1)) == [public.keyid]
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([public], 1)


def test_ours_verifies_securesystemslibs() -> None:
    private = key("pipeline")
    ed25519, ml_dsa = theirs(private)
    payload, signatures = canonical_json(STATEMENT), []
    for public, secret in ((ed25519, private._ed25519), (ml_dsa, private._ml_dsa_65)):
        envelope = TheirEnvelope(payload, "application/vnd.in-toto+json", {})
        signed = envelope.sign(CryptoSigner(secret, public))
        signatures.append({"keyid": private.public.id, "sig": b64(bytes.fromhex(signed.signature))})
    record = {"payload": b64(payload), "payloadType": "application/vnd.in-toto+json", "signatures": signatures}
    found = opened(canonical_json(record), "entry 0")
    check_signature(found, 0, private.public, "entry 0")
    assert found.payload == payload


def test_the_published_pre_authentication_encoding() -> None:
    # protocol.md of DSSE v1.0.2 shows "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; here the type is fixed.
    assert pae(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"


def test_an_envelope_is_read_as_it_was_sealed() -> None:
    data = seal(STATEMENT, [key("root"), key("root", 1)])
    found = opened(data, "entry 0")
    assert found.payload == canonical_json(STATEMENT)
    assert [one.keyid for one in found.signatures] == [key("root").public.id, key("root", 1).public.id]
    check_signature(found, 0, key("root").public, "entry 0")
    check_signature(found, 1, key("root", 1).public, "entry 0")


def code(envelope: Envelope, place: int, private: PrivateKey) -> str:
    with pytest.raises(Flaw) as caught:
        check_signature(envelope, place, private.public, "entry 0")
    return caught.value.code


def test_each_signature_has_to_verify() -> None:
    one, other = (json.loads(seal(STATEMENT, [key("pipeline")])) for _ in range(2))
    elsewhere = sealed(b"{}", [key("pipeline")])
    assert code(opened(canonical_json(one), "e"), 0, key("steward")) == "key_unknown"
    one["signatures"][0]["sig"] = elsewhere["signatures"][0]["sig"]
    assert code(opened(canonical_json(one), "e"), 0, key("pipeline")) == "signature_ed25519"
    other["signatures"][1]["sig"] = elsewhere["signatures"][1]["sig"]
    assert code(opened(canonical_json(other), "e"), 0, key("pipeline")) == "signature_ml_dsa_65"


RECORD = sealed(b"{}", [key("pipeline")])
ED25519, ML_DSA = RECORD["signatures"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ([], "malformed"),
        (None, "malformed"),
        ({**RECORD, "more": 1}, "malformed"),
        ({name: value for name, value in RECORD.items() if name != "payloadType"}, "malformed"),
        ({**RECORD, "payloadType": "application/json"}, "malformed"),
        ({**RECORD, "payload": 1}, "malformed"),
        ({**RECORD, "payload": "e30"}, "malformed"),
        ({**RECORD, "payload": "e31="}, "not_canonical"),
        ({**RECORD, "signatures": []}, "malformed"),
        ({**RECORD, "signatures": {}}, "malformed"),
        ({**RECORD, "signatures": [ED25519]}, "malformed"),
        ({**RECORD, "signatures": [ED25519, ML_DSA, ED25519]}, "malformed"),
        ({**RECORD, "signatures": [ED25519, ML_DSA] * 3}, "malformed"),
        ({**RECORD, "signatures": [ML_DSA, ED25519]}, "malformed"),
        ({**RECORD, "signatures": [ED25519, {**ML_DSA, "keyid": "0" * 64}]}, "malformed"),
        ({**RECORD, "signatures": [ED25519, {**ML_DSA, "more": ""}]}, "malformed"),
        ({**RECORD, "signatures": [ED25519, {"keyid": ML_DSA["keyid"], "sig": None}]}, "malformed"),
        ({**RECORD, "signatures": [ED25519, "sig"]}, "malformed"),
        ({**RECORD, "signatures": [{**ED25519, "sig": ED25519["sig"][:-4]}, ML_DSA]}, "malformed"),
    ],
)
def test_what_is_no_envelope(record: Any, expected: str) -> None:
    with pytest.raises(Flaw) as caught:
        opened(canonical_json(record), "entry 0")
    assert caught.value.code == expected


def test_an_entry_has_a_limit() -> None:
    with pytest.raises(ValueError, match="at most"):
        seal({"text": "a" * MOST_BYTES}, [key("pipeline")])
