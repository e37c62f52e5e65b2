"""An identity's keys: an Ed25519 and an ML-DSA-65 (FIPS 204) pair that always sign together.

Ed25519 is what existing tools can check; ML-DSA-65 holds against quantum computers. A signature counts only if
both verify.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from anchor_pipeline.custody.canonical import b64, canonical_json, parse, unb64
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.memo import Memo
from anchor_pipeline.errors import UsageError

ROOT = "root"
"""The identity that signs keys and nothing else."""

_PUBLIC_FORMAT = "anchor-public-key-1"
_PRIVATE_FORMAT = "anchor-private-key-1"
_IDENTITY = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LARGEST_FILE = 20_000


def check_identity(name: str) -> str:
    """The name; UsageError unless it can be one."""
    if _IDENTITY.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot name an identity: expected a lower-case letter, then letters, digits, '-' or '_', "
            "64 at most"
        )
    return name


@dataclass(frozen=True)
class PublicKey:
    """What others need to check an identity's signatures."""

    identity: str
    ed25519: bytes
    """32 bytes, RFC 8032."""
    ml_dsa_65: bytes
    """1,952 bytes, FIPS 204."""

    @cached_property
    def id(self) -> str:
        """Hexadecimal SHA-256 of the canonical JSON of the key."""
        return hashlib.sha256(canonical_json(self.record())).hexdigest()

    def record(self) -> dict[str, str]:
        """As it stands in files and entries."""
        return {
            "format": _PUBLIC_FORMAT,
            "identity": self.identity,
            "ed25519": b64(self.ed25519),
            "ml_dsa_65": b64(self.ml_dsa_65),
        }

    def encoded(self) -> bytes:
        """The bytes of a `.pub.json` file."""
        return canonical_json(self.record()) + b"\n"

    @staticmethod
    def of(record: Any, where: str) -> PublicKey:
        """The key that a record holds; Flaw if it is none."""
        if not isinstance(record, dict) or set(record) != {"format", "identity", "ed25519", "ml_dsa_65"}:
            raise Flaw("malformed", where, "no public key: expected format, identity, ed25519 and ml_dsa_65")
        if not all(isinstance(value, str) for value in record.values()) or record["format"] != _PUBLIC_FORMAT:
            raise Flaw("malformed", where, f"no public key of the format {_PUBLIC_FORMAT}")
        if _IDENTITY.fullmatch(record["identity"]) is None:
            raise Flaw("malformed", where, f"{record['identity'][:80]!r} cannot name an identity")
        ed25519, ml_dsa = unb64(record["ed25519"], where, 32), unb64(record["ml_dsa_65"], where, 1952)
        return PublicKey(record["identity"], ed25519, ml_dsa)

    @staticmethod
    def parsed(data: bytes, where: str) -> PublicKey:
        """The key in a `.pub.json` file; Flaw if it is none."""
        if not data.endswith(b"\n"):
            raise Flaw("not_canonical", where, "no newline at the end of the file")
        return PublicKey.of(parse(data[:-1], where), where)

    def verifies_ed25519(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is of the message."""
        return _verifies(self.ed25519, lambda: self._ed25519_key, signature, message)

    def verifies_ml_dsa_65(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is of the message, with an empty context."""
        return _verifies(self.ml_dsa_65, lambda: self._ml_dsa_key, signature, message)

    @cached_property
    def _ed25519_key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.ed25519)

    @cached_property
    def _ml_dsa_key(self) -> MLDSA65PublicKey:
        return MLDSA65PublicKey.from_public_bytes(self.ml_dsa_65)


class Signer(Protocol):
    """Somebody who signs as an identity: key files, or a KMS or HSM that never lets its keys out."""

    @property
    def public(self) -> PublicKey:
        """The identity's public keys."""

    def ed25519(self, message: bytes) -> bytes:
        """64 bytes."""

    def ml_dsa_65(self, message: bytes) -> bytes:
        """3,309 bytes, with an empty context; another time other bytes."""


class PrivateKey:
    """An identity's private keys, in this process."""

    def __init__(self, identity: str, ed25519: Ed25519PrivateKey, ml_dsa_65: MLDSA65PrivateKey) -> None:
        self._ed25519, self._ml_dsa_65 = ed25519, ml_dsa_65
        raw = ed25519.public_key().public_bytes_raw(), ml_dsa_65.public_key().public_bytes_raw()
        self.public = PublicKey(check_identity(identity), *raw)

    @staticmethod
    def generate(identity: str) -> PrivateKey:
        """New keys from the operating system's randomness."""
        return PrivateKey(identity, Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())

    def ed25519(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._ed25519.sign(message)

    def ml_dsa_65(self, message: bytes) -> bytes:
        """3,309 bytes, with an empty context; hedged, so another time other bytes."""
        return self._ml_dsa_65.sign(message)

    def encoded(self, passphrase: str | None = None) -> bytes:
        """The bytes of a `.key.json` file, encrypted if there is a passphrase."""
        record = {
            "format": _PRIVATE_FORMAT,
            "identity": self.public.identity,
            "ed25519": _pem(self._ed25519, passphrase),
            "ml_dsa_65": _pem(self._ml_dsa_65, passphrase),
        }
        return canonical_json(record) + b"\n"

    @staticmethod
    def parsed(data: bytes, where: str, passphrase: str | None = None) -> PrivateKey:
        """The keys in a `.key.json` file; UsageError if it is none or the passphrase is not the one."""
        try:
            record = parse(data.rstrip(b"\n"), where, _LARGEST_FILE)
            if record["format"] != _PRIVATE_FORMAT:
                raise ValueError("another format")
            secret = passphrase.encode() if passphrase else None
            names = ("ed25519", "ml_dsa_65")
            pair = [serialization.load_pem_private_key(record[name].encode(), secret) for name in names]
            if not isinstance(pair[0], Ed25519PrivateKey) or not isinstance(pair[1], MLDSA65PrivateKey):
                raise ValueError("keys of other kinds")
            return PrivateKey(record["identity"], pair[0], pair[1])
        except (Flaw, ValueError, TypeError, KeyError, AttributeError) as error:
            # The message of a parser may quote what it read, and this file is secret.
            reason = "its passphrase is missing or wrong" if _about_passphrase(error) else "it is no private key file"
            raise UsageError(
                f"{where}: cannot be used ({reason}); give the passphrase as ANCHOR_KEY_PASSPHRASE, or make keys with "
                "`anchor keys init`"
            ) from None


def _about_passphrase(error: Exception) -> bool:
    return not isinstance(error, Flaw) and any(word in str(error).lower() for word in ("password", "decrypt"))


def _pem(key: Ed25519PrivateKey | MLDSA65PrivateKey, passphrase: str | None) -> str:
    scheme: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        scheme = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, scheme).decode()


_SOUND: Memo[bool] = Memo(50_000)
"""Signatures that verified, by the digest of key, signature and message; 32 bytes each."""


def _verifies(
    raw: bytes, key: Callable[[], Ed25519PublicKey | MLDSA65PublicKey], signature: bytes, message: bytes
) -> bool:
    digest = hashlib.sha256(b"%d %d\n" % (len(raw), len(signature)))
    for part in (raw, signature, message):
        digest.update(part)
    known = digest.digest()
    if _SOUND.get(known):
        return True
    try:
        key().verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return _SOUND.keep(known, True)
