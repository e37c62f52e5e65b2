"""Stamps, sound ones and others, each with what every verifier has to say of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from anchor_pipeline_tests.custody.stamps.readers import Given
from anchor_pipeline_tests.custody.stamps.token_forge import (
    BITCOIN,
    MAGIC,
    PENDING,
    Token,
    bitcoin,
    certificate,
    counted,
    der,
    number,
    oid,
    pending,
    proof,
    varint,
)

HEAD = "example.org/ledger\n7\n" + "A" * 43 + "=\n"
DIGEST = hashlib.sha256(HEAD.encode()).digest()
OTHER = hashlib.sha256(b"another head").digest()
APPEND, PREPEND, SHA256, AND = b"\xf0", b"\xf1", b"\x08", b"\xff"


class Case(NamedTuple):
    """A stamp of HEAD, or what says it is one."""

    name: str
    state: str
    """`authority`, `bitcoin`, `pending`, `unchecked`; `stamp` for what is none."""
    why: str
    given: Given


def cases() -> Iterator[Case]:
    for name, state, why, data in _calendars():
        yield Case(f"ots-{name}", state, why, Given("ots", data, DIGEST))
    for name, state, why, data in _authorities():
        yield Case(f"tsr-{name}", state, why, Given("tsr", data, DIGEST))


def _calendars() -> Iterator[tuple[str, str, str, bytes]]:
    way = PREPEND + counted(b"a transaction ") + SHA256 * 2
    sound = proof(DIGEST, SHA256, bitcoin())
    yield "pending", "pending", "a calendar took it", proof(DIGEST, APPEND + counted(b"nonce"), SHA256, pending())
    yield "bitcoin", "bitcoin", "the way to a block", proof(DIGEST, way, bitcoin())
    yield "both", "bitcoin", "a block and a calendar", proof(DIGEST, AND + pending(), way, bitcoin())
    two = proof(DIGEST, AND + SHA256 + bitcoin(3), AND + APPEND + counted(b"x") + SHA256 + bitcoin(2), pending())
    yield "two-blocks", "bitcoin", "two ways side by side", two
    yield "at-once", "bitcoin", "the head itself is the root", proof(DIGEST, bitcoin(0))
    yield "unknown", "unchecked", "an attestation of another kind", proof(DIGEST, b"\0" + bytes(8) + counted(b"?"))
    yield "deep", "pending", "255 operations one after the other", proof(DIGEST, SHA256 * 255, pending())
    long = PREPEND + counted(b"x" * 4064) + SHA256
    yield "long", "pending", "a message of 4,096 bytes", proof(DIGEST, long, pending())
    yield "high", "bitcoin", "the largest number", proof(DIGEST, bitcoin(2**32 - 1))
    yield "empty", "stamp", "no byte", b""
    yield "magic", "stamp", "another beginning", b"\x01" + sound[1:]
    yield "version", "stamp", "version 2", proof(DIGEST, SHA256, bitcoin(), begin=MAGIC[:-1] + b"\x02\x08")
    yield "sha1-file", "stamp", "of a SHA-1", proof(DIGEST[:20], SHA256, bitcoin(), begin=MAGIC + b"\x02")
    yield "other", "stamp", "of another head", proof(OTHER, SHA256, bitcoin())
    yield "cut", "stamp", "cut off", sound[:-1]
    yield "more", "stamp", "a byte more", sound + b"\0"
    yield "no-end", "stamp", "no attestation at the end", proof(DIGEST, SHA256)
    for byte, name in ((0x02, "sha1"), (0x03, "ripemd160"), (0x67, "keccak256"), (0xF2, "reverse"), (0xF3, "hexlify")):
        yield name, "stamp", f"an operation that is not for heads, {name}", proof(DIGEST, bytes([byte]), pending())
    yield "operation", "stamp", "an operation that there is not", proof(DIGEST, b"\x55", pending())
    yield "and-and", "stamp", "a fork of a fork", proof(DIGEST, AND * 2 + pending(), pending())
    yield "deeper", "stamp", "256 operations one after the other", proof(DIGEST, SHA256 * 256, pending())
    yield "deepest", "stamp", "50,000 operations one after the other", proof(DIGEST, SHA256 * 50_000, pending())
    yield "wide", "stamp", "more than 4,096 operations", proof(DIGEST, (AND + SHA256 + pending(b"")) * 2200, pending())
    yield (
        "huge",
        "stamp",
        "more than 100,000 bytes",
        proof(DIGEST, (AND + b"\0" + bytes(8) + counted(bytes(8000))) * 13),
    )
    yield "longer", "stamp", "a message of 4,097 bytes", proof(DIGEST, PREPEND + counted(b"x" * 4065), pending())
    yield "nothing", "stamp", "nothing to append", proof(DIGEST, APPEND + counted(b""), pending())
    yield "spelling", "stamp", "a number in another spelling", proof(DIGEST, APPEND + b"\x81\x00x", pending())
    yield "number", "stamp", "a number that is too large", proof(DIGEST, b"\0" + BITCOIN + counted(varint(2**32)))
    yield "numbers", "stamp", "a number without an end", proof(DIGEST, APPEND + b"\xff" * 40, pending())
    yield "uri", "stamp", "no address of a calendar", proof(DIGEST, pending(b"https://a.example/?q=<b>"))
    yield "uri-long", "stamp", "an address of 1,001 bytes", proof(DIGEST, pending(b"a" * 1001))
    yield "uri-more", "stamp", "more than an address", proof(DIGEST, b"\0" + PENDING + counted(counted(b"a") + b"b"))
    yield "height-more", "stamp", "more than a height", proof(DIGEST, b"\0" + BITCOIN + counted(b"\x05\x05"))
    yield "height-none", "stamp", "no height", proof(DIGEST, b"\0" + BITCOIN + b"\0\x05")
    yield "root-long", "stamp", "33 bytes as a Merkle root", proof(DIGEST, APPEND + counted(b"x"), bitcoin())
    yield "payload", "stamp", "a payload of 8,193 bytes", proof(DIGEST, b"\0" + bytes(8) + counted(bytes(8193)))


def _authorities() -> Iterator[tuple[str, str, str, bytes]]:
    for kind in ("rsa2048", "p256", "p384"):
        for hashed in ("sha256", "sha384", "sha512"):
            yield f"{kind}-{hashed}", "authority", f"{kind} with {hashed}", Token(DIGEST, kind, hashed).data()
    yield "rsa-plain", "authority", "rsaEncryption", Token(DIGEST, "rsa2048", "sha512", signed_by="").data()
    yield (
        "two-hashes",
        "authority",
        "one hash inside, another outside",
        Token(DIGEST, hash="sha512", signed_by="sha256").data(),
    )
    yield "named-1", "authority", "its certificate by SHA-1", Token(DIGEST, named="1").data()
    yield "named-512", "authority", "its certificate by SHA-512", Token(DIGEST, named="2-sha512").data()
    yield "by-identifier", "authority", "its signer by key identifier", Token(DIGEST, by_identifier=True).data()
    both = [certificate("p384"), certificate("p256", name="Another"), certificate("rsa2048")]
    extra = [both[0], der(0xA1, b"an attribute certificate")]
    yield (
        "certificates",
        "stamp",
        "one of the same number before it",
        Token(DIGEST, certificates=[*both, certificate("p256")]).data(),
    )
    yield (
        "identified",
        "authority",
        "others before it",
        Token(DIGEST, by_identifier=True, certificates=[*both, certificate("p256")]).data(),
    )
    yield "fraction", "authority", "a fraction of a second", Token(DIGEST, time=b"20260101000000.25Z").data()
    accuracy = der(0x30, number(1)) + b"\x01\x01\xff" + number(12345)
    yield "all-fields", "authority", "accuracy, ordering, nonce", Token(DIGEST, after_time=accuracy).data()
    yield "negative", "authority", "a negative serial number", Token(DIGEST, serial=-5).data()
    yield "no-certificate", "unchecked", "its certificate is not there", Token(DIGEST, certificates=[]).data()
    yield "others", "unchecked", "only another kind of certificate", Token(DIGEST, certificates=extra[1:]).data()
    yield "ed25519", "unchecked", "an algorithm that is not checked", Token(DIGEST, "ed25519", "sha512").data()
    yield "p521", "unchecked", "a curve that is not checked", Token(DIGEST, "p521").data()
    yield "rsa1024", "unchecked", "a key that is too short", Token(DIGEST, "rsa1024").data()
    yield "rsa3", "unchecked", "an exponent that is not 65537", Token(DIGEST, "rsa3").data()
    yield "mixed", "unchecked", "ECDSA with an RSA key", _mixed()
    yield "sha1", "unchecked", "a hash that is not checked", Token(DIGEST, "rsa2048", "sha1", signed_by="").data()
    yield "named-other", "unchecked", "its certificate by another hash", Token(DIGEST, named="2-sha1").data()
    yield from _wrong()


def _wrong() -> Iterator[tuple[str, str, str, bytes]]:
    sound = Token(DIGEST).data()
    changes: dict[str, dict[str, object]] = {
        "refused": {"status": 2}, "modified": {"status": 1}, "version": {"version": 2},
        "imprint": {"imprint": "sha384"},
        "unnamed": {"named": ""}, "kind": {"kind": "2a864886f70d010701"}, "changed": {"message_digest": bytes(32)},
        "signature": {"signature": b"no signature"}, "signers": {"signers": 2}, "no-signer": {"signers": 0},
        "behind": {"behind": b"\0"}, "named-else": {"names": certificate("p384")}, "serial": {"serial": 1 << 600},
        "after": {"after_time": b"\x0c\x00"}, "twice": {"after_time": number(1) + number(2)},
        "use": {"certificate": certificate("p256", "")}, "other-use": {"certificate": certificate("p256", "signing")},
        "expired": {"certificate": certificate("p256", until=2025)}, "early": {"time": b"20190101000000Z"},
        "attribute": {"attributes": [der(4, b"")]}, "certificate": {"certificates": [der(0x30, b"")]},
        "attribute-twice": {"attributes": [der(0x30, oid("2a864886f70d010904"), der(0x31, der(4, b"")))]},
    }  # fmt: skip
    for name, change in changes.items():
        yield name, "stamp", f"changed: {', '.join(change)}", Token(DIGEST, **change).data()  # type: ignore[arg-type]
    zero = der(0x30, number(0), number(0))
    yield "zero", "stamp", "a signature of zeros", Token(DIGEST, signature=zero).data()
    never = b"20260230000000Z", b"20260101000060Z", b"20260101240000Z", b"00000101000000Z"
    spelled = (
        b"20260101000000",
        b"202601010000Z",
        b"20260101000000.50Z",
        b"20260101000000+0100",
        b"2026\xd9\xa0101000000Z",
    )
    for time in (*never, *spelled):
        yield f"time-{time.hex()[:40]}", "stamp", "no time in UTC", Token(DIGEST, time=time).data()
    yield "other", "stamp", "of another head", Token(OTHER).data()
    yield "empty", "stamp", "no byte", b""
    yield "cut", "stamp", "cut off", sound[:-1]
    yield "half", "stamp", "its first half", sound[: len(sound) // 2]
    yield "endless", "stamp", "a length that is not there", b"\x30\x80" + sound[4:] + b"\0\0"
    yield "spelling", "stamp", "a length in another spelling", b"\x30\x83\0" + sound[2:]
    yield "nested", "stamp", "nested 30,000 deep", _nested(30_000)
    yield "huge", "stamp", "more than 100,000 bytes", Token(DIGEST, certificates=[certificate("p256")] * 300).data()
    yield "json", "stamp", "no DER", b'{"a time stamp": "of today"}'


def _mixed() -> bytes:
    """Signed with one kind of key, the certificate named is of another."""
    return Token(DIGEST, certificate=certificate("rsa2048")).data()


def _nested(depth: int) -> bytes:
    data = b"\x05\x00"
    while len(data) < 3 * depth:
        data = der(0x30, data)
    return data
