"""Time stamps of RFC 3161 made here, part by part, so that each can be wrong; and OpenTimestamps proofs likewise."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MAGIC = b"\x00OpenTimestamps\x00\x00Proof\x00" + bytes.fromhex("bf89e2e884e89294") + b"\x01"
PENDING = bytes.fromhex("83dfe30d2ef90c8e")
BITCOIN = bytes.fromhex("0588960d73d71901")
SHA256_STEP = b"\x08"

HASHES: dict[str, Any] = {
    "sha256": ("608648016503040201", hashes.SHA256),
    "sha384": ("608648016503040202", hashes.SHA384),
    "sha512": ("608648016503040203", hashes.SHA512),
    "sha1": ("2b0e03021a", hashes.SHA1),
}
RSA = {"": "2a864886f70d010101", "sha256": "2a864886f70d01010b", "sha384": "2a864886f70d01010c"} | {
    "sha512": "2a864886f70d01010d"
}
ECDSA = {"sha256": "2a8648ce3d040302", "sha384": "2a8648ce3d040303", "sha512": "2a8648ce3d040304"}


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(length)]) + length + content


def oid(digits: str) -> bytes:
    return der(6, bytes.fromhex(digits))


def number(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def algorithm(digits: str) -> bytes:
    return der(0x30, oid(digits), b"\x05\x00")


@cache
def key(kind: str) -> Any:
    """A private key: `rsa2048`, `p256`, …; the same one each time."""
    if kind == "rsa3":
        return rsa.generate_private_key(3, 2048)
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])


@cache
def certificate(kind: str, use: str = "stamping", name: str = "Test authority", until: int = 2049) -> bytes:
    """One that vouches for itself; in DER."""
    holder = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Nobody"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    made = x509.CertificateBuilder(holder, holder, key(kind).public_key(), 4711)
    made = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
    if use:
        usage = ExtendedKeyUsageOID.TIME_STAMPING if use == "stamping" else ExtendedKeyUsageOID.CODE_SIGNING
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), True)
    signed = made.sign(key(kind), None if kind == "ed25519" else hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


@dataclass
class Token:
    """What an answer is made of; change it, then `data`."""

    digest: bytes
    key: str = "p256"
    hash: str = "sha256"
    signed_by: str | None = None
    """Name of the hash in the signature's algorithm; empty for plain rsaEncryption."""
    time: bytes = b"20260101000000Z"
    serial: int = 5
    status: int = 0
    imprint: str = "sha256"
    version: int = 1
    after_time: bytes = b""
    certificates: list[bytes] | None = None
    certificate: bytes | None = None
    named: str = "2"
    """How the certificate is named: `2`, `2-sha512`, `1`, or not at all."""
    names: bytes | None = None
    by_identifier: bool = False
    message_digest: bytes | None = None
    kind: str = "2a864886f70d0109100104"
    attributes: list[bytes] = field(default_factory=list)
    signature: bytes | None = None
    signers: int = 1
    behind: bytes = b""

    def data(self) -> bytes:
        info = self._info()
        own = self.certificate or certificate(self.key)
        carried = [own] if self.certificates is None else self.certificates
        signer = self._signer(info, own)
        content = der(0x30, oid("2a864886f70d0109100104"), der(0xA0, der(4, info)))
        parts = [number(3), der(0x31, algorithm(HASHES[self.hash][0])), content]
        parts += [der(0xA0, *carried)] if carried else []
        signed = der(0x30, *parts, der(0x31, *[signer] * self.signers))
        token = der(0x30, oid("2a864886f70d010702"), der(0xA0, signed))
        return der(0x30, der(0x30, number(self.status)), token) + self.behind

    def _info(self) -> bytes:
        imprint = der(0x30, algorithm(HASHES[self.imprint][0]), der(4, self.digest))
        parts = [number(self.version), oid("2a0304"), imprint, number(self.serial), der(0x18, self.time)]
        return der(0x30, *parts, self.after_time)

    def _signer(self, info: bytes, own: bytes) -> bytes:
        summed = self.message_digest or hashlib.new(self.hash, info).digest()
        attributes = [
            _attribute("2a864886f70d010903", oid(self.kind)),
            _attribute("2a864886f70d010904", der(4, summed)),
            *self._naming(self.names or own),
            *self.attributes,
        ]
        name = x509.load_der_x509_certificate(own).issuer.public_bytes()
        sid = der(0x80, b"an identifier") if self.by_identifier else der(0x30, name, number(4711))
        attributes.sort()
        signature = self.signature or self._signed(der(0x31, *attributes))
        hashed = algorithm(HASHES[self.hash][0])
        how = der(0x30, oid(self._algorithm()))
        return der(0x30, number(1), sid, hashed, der(0xA0, *attributes), how, der(4, signature))

    def _naming(self, own: bytes) -> list[bytes]:
        if self.named == "1":
            return [_attribute("2a864886f70d010910020c", _names(der(4, hashlib.sha1(own).digest())))]
        if self.named == "2":
            return [_attribute("2a864886f70d010910022f", _names(der(4, hashlib.sha256(own).digest())))]
        if self.named:
            how = self.named.removeprefix("2-")
            summed = der(0x30, oid(HASHES[how][0])), der(4, hashlib.new(how, own).digest())
            return [_attribute("2a864886f70d010910022f", _names(*summed))]
        return []

    def _algorithm(self) -> str:
        name = self.hash if self.signed_by is None else self.signed_by
        return RSA[name] if self.key.startswith("rsa") else "2b6570" if self.key == "ed25519" else ECDSA[name]

    def _signed(self, what: bytes) -> bytes:
        signer = key(self.key)
        if self.key == "ed25519":
            return bytes(signer.sign(what))
        how = HASHES[self.signed_by or self.hash][1]()
        if self.key.startswith("rsa"):
            return bytes(signer.sign(what, padding.PKCS1v15(), how))
        return bytes(signer.sign(what, ec.ECDSA(how)))


def _attribute(digits: str, value: bytes) -> bytes:
    return der(0x30, oid(digits), der(0x31, value))


def _names(*parts: bytes) -> bytes:
    return der(0x30, der(0x30, der(0x30, *parts)))


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def counted(data: bytes) -> bytes:
    return varint(len(data)) + data


def pending(uri: bytes = b"https://calendar.example/") -> bytes:
    return b"\x00" + PENDING + counted(counted(uri))


def bitcoin(height: int = 850_000) -> bytes:
    return b"\x00" + BITCOIN + counted(varint(height))


def proof(digest: bytes, *parts: bytes, begin: bytes = MAGIC + b"\x08") -> bytes:
    return begin + digest + b"".join(parts)
