"""Cosignatures of witnesses on heads: somebody else saw that the ledger only grew. C2SP tlog-cosignature, Ed25519.

https://c2sp.org/tlog-cosignature: type 0x04, `cosignature/v1`. A witness is known by its verifier key,
`name+hash+key`, as https://c2sp.org/signed-note has it. Lines of other names or keys are ignored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from anchor_pipeline.custody.canonical import b64, unb64
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.note import Checkpoint, NoteSignature
from anchor_pipeline.errors import UsageError

_TYPE = b"\x04"
_LINE = re.compile(r"([^\s+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)")
_LENGTH = 8 + 64
_LATEST = 2**63 - 1


@dataclass(frozen=True)
class Witness:
    """Whose cosignatures count."""

    name: str
    ed25519: bytes
    """32 bytes."""

    @property
    def key_hash(self) -> bytes:
        """As it stands in signature lines."""
        return hashlib.sha256(self.name.encode() + b"\n" + _TYPE + self.ed25519).digest()[:4]

    def encoded(self) -> str:
        """The verifier key."""
        return f"{self.name}+{self.key_hash.hex()}+{b64(_TYPE + self.ed25519)}"

    @staticmethod
    def parsed(line: str) -> Witness:
        """The witness of a verifier key; UsageError if it is none of type 0x04."""
        found = _LINE.fullmatch(line.strip())
        try:
            key = unb64(found[3], "key") if found else b""
        except Flaw:
            key = b""
        if found is None or len(key) != 33 or key[:1] != _TYPE:
            raise UsageError(
                f"{line.strip()[:120]!r}: no key of a witness; expected name+hash+key of type 0x04 (Ed25519)"
            )
        witness = Witness(found[1], key[1:])
        if witness.key_hash.hex() != found[2]:
            raise UsageError(f"{line.strip()[:120]!r}: its hash is not that of its name and key; copy the line again")
        return witness


@dataclass(frozen=True)
class Cosigned:
    """What a witness says: at this time, this was the largest head of the ledger that it had seen."""

    witness: str
    at: datetime


def cosignatures(head: Checkpoint, witnesses: Iterable[Witness]) -> list[Cosigned]:
    """What known witnesses say of a head, each once; Flaw head_signature if a line of theirs does not verify."""
    found = []
    for witness in dict.fromkeys(witnesses):
        lines = [
            one.signature for one in head.signatures if (one.name, one.key_hash) == (witness.name, witness.key_hash)
        ]
        if lines:
            found.append(Cosigned(witness.name, max(_time(head, witness, line) for line in lines)))
    return found


def check_witnessed(head: Checkpoint, witnesses: Sequence[Witness], least: int) -> list[Cosigned]:
    """The cosignatures; Flaw head_signature if they are fewer than `least`."""
    found = cosignatures(head, witnesses)
    if len(found) < least:
        raise Flaw("head_signature", "head", f"cosigned by {len(found)} of the witnesses given, {least} are asked for")
    return found


def cosign(head: Checkpoint, name: str, key: Ed25519PrivateKey, at: datetime) -> NoteSignature:
    """A witness's line for a head. A witness first makes sure that the head continues the last it cosigned."""
    seconds = int(at.timestamp())
    witness = Witness(name, key.public_key().public_bytes_raw())
    signature = key.sign(_message(head, seconds))
    return NoteSignature(name, witness.key_hash, seconds.to_bytes(8, "big") + signature)


def with_signatures(head: Checkpoint, more: Iterable[NoteSignature]) -> Checkpoint:
    """The head with further lines."""
    return Checkpoint(head.origin, head.size, head.root, (*head.signatures, *more))


def _time(head: Checkpoint, witness: Witness, signature: bytes) -> datetime:
    where = f"cosignature of {witness.name}"
    seconds = int.from_bytes(signature[:8], "big")
    if len(signature) != _LENGTH or seconds > _LATEST:
        raise Flaw("head_signature", where, f"{len(signature)} bytes, expected a time and {_LENGTH - 8} bytes")
    try:
        Ed25519PublicKey.from_public_bytes(witness.ed25519).verify(signature[8:], _message(head, seconds))
        return datetime.fromtimestamp(seconds, UTC)
    except (InvalidSignature, ValueError, OverflowError, OSError):
        raise Flaw("head_signature", where, "it does not verify") from None


def _message(head: Checkpoint, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n".encode() + head.body
