"""The project's own certificate authority for C2PA, and the leaf certificate that signs.

C2PA refuses self-signed leaves and asks for a chain: https://spec.c2pa.org/specifications/specifications/2.2/
specs/C2PA_Specification.html, "Digital Signatures", X.509 certificate profile: version 3, key usage digitalSignature,
extended key usage claimSigning, an authority key identifier. ES256 is what every reader has to know.

Nothing but the certificate of the authority, whose digest the ledger names, makes a credential trusted: no list of
this machine, of this library or of C2PA's own. An authority lives 30 years and a leaf 20, because a reader checks the
leaf against the day of the reading: credentials outlive their release only as long as their leaf.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from anchor_pipeline.custody.canonical import canonical_json, parse
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.providers import PASSPHRASE
from anchor_pipeline.custody.secret_files import read_secret, write_file
from anchor_pipeline.errors import UsageError

CERTIFICATE = "authority.pem"
"""The authority's certificate: publish it."""
_CA = "authority.ca.json"
_LEAF = "authority.leaf.json"
_LEAF_VARIABLE = "ANCHOR_AUTHORITY_LEAF"

_FORMAT = "anchor-certificate-key-1"
_YEAR = timedelta(days=365)
_CA_LIFE, _LEAF_LIFE = 30 * _YEAR, 20 * _YEAR
_SKEW = timedelta(hours=1)
"""Certificates hold since a little earlier: clocks of readers differ."""

CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"
"""c2pa-kp-claimSigning."""

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Leaf:
    """A certificate that an authority issued, with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        """As C2PA libraries take it; the authority's own certificate is no part of the chain."""
        return _pem(self.certificate).decode()

    @property
    def key_pem(self) -> str:
        """PKCS 8, not encrypted: for the memory of this process only."""
        return _key_pem(self.key, None)


def begin_authority(folder: Path, organisation: str, passphrase: str | None = None, *, clock: Clock = _now) -> str:
    """Make what is missing of an authority and its leaf in the key folder; the digest that the ledger names.

    The files: authority.pem (publish it), authority.ca.json (issues leaves; keep it off the machine, as the root's
    keys) and authority.leaf.json (signs credentials). What is there is kept.

    Raises:
        UsageError: files are there that are none, or whose passphrase is another.
        Unavailable: the folder cannot be written.

    """
    if not (folder / _CA).exists() and not (folder / CERTIFICATE).exists():
        _write_ca(folder, _new_ca(organisation, clock()), passphrase)
    if not (folder / _LEAF).exists():
        renew_leaf(folder, passphrase, clock=clock)
    return authority_digest(read_authority(folder))


def renew_leaf(folder: Path, passphrase: str | None = None, *, clock: Clock = _now) -> None:
    """Issue a new leaf, which signs from now on. What old ones signed holds as long as they do.

    A leaf whose key is compromised has no other remedy than `replace_authority`: nobody asks for revocations offline.
    """
    ca = _read(folder / _CA, read_secret(folder / _CA), passphrase)
    if _pem(ca.certificate) != read_authority(folder):
        raise UsageError(f"{folder / CERTIFICATE}: is not the certificate of {_CA}; restore the one that belongs to it")
    name = ca.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    leaf = _new_leaf(ca, str(name), clock())
    write_file(folder / _LEAF, _record(leaf, passphrase), 0o600)


def replace_authority(folder: Path, organisation: str, passphrase: str | None = None, *, clock: Clock = _now) -> str:
    """Make another authority with a leaf; gives the digest for the ledger's entry `authority`.

    Once that entry is there, credentials of the authority before no longer count: the next ingest of each source makes
    new ones. Releases made before it are checked against the authority of their time.
    """
    _write_ca(folder, _new_ca(organisation, clock()), passphrase)
    renew_leaf(folder, passphrase, clock=clock)
    return authority_digest(read_authority(folder))


def read_authority(folder: Path) -> bytes:
    """The authority's certificate as PEM; UsageError if it is missing."""
    path = folder / CERTIFICATE
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: no certificate of an authority ({error.strerror}); `anchor keys init` makes one"
        ) from None


def authority_digest(pem: bytes) -> str:
    """Hexadecimal SHA-256 of the certificate's DER; ValueError if it is no PEM of one certificate and nothing else."""
    certificate = x509.load_pem_x509_certificate(pem)
    if _pem(certificate) != pem:
        raise ValueError("not one certificate, or not in its usual spelling")
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def leaf_of(folder: Path) -> Leaf:
    """The leaf that signs: from ANCHOR_AUTHORITY_LEAF (base64 of authority.leaf.json), or in the key folder.

    UsageError if there is none, if others can read the file, or if the passphrase is not the one.
    """
    passphrase, text = os.environ.get(PASSPHRASE), os.environ.get(_LEAF_VARIABLE)
    if text is None:
        return _read(folder / _LEAF, read_secret(folder / _LEAF), passphrase)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{_LEAF_VARIABLE}: no base64; expected that of a file {_LEAF}") from None
    return _read(_LEAF_VARIABLE, data, passphrase)


def _new_ca(organisation: str, at: datetime) -> Leaf:
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Another key, another name: readers look for issuers by their name.
    name = _name(organisation, f"anchor authority {identifier.digest.hex()[:8]}")
    builder = _certificate(name, name, key, at, _CA_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return Leaf(builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256()), key)


def _new_leaf(ca: Leaf, organisation: str, at: datetime) -> Leaf:
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(organisation, f"anchor credentials {identifier.digest.hex()[:8]}")
    builder = _certificate(name, ca.certificate.subject, key, at, _LEAF_LIFE)
    # Readers whose lists do not know C2PA's own purpose yet ask for that of signed mail.
    purposes = x509.ExtendedKeyUsage([ObjectIdentifier(CLAIM_SIGNING), ExtendedKeyUsageOID.EMAIL_PROTECTION])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(purposes, critical=False).add_extension(issuer, critical=False)
    return Leaf(builder.add_extension(identifier, critical=False).sign(ca.key, hashes.SHA256()), key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(at - _SKEW).not_valid_after(at + life)


def _name(organisation: str, common: str) -> x509.Name:
    # 64 characters is the most that X.520 allows.
    attributes = ((NameOID.ORGANIZATION_NAME, organisation[:64]), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_ca(folder: Path, ca: Leaf, passphrase: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(folder / _CA, _record(ca, passphrase), 0o600)
    write_file(folder / CERTIFICATE, _pem(ca.certificate), 0o644)


def _record(held: Leaf, passphrase: str | None) -> bytes:
    record = {"format": _FORMAT, "certificate": held.certificate_pem, "key": _key_pem(held.key, passphrase)}
    return canonical_json(record) + b"\n"


def _read(where: Path | str, data: bytes, passphrase: str | None) -> Leaf:
    secret = passphrase.encode() if passphrase else None
    try:
        record = parse(data.rstrip(b"\n"), str(where))
        if record["format"] != _FORMAT:
            raise ValueError("another format")
        certificate = x509.load_pem_x509_certificate(record["certificate"].encode())
        key = serialization.load_pem_private_key(record["key"].encode(), secret)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("a key of another certificate")
    except (Flaw, ValueError, TypeError, KeyError, AttributeError) as error:
        # The message of a parser may quote what it read, and this file is secret.
        locked = not isinstance(error, Flaw) and any(word in str(error).lower() for word in ("password", "decrypt"))
        reason = "its passphrase is missing or wrong" if locked else "it is no certificate with its key"
        raise UsageError(
            f"{where}: cannot be used ({reason}); give the passphrase as {PASSPHRASE}, or make it anew with "
            "`anchor keys authority`"
        ) from None
    return Leaf(certificate, key)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey, passphrase: str | None) -> str:
    scheme: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        scheme = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, scheme).decode()
