"""What the answer of a time-stamping authority says (RFC 3161), by this project's own strict reader.

Only what is signed is believed, and what names the signer. Whether the signature holds is for `token_signature`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from anchor_pipeline.custody.stamps.certificate import Certificate, read_certificate
from anchor_pipeline.custody.stamps.der import (
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Element,
    Elements,
    WrongStamp,
    inside,
    integer,
    only,
)

SHA256 = "608648016503040201"
"""Object identifiers are written as the hexadecimal digits of their content in DER."""
_SIGNED_DATA = "2a864886f70d010702"
_TOKEN_INFO = "2a864886f70d0109100104"
_CONTENT_TYPE, _MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_2 = "2a864886f70d010910020c", "2a864886f70d010910022f"

_TIME = re.compile(rb"((?:19[5-9][0-9]|[2-9][0-9]{3})[0-9]{10})(?:\.[0-9]{0,8}[1-9])?Z")
_LONGEST_SERIAL = 64


@dataclass(frozen=True)
class Signer:
    """The one SignerInfo of a token."""

    sid: Element
    digest: str
    """Identifier of the algorithm of `message_digest`."""
    attributes: bytes
    """What is signed: the attributes as a SET, in DER."""
    message_digest: bytes
    named: tuple[str, bytes]
    """Identifier of the attribute that names the certificate, and its value in DER."""
    algorithm: str
    signature: bytes


@dataclass(frozen=True)
class Token:
    """A time stamp of the digest that it was read for."""

    time: datetime
    time_text: str
    """YYYYMMDDHHMMSS, UTC."""
    serial: int
    info: bytes
    """What was signed: TSTInfo in DER."""
    signer: Signer
    certificates: tuple[Certificate, ...]


def read_token(data: bytes, digest: bytes) -> Token:
    """Read a whole answer; WrongStamp if it is none that grants a stamp, or one of something else than `digest`."""
    answer = inside(only(data, SEQUENCE))
    if integer(inside(answer.take(SEQUENCE)).take(INTEGER)) != 0:
        raise WrongStamp("the authority refused: there is no time stamp inside")
    content = inside(answer.take(SEQUENCE))
    answer.end()
    _expect(content.take(OID), _SIGNED_DATA, "signed data")
    signed = inside(only(content.take(0xA0).content, SEQUENCE))
    content.end()
    integer(signed.take(INTEGER))
    signed.take(SET)
    info = _info(inside(signed.take(SEQUENCE)))
    carried = signed.maybe(0xA0)
    signed.maybe(0xA1)
    signers = inside(signed.take(SET))
    signed.end()
    signer = _signer(inside(signers.take(SEQUENCE)))
    signers.end()
    found = inside(carried).rest() if carried else []
    certificates = tuple(read_certificate(one.whole) for one in found if one.tag == SEQUENCE)
    time_text, serial = _told(inside(only(info, SEQUENCE)), digest)
    return Token(_at(time_text), time_text, serial, info, signer, certificates)


def algorithm_in(element: Element) -> str:
    """The identifier in an AlgorithmIdentifier."""
    return inside(element).take(OID).content.hex()


def _info(encapsulated: Elements) -> bytes:
    _expect(encapsulated.take(OID), _TOKEN_INFO, "a time stamp")
    info = only(encapsulated.take(0xA0).content, OCTET_STRING).content
    encapsulated.end()
    return info


def _told(info: Elements, digest: bytes) -> tuple[str, int]:
    """Time and serial number of TSTInfo, if it is about the digest."""
    if integer(info.take(INTEGER)) != 1:
        raise WrongStamp("a time stamp of another version than 1")
    info.take(OID)
    imprint = inside(info.take(SEQUENCE))
    algorithm = inside(imprint.take(SEQUENCE))
    hashed, stamped = algorithm.take(OID).content.hex(), imprint.take(OCTET_STRING).content
    algorithm.maybe(NULL)
    algorithm.end()
    imprint.end()
    if (hashed, stamped) != (SHA256, digest):
        raise WrongStamp("a time stamp of something else than this head")
    serial = info.take(INTEGER)
    if len(serial.content) > _LONGEST_SERIAL:
        raise WrongStamp(f"a serial number of more than {_LONGEST_SERIAL} bytes")
    found = _TIME.fullmatch(info.take(GENERALIZED_TIME).content)
    if found is None:
        raise WrongStamp("a time stamp without a time in UTC")
    for tag in (SEQUENCE, BOOLEAN, INTEGER, 0xA0, 0xA1):
        info.maybe(tag)
    info.end()
    return found[1].decode(), integer(serial)


def _at(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise WrongStamp("a time stamp with a time that there never was") from None


def _signer(info: Elements) -> Signer:
    integer(info.take(INTEGER))
    sid = info.take(0x80 if info.tag == 0x80 else SEQUENCE)
    digest = algorithm_in(info.take(SEQUENCE))
    attributes = info.take(0xA0)
    algorithm, signature = algorithm_in(info.take(SEQUENCE)), info.take(OCTET_STRING).content
    info.maybe(0xA1)
    info.end()
    values: dict[str, bytes] = {}
    for element in inside(attributes).rest():
        name, value = _attribute(element)
        if name in values:
            raise WrongStamp("a signed attribute that is there twice")
        values[name] = value
    _expect(only(values.get(_CONTENT_TYPE, b""), OID), _TOKEN_INFO, "a time stamp")
    message_digest = only(values.get(_MESSAGE_DIGEST, b""), OCTET_STRING).content
    named = next((one for one in (SIGNING_CERTIFICATE_2, SIGNING_CERTIFICATE) if one in values), None)
    if named is None:
        raise WrongStamp("a time stamp that does not name the certificate of its signer")
    what = bytes([SET]) + attributes.whole[1:]
    return Signer(sid, digest, what, message_digest, (named, values[named]), algorithm, signature)


def _attribute(element: Element) -> tuple[str, bytes]:
    """Its identifier, and what its set of values holds."""
    if element.tag != SEQUENCE:
        raise WrongStamp("no DER of a time stamp: a signed attribute that is none")
    attribute = inside(element)
    name, values = attribute.take(OID).content.hex(), attribute.take(SET).content
    attribute.end()
    return name, values


def _expect(element: Element, identifier: str, what: str) -> None:
    if element.content.hex() != identifier:
        raise WrongStamp(f"not {what}: object identifier {element.content.hex()[:40]}")
