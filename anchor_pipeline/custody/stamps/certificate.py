"""What has to be known of the certificate that a time stamp was signed with: whose it is, what for, and its key."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from anchor_pipeline.custody.stamps.der import (
    BIT_STRING,
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    UTC_TIME,
    Element,
    Elements,
    WrongStamp,
    inside,
    only,
)

_NAMES = {"550403": "CN", "55040a": "O"}
_READABLE = (0x0C, 0x13, 0x16)
"""UTF8String, PrintableString, IA5String."""
_LONGEST_NAME = 200
_EXTENDED_USE, _STAMPING = "551d25", "2b06010505070308"
_TIME = re.compile(r"[0-9]{14}Z")


@dataclass(frozen=True)
class Certificate:
    """A certificate, its own signature not verified: who stands behind it is for the reader to know."""

    data: bytes
    issuer: bytes
    """Name of whoever issued it, in DER."""
    serial: bytes
    """Its number there, in DER."""
    name: str
    """What it calls its holder, for people."""
    since: str
    until: str
    """YYYYMMDDHHMMSS, UTC."""
    key: bytes
    """SubjectPublicKeyInfo in DER."""
    stamping: bool
    """Whether it is one for time stamps."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, by which it is compared."""
        return hashlib.sha256(self.data).hexdigest()


def read_certificate(data: bytes) -> Certificate:
    """WrongStamp if it is no certificate of X.509, version 3."""
    whole = inside(only(data, SEQUENCE))
    body = inside(whole.take(SEQUENCE))
    whole.take(SEQUENCE)
    whole.take(BIT_STRING)
    whole.end()
    body.take(0xA0)
    serial = body.take(INTEGER)
    body.take(SEQUENCE)
    issuer = body.take(SEQUENCE)
    times = inside(body.take(SEQUENCE))
    since, until = _time(times.take()), _time(times.take())
    times.end()
    subject, key = body.take(SEQUENCE), body.take(SEQUENCE)
    body.maybe(0x81)
    body.maybe(0x82)
    extensions = body.maybe(0xA3)
    body.end()
    stamping = extensions is not None and _is_for_stamps(inside(only(extensions.content, SEQUENCE)))
    return Certificate(data, issuer.whole, serial.whole, _name(inside(subject)), since, until, key.whole, stamping)


def _time(element: Element) -> str:
    text = element.content.decode("latin-1")
    if element.tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif element.tag != GENERALIZED_TIME:
        text = ""
    if _TIME.fullmatch(text) is None:
        raise WrongStamp("a certificate without a time in UTC")
    return text[:-1]


def _is_for_stamps(extensions: Elements) -> bool:
    for element in extensions.rest():
        extension = inside(element)
        name = extension.take(OID).content.hex()
        extension.maybe(BOOLEAN)
        value = extension.take(OCTET_STRING).content
        if name == _EXTENDED_USE:
            return any(use.content.hex() == _STAMPING for use in inside(only(value, SEQUENCE)).rest())
    return False


def _name(parts: Elements) -> str:
    """Common name and organisation, as far as they can be shown: letters that steer a screen are left out."""
    found = []
    for part in parts.rest():
        if part.tag != SET:
            raise WrongStamp("a certificate whose holder has no name")
        for one in inside(part).rest():
            pair = inside(one)
            kind, value = pair.take(OID).content.hex(), pair.take()
            if kind in _NAMES and value.tag in _READABLE:
                text = value.content.decode("utf-8", "replace")
                found.append(f"{_NAMES[kind]}={''.join(c if c.isprintable() else '?' for c in text)}")
    return ", ".join(found)[:_LONGEST_NAME] or "no name"
