"""An entry's bytes: an in-toto statement in a DSSE envelope with two signatures of one identity.

https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md. Ed25519 signs the pre-authentication encoding
(PAE) itself; ML-DSA-65 signs b"tuf" ‖ 0x01 ‖ SHA-512(PAE), as TAP 21 has it and securesystemslib does, so that the
envelopes can be checked with that library as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anchor_pipeline.custody.canonical import MOST_BYTES, b64, canonical_json, parse, unb64
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_TAP_21 = b"tuf\x01"


@dataclass(frozen=True)
class Signature:
    """One identity's two signatures."""

    keyid: str
    ed25519: bytes
    ml_dsa_65: bytes


@dataclass(frozen=True)
class Envelope:
    """What was signed, and by whom."""

    payload: bytes
    """Canonical JSON of the statement."""
    signatures: tuple[Signature, ...]


def seal(statement: dict[str, Any], signers: Sequence[Signer]) -> bytes:
    """The envelope of a statement, signed by all of `signers`; ValueError if it is too large for a ledger."""
    payload = canonical_json(statement)
    message = pae(payload)
    signatures = []
    for signer in signers:
        for signature in (signer.ed25519(message), signer.ml_dsa_65(tap21(message))):
            signatures.append({"keyid": signer.public.id, "sig": b64(signature)})
    data = canonical_json({"payload": b64(payload), "payloadType": PAYLOAD_TYPE, "signatures": signatures})
    if len(data) > MOST_BYTES:
        raise ValueError(f"an entry of {len(data):,} bytes; a ledger takes {MOST_BYTES:,} at most")
    return data


def opened(data: bytes, where: str) -> Envelope:
    """The envelope in `data`, its signatures not yet checked; Flaw if it is none in its canonical spelling."""
    record = parse(data, where)
    if not isinstance(record, dict) or set(record) != {"payload", "payloadType", "signatures"}:
        raise Flaw("malformed", where, "no envelope: expected payload, payloadType and signatures")
    if record["payloadType"] != PAYLOAD_TYPE or not isinstance(record["payload"], str):
        raise Flaw("malformed", where, f"no payload of type {PAYLOAD_TYPE}")
    found = record["signatures"]
    if not isinstance(found, list) or len(found) not in (2, 4) or not all(map(_is_signature, found)):
        raise Flaw("malformed", where, "expected two signatures, or four, each with keyid and sig")
    pairs = tuple(_pair(one, other, where) for one, other in zip(found[::2], found[1::2], strict=True))
    return Envelope(unb64(record["payload"], where), pairs)


def check_signature(envelope: Envelope, place: int, key: PublicKey, where: str) -> None:
    """Flaw unless the identity's pair of signatures at `place` is by `key` and both verify."""
    signature, message = envelope.signatures[place], pae(envelope.payload)
    if signature.keyid != key.id:
        raise Flaw("key_unknown", where, f"signed with {signature.keyid}, expected {key.id}")
    if not key.verifies_ed25519(signature.ed25519, message):
        raise Flaw("signature_ed25519", where, f"by {key.identity}")
    if not key.verifies_ml_dsa_65(signature.ml_dsa_65, tap21(message)):
        raise Flaw("signature_ml_dsa_65", where, f"by {key.identity}")


def pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def tap21(message: bytes) -> bytes:
    """What ML-DSA-65 signs: https://github.com/theupdateframework/taps/blob/master/tap21.md."""
    return _TAP_21 + hashlib.sha512(message).digest()


def _is_signature(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and set(record) == {"keyid", "sig"}
        and all(isinstance(v, str) for v in record.values())
    )


def _pair(ed25519: dict[str, str], ml_dsa: dict[str, str], where: str) -> Signature:
    if ed25519["keyid"] != ml_dsa["keyid"]:
        raise Flaw("malformed", where, "the two signatures of a pair name different keys")
    return Signature(ed25519["keyid"], unb64(ed25519["sig"], where, 64), unb64(ml_dsa["sig"], where, 3309))
