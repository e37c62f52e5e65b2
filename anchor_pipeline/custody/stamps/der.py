"""DER as far as time stamps need it: elements in their order, each with one spelling of its length. X.690, section 10.

Only what is asked for is gone into, so there is no depth that a foreign file could choose.
"""

from __future__ import annotations

from typing import NamedTuple

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31
BOOLEAN = 0x01

_LONGEST = 3
"""Bytes of a length; a stamp is shorter than what more of them could say."""


class WrongStamp(Exception):
    """Why a file is no stamp, or not the one that it should be."""


class Element(NamedTuple):
    """A tag with what it holds."""

    tag: int
    content: bytes
    whole: bytes
    """With tag and length."""


class Elements:
    """Elements that follow each other, taken one by one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def tag(self) -> int | None:
        """Of the next one; None at the end."""
        return self._data[self._at] if self._at < len(self._data) else None

    def take(self, tag: int | None = None) -> Element:
        """The next one, of this tag."""
        data, start = self._data, self._at
        if self.tag is None or (tag is not None and self.tag != tag):
            raise WrongStamp(f"no DER of a time stamp: tag {_shown(self.tag)} where {_shown(tag)} is due")
        if data[start] & 0x1F == 0x1F or start + 2 > len(data):
            raise WrongStamp("no DER of a time stamp: a tag of several bytes, or one without a length")
        length, at = data[start + 1], start + 2
        if length >= 0x80:
            count = length - 0x80
            spelled = data[at : at + count]
            length, at = int.from_bytes(spelled, "big"), at + count
            if not 1 <= count <= _LONGEST or len(spelled) < count or spelled[0] == 0 or length < 0x80:
                raise WrongStamp("no DER of a time stamp: a length that is not spelled as it has to be")
        if at + length > len(data):
            raise WrongStamp("no DER of a time stamp: it is cut off")
        self._at = at + length
        return Element(data[start], data[at : self._at], data[start : self._at])

    def maybe(self, tag: int) -> Element | None:
        """The next one, if it is of this tag."""
        return self.take(tag) if self.tag == tag else None

    def rest(self) -> list[Element]:
        """All that are left."""
        found = []
        while self.tag is not None:
            found.append(self.take())
        return found

    def end(self) -> None:
        """WrongStamp if there is another one."""
        if self.tag is not None:
            raise WrongStamp("no DER of a time stamp: more than belongs there")


def inside(element: Element) -> Elements:
    """What an element is made of."""
    return Elements(element.content)


def only(data: bytes, tag: int) -> Element:
    """The one element that `data` is."""
    elements = Elements(data)
    found = elements.take(tag)
    elements.end()
    return found


def integer(element: Element) -> int:
    """The value of an INTEGER; WrongStamp if it is not spelled as it has to be."""
    data = element.content
    if not data or (len(data) > 1 and data[0] in (0, 0xFF) and (data[0] ^ data[1]) & 0x80 == 0):
        raise WrongStamp("no DER of a time stamp: a number that is not spelled as it has to be")
    return int.from_bytes(data, "big", signed=True)


def _shown(tag: int | None) -> str:
    return "none" if tag is None else f"0x{tag:02x}"
