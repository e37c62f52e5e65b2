"""What an OpenTimestamps proof says, by this project's own strict reader: releases are checked without any extra.

A proof is a tree of operations that begins with a digest; at its ends stand attestations about the bytes that were
computed on the way there. https://github.com/opentimestamps/python-opentimestamps, `core`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from anchor_pipeline.custody.stamps.der import WrongStamp

_BEGINNING = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94" + b"\x01\x08"
"""Its name, version 1, and that what is stamped is a SHA-256."""
_MOST_BYTES = 4096
"""Of a message, and of what is put before or after one."""
_MOST_DEEP = 255
"""Operations one after the other; the limit of the reference implementation."""
_MOST_ITEMS = 4096
_MOST_PAYLOAD = 8192
_MOST_URI = 1000
_NUMBER_BYTES = 5

_ATTESTATION, _AND, _SHA256, _APPEND, _PREPEND = 0x00, 0xFF, 0x08, 0xF0, 0xF1
_PENDING = bytes.fromhex("83dfe30d2ef90c8e")
_BITCOIN = bytes.fromhex("0588960d73d71901")
_URI = re.compile(rb"[A-Za-z0-9._/:-]*")


@dataclass
class CalendarProof:
    """The ends of a proof."""

    blocks: set[tuple[int, bytes]] = field(default_factory=set)
    """Height of a Bitcoin block, and the Merkle root in its header, as the header has it."""
    calendars: set[str] = field(default_factory=set)
    """That took the digest and have promised more."""
    others: int = 0
    """Attestations of kinds that are not known here."""


class _Bytes:
    """A file, read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise WrongStamp("no OpenTimestamps proof: it is cut off")
        self.at += count
        return found

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """LEB128, in its shortest spelling."""
        value = 0
        for place in range(_NUMBER_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (byte == 0 and place > 0) or value >= 1 << 32:
                    break
                return value
        raise WrongStamp("no OpenTimestamps proof: a number that is not spelled as it has to be")

    def counted(self, least: int, most: int) -> bytes:
        """Bytes after their number."""
        count = self.number()
        if not least <= count <= most:
            raise WrongStamp(f"no OpenTimestamps proof: {count:,} bytes where {least:,} to {most:,} may stand")
        return self.take(count)


def read_calendar_proof(data: bytes, digest: bytes) -> CalendarProof:
    """Compute a proof about `digest`; WrongStamp if it is none, or one about something else."""
    source, found = _Bytes(data), CalendarProof()
    if source.data[: len(_BEGINNING)] != _BEGINNING:
        raise WrongStamp("no OpenTimestamps proof of a SHA-256, version 1")
    source.take(len(_BEGINNING))
    if source.take(len(digest)) != digest:
        raise WrongStamp("a proof about something else than this head")
    waiting, items = [(digest, 0)], 0
    while waiting:
        message, depth = waiting.pop()
        tag = source.byte()
        if tag == _AND:
            waiting.append((message, depth))
            tag = source.byte()
        items += 1
        if items > _MOST_ITEMS:
            raise WrongStamp(f"no OpenTimestamps proof: more than {_MOST_ITEMS:,} operations")
        if tag == _ATTESTATION:
            _attest(source, message, found)
        elif depth == _MOST_DEEP:
            raise WrongStamp(f"no OpenTimestamps proof: more than {_MOST_DEEP} operations one after the other")
        else:
            waiting.append((_computed(tag, message, source), depth + 1))
    if source.at != len(data):
        raise WrongStamp("no OpenTimestamps proof: more than belongs there")
    return found


def _computed(tag: int, message: bytes, source: _Bytes) -> bytes:
    if tag == _SHA256:
        return hashlib.sha256(message).digest()
    if tag not in (_APPEND, _PREPEND):
        raise WrongStamp(f"no OpenTimestamps proof: operation 0x{tag:02x}, which is not one for heads")
    more = source.counted(1, _MOST_BYTES)
    if len(message) + len(more) > _MOST_BYTES:
        raise WrongStamp(f"no OpenTimestamps proof: a message of more than {_MOST_BYTES:,} bytes")
    return message + more if tag == _APPEND else more + message


def _attest(source: _Bytes, message: bytes, found: CalendarProof) -> None:
    kind, payload = source.take(8), _Bytes(source.counted(0, _MOST_PAYLOAD))
    if kind == _PENDING:
        uri = payload.counted(0, _MOST_URI)
        if _URI.fullmatch(uri) is None:
            raise WrongStamp("no OpenTimestamps proof: the address of a calendar that is none")
        found.calendars.add(uri.decode())
    elif kind == _BITCOIN:
        height = payload.number()
        if len(message) != hashlib.sha256().digest_size:
            raise WrongStamp(f"no OpenTimestamps proof: {len(message):,} bytes cannot be the Merkle root of a block")
        found.blocks.add((height, message))
    else:
        found.others += 1
        return
    if payload.at != len(payload.data):
        raise WrongStamp("no OpenTimestamps proof: an attestation that says more than it may")
