"""Whether the signature of a time stamp holds, against the certificate that the stamp itself carries.

That proves that the holder of that certificate's key signed it, and no more: whether the holder is an authority that
can be trusted, the reader decides. What cannot be checked here is said, and is no flaw.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_der_public_key

from anchor_pipeline.custody.stamps.certificate import Certificate
from anchor_pipeline.custody.stamps.der import (
    BIT_STRING,
    INTEGER,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    Elements,
    WrongStamp,
    inside,
    integer,
    only,
)
from anchor_pipeline.custody.stamps.token import SIGNING_CERTIFICATE, Token, algorithm_in

_HASHES = {"608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512"}
_RSA_ENCRYPTION = "2a864886f70d010101"
_RSA = {"2a864886f70d01010b": "sha256", "2a864886f70d01010c": "sha384", "2a864886f70d01010d": "sha512"}
_ECDSA = {"2a8648ce3d040302": "sha256", "2a8648ce3d040303": "sha384", "2a8648ce3d040304": "sha512"}
_CLASSES: dict[str, type[SHA256] | type[SHA384] | type[SHA512]] = {
    "sha256": SHA256,
    "sha384": SHA384,
    "sha512": SHA512,
}
_BITS = range(2048, 8193)
_EXPONENT = 65537
_EC_KEY = "2a8648ce3d0201"
_CURVES = {"2a8648ce3d030107": 32, "2b81040022": 48}
"""Bytes of a number of P-256, P-384."""


class Unchecked(Exception):
    """Why a signature could not be checked."""


def signer_of(token: Token) -> Certificate:
    """The certificate of the signer, its signature verified.

    Raises:
        WrongStamp: the signature does not hold, or not with this certificate.
        Unchecked: the certificate is not there, or the algorithm is not one that is known here.

    """
    certificate = _named(token)
    signer = token.signer
    hashed = _hash_of(signer.algorithm, signer.digest)
    key = _key(certificate, signer.algorithm)
    if hashlib.new(_HASHES[signer.digest], token.info).digest() != signer.message_digest:
        raise WrongStamp("a time stamp that was changed after it was signed")
    if not certificate.stamping:
        raise WrongStamp("a time stamp signed with a certificate that is not for time stamps")
    if not certificate.since <= token.time_text <= certificate.until:
        raise WrongStamp("a time stamp of a time at which its signer's certificate is not valid")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signer.signature, signer.attributes, padding.PKCS1v15(), _CLASSES[hashed]())
        else:
            key.verify(signer.signature, signer.attributes, ec.ECDSA(_CLASSES[hashed]()))
    except (InvalidSignature, ValueError):
        raise WrongStamp("a time stamp whose signature does not verify") from None
    return certificate


def _hash_of(algorithm: str, digest: str) -> str:
    """The hash that a signature is over; that of what is signed has to be known as well."""
    named = {**_RSA, **_ECDSA, _RSA_ENCRYPTION: _HASHES.get(digest, "")}.get(algorithm, "")
    if not named or digest not in _HASHES:
        raise Unchecked("its algorithm is not one that is checked here")
    return named


def _key(certificate: Certificate, algorithm: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    unusable = Unchecked("the key in its certificate is not one that can be used here")
    try:
        if not _is_usable(inside(only(certificate.key, SEQUENCE)), algorithm in _ECDSA):
            raise unusable
        key = load_der_public_key(certificate.key)
    except (WrongStamp, ValueError, UnsupportedAlgorithm):
        raise unusable from None
    assert isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))
    return key


def _is_usable(key: Elements, curved: bool) -> bool:
    """Whether a key is one that every verifier can use: what libraries take beyond that differs."""
    named, bits = inside(key.take(SEQUENCE)), key.take(BIT_STRING).content
    key.end()
    kind = named.take(OID).content.hex()
    if curved:
        size = _CURVES.get(named.take(OID).content.hex(), 0) if kind == _EC_KEY else 0
        named.end()
        return size > 0 and len(bits) == 2 + 2 * size and bits[:2] == b"\x00\x04"
    named.take(NULL)
    named.end()
    numbers = inside(only(bits[1:], SEQUENCE))
    modulus, exponent = integer(numbers.take(INTEGER)), integer(numbers.take(INTEGER))
    numbers.end()
    fits = modulus > 0 and modulus.bit_length() in _BITS and exponent == _EXPONENT
    return fits and kind == _RSA_ENCRYPTION and bits[0] == 0


def _named(token: Token) -> Certificate:
    """The certificate that the signer names, by number and by digest."""
    signer = token.signer
    kind, value = signer.named
    first = inside(inside(inside(only(value, SEQUENCE)).take(SEQUENCE)).take(SEQUENCE))
    name = "sha1" if kind == SIGNING_CERTIFICATE else "sha256"
    if kind != SIGNING_CERTIFICATE and first.tag == SEQUENCE:
        name = _HASHES.get(algorithm_in(first.take(SEQUENCE)), "")
    digest = first.take(OCTET_STRING).content
    if not name:
        raise Unchecked("its algorithm is not one that is checked here")
    by_number = signer.sid.tag == SEQUENCE
    for one in token.certificates:
        same = hashlib.new(name, one.data, usedforsecurity=False).digest() == digest
        if by_number and one.issuer + one.serial == signer.sid.content:
            if not same:
                raise WrongStamp("a time stamp with another certificate than the one that signed it")
            return one
        if same and not by_number:
            return one
    raise Unchecked("it does not carry the certificate of its signer")
