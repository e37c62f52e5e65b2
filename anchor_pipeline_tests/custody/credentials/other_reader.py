"""C2PA manifest stores read by another hand: boxes, CBOR and signature from their specifications, nothing of c2pa-rs.

JUMBF (ISO/IEC 19566-5), CBOR (RFC 8949, what C2PA uses of it), COSE_Sign1 with ES256 (RFC 9052, RFC 9053).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_X5CHAIN = 33


@dataclass(frozen=True)
class Read:
    """What the active manifest says."""

    content_sha256: bytes
    said: dict[str, Any]
    actions: list[tuple[str, str]]


def read_manifest_store(data: bytes, authority: bytes) -> Read:
    """The active (last) manifest, its signature, its chain and the hashes of its assertions checked."""
    (store,) = _boxes(data)
    manifest = _children(store)[-1]
    parts = {_label(part): part for part in _children(manifest)}
    assertions = {_label(one): one for one in _children(parts["c2pa.assertions"])}
    claim_bytes = _children(parts["c2pa.claim.v2"])[0][1]
    claim = _cbor(claim_bytes)
    _check_signature(_cbor(_children(parts["c2pa.signature"])[0][1]), claim_bytes, authority)
    named = [*claim["created_assertions"], *claim.get("gathered_assertions", [])]
    for reference in named:
        label = reference["url"].rpartition("/")[2]
        # The hash is over the content of the superbox: its description box and what follows.
        if hashlib.sha256(assertions[label][1]).digest() != reference["hash"]:
            raise ValueError(f"{label} does not have the hash that the claim names")
    if len(named) != len(assertions):
        raise ValueError("assertions that the claim does not name")
    content = {label: _children(box)[0][1] for label, box in assertions.items()}
    actions = _cbor(content["c2pa.actions.v2"])["actions"]
    return Read(
        _cbor(content["c2pa.hash.data"])["hash"],
        json.loads(content["dev.anchor-pipeline.generation"]),
        [(one["action"], one["digitalSourceType"]) for one in actions],
    )


def _check_signature(signed: Any, payload: bytes, authority: bytes) -> None:
    protected, unprotected, _, signature = signed
    header = _cbor(protected)
    assert header[1] == -7, "ES256"
    chain = header.get(_X5CHAIN) or unprotected[_X5CHAIN]
    leaf = x509.load_der_x509_certificate(chain[0] if isinstance(chain, list) else chain)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    message = b"\x84" + _text(b"Signature1", 3) + _text(protected, 2) + _text(b"", 2) + _text(payload, 2)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + length]))
        at += length
    return found


def _children(box: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [one for one in _boxes(box[1]) if one[0] not in (b"jumd", b"free")]


def _label(box: tuple[bytes, bytes]) -> str:
    description = _boxes(box[1])[0][1]
    return description[17:].split(b"\0")[0].decode()


def _text(data: bytes, major: int) -> bytes:
    size = len(data)
    if size < 24:
        return bytes([major << 5 | size]) + data
    return (
        bytes([major << 5 | 25]) + size.to_bytes(2, "big") + data
        if size > 255
        else bytes([major << 5 | 24, size]) + data
    )


def _cbor(data: bytes) -> Any:
    return _item(data, 0)[0]


def _item(data: bytes, at: int) -> tuple[Any, int]:
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    value = int.from_bytes(data[at : at + width], "big") if width else short
    at += width
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major in (2, 3):
        raw = data[at : at + value]
        return (raw if major == 2 else raw.decode()), at + value
    if major == 4:
        items = []
        for _ in range(value):
            item, at = _item(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(value):
            name, at = _item(data, at)
            pairs[name], at = _item(data, at)
        return pairs, at
    if major == 6:
        return _item(data, at)
    return {20: False, 21: True, 22: None}[value], at
