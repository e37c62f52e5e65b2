"""Heads of a ledger: checkpoints of C2SP (https://c2sp.org/tlog-checkpoint) as signed notes (c2sp.org/signed-note).

    example.org/assistant
    42
    <base64 root hash>

    — example.org/assistant <base64 of key hash and Ed25519 signature>
    — example.org/assistant <base64 of key hash and ML-DSA-65 signature>

Type 0x01 is Ed25519, which existing tools verify. C2SP has no ML-DSA-65, so that stands under 0xff with an identifier
of its own, as the specification asks. Lines of unknown keys are ignored, as of witnesses that a reader does not know.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from anchor_pipeline.custody.canonical import b64, unb64
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey, Signer

ML_DSA_65 = b"anchor-pipeline.dev/ml-dsa-65"
"""What follows type 0xff in the key hash."""

_ORIGIN = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_BLANKS = "\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""No part of a name. Spelled out, as languages differ in what they call white space."""
_LINE = re.compile(f"— ([^+{_BLANKS}]+) ([A-Za-z0-9+/]+=*)")
_MOST_BYTES = 100_000
_MOST_SIGNATURES = 100


@dataclass(frozen=True)
class NoteSignature:
    """A line of a signed note."""

    name: str
    key_hash: bytes
    """4 bytes."""
    signature: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A head: how many entries a ledger had, and the root of the Merkle tree over them."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[NoteSignature, ...] = ()

    @property
    def body(self) -> bytes:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n".encode()

    def encoded(self) -> str:
        """The note with its signatures."""
        lines = [f"— {one.name} {b64(one.key_hash + one.signature)}\n" for one in self.signatures]
        return self.body.decode() + "\n" + "".join(lines)


def is_origin(name: str) -> bool:
    """Whether a ledger may have that name."""
    return _ORIGIN.fullmatch(name) is not None


def signed(origin: str, size: int, root: bytes, signer: Signer) -> Checkpoint:
    """A head with both signatures of an identity."""
    head, key = Checkpoint(origin, size, root), signer.public
    made = (
        (ed25519_hash(origin, key), signer.ed25519(head.body)),
        (ml_dsa_65_hash(origin, key), signer.ml_dsa_65(head.body)),
    )
    return Checkpoint(origin, size, root, tuple(NoteSignature(origin, *one) for one in made))


def parsed(text: str, where: str) -> Checkpoint:
    """The head that a note states, its signatures not yet checked; Flaw head_malformed if it is no such note."""
    if len(text) > _MOST_BYTES or len(text.encode()) > _MOST_BYTES:
        raise Flaw("head_malformed", where, "too long")
    body, blank, rest = text.partition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 3 or not is_origin(lines[0]) or _SIZE.fullmatch(lines[1]) is None:
        raise Flaw("head_malformed", where, "expected origin, size and root, a blank line, then signatures")
    signatures = rest.split("\n")
    if signatures.pop() != "" or not 0 < len(signatures) <= _MOST_SIGNATURES:
        raise Flaw("head_malformed", where, "expected one to 100 signatures, each a line of its own")
    try:
        root = unb64(lines[2], where, 32)
        return Checkpoint(lines[0], int(lines[1]), root, tuple(_line(line, where) for line in signatures))
    except Flaw as flaw:
        raise Flaw("head_malformed", where, flaw.detail) from None


def parsed_bytes(data: bytes, where: str) -> Checkpoint:
    """The head in a file."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Flaw("head_malformed", where, "no UTF-8") from None
    return parsed(text, where)


def check_signed(head: Checkpoint, key: PublicKey, where: str) -> None:
    """Flaw head_signature unless both signatures of `key` are there, once, and verify."""
    pairs = (
        ("Ed25519", ed25519_hash(head.origin, key), key.verifies_ed25519),
        ("ML-DSA-65", ml_dsa_65_hash(head.origin, key), key.verifies_ml_dsa_65),
    )
    for name, key_hash, verifies in pairs:
        found = [one.signature for one in head.signatures if (one.name, one.key_hash) == (head.origin, key_hash)]
        if len(found) != 1 or not verifies(found[0], head.body):
            raise Flaw("head_signature", where, f"no {name} signature by {key.identity} that verifies")


def check_signatures(head: Checkpoint, keys: Iterable[PublicKey], where: str) -> None:
    """Flaw head_signature unless one of `keys` signed the head, and every one that did signed it with both."""
    hashes = {one.key_hash for one in head.signatures if one.name == head.origin}
    mine = [key for key in keys if ed25519_hash(head.origin, key) in hashes]
    if not mine:
        raise Flaw("head_signature", where, "no signature of a key in force at that size")
    for key in mine:
        check_signed(head, key, where)


def ed25519_hash(name: str, key: PublicKey) -> bytes:
    """Key hash of a signed note for algorithm 0x01."""
    return _key_hash(name, b"\x01" + key.ed25519)


def ml_dsa_65_hash(name: str, key: PublicKey) -> bytes:
    """Key hash of a signed note for algorithm 0xff with our identifier."""
    return _key_hash(name, b"\xff" + ML_DSA_65 + key.ml_dsa_65)


def _key_hash(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]


def _line(line: str, where: str) -> NoteSignature:
    found = _LINE.fullmatch(line)
    if found is None:
        raise Flaw("head_malformed", where, "a signature line that is none")
    data = unb64(found[2], where)
    if len(data) < 5:
        raise Flaw("head_malformed", where, "a signature that is too short")
    return NoteSignature(found[1], data[:4], data[4:])
