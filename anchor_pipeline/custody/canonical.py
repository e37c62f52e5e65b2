"""The one spelling of everything that is signed: canonical JSON, base64 and hexadecimal digits.

In a trial, a verifier that hashed what it had parsed accepted 941 of 55,520 flipped bits (letters of digests that
changed case, spaces, escapes). So whatever is read is written again and compared: one content, one spelling.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Never

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.custody.flaws import Flaw

MOST_BYTES = 65_535
"""Of an entry: an entry bundle of C2SP tlog-tiles has two bytes for the length."""

MOST_DEPTH = 16
_LARGEST = 2**53 - 1
"""Integers beyond are not exact in JavaScript."""

__all__ = ["MOST_BYTES", "MOST_DEPTH", "b64", "canonical_json", "parse", "unb64"]


def parse(data: bytes, where: str, limit: int = MOST_BYTES) -> Any:
    """The value whose canonical JSON is `data`.

    Raises Flaw: too_large beyond `limit` bytes, malformed for what is no JSON, not_canonical for other spellings,
    fractions, integers beyond ±(2**53 - 1), and values nested deeper than 16.
    """
    if len(data) > limit:
        raise Flaw("too_large", where, f"{len(data):,} bytes, at most {limit:,} are allowed")
    try:
        text = data.decode()
        if _depth(text) > MOST_DEPTH:
            raise Flaw("not_canonical", where, f"nested deeper than {MOST_DEPTH}")
        value = json.loads(text, parse_float=_no_fraction, parse_constant=_no_fraction, parse_int=_integer)
        again = canonical_json(value)
    except Flaw as flaw:
        raise Flaw(flaw.code, where, flaw.detail) from None
    except (ValueError, RecursionError) as error:
        raise Flaw("malformed", where, f"no JSON: {error}") from None
    if again != data:
        raise Flaw("not_canonical", where, "JSON, but not in its canonical spelling")
    return value


def b64(data: bytes) -> str:
    """RFC 4648 base64 with padding."""
    return base64.b64encode(data).decode()


def unb64(text: str, where: str, length: int | None = None) -> bytes:
    """The bytes spelled by `text`; Flaw malformed if it is no base64 or of another `length`, or not_canonical."""
    if len(text) % 4:
        # Python's decoder takes one "=" too many.
        raise Flaw("malformed", where, "no base64: its length is no multiple of four")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Flaw("malformed", where, f"no base64: {error}") from None
    if b64(data) != text:
        raise Flaw("not_canonical", where, "base64 with unused bits that are not zero")
    if length is not None and len(data) != length:
        raise Flaw("malformed", where, f"{len(data)} bytes, expected {length}")
    return data


def _depth(text: str) -> int:
    """How deep brackets are nested outside of strings; a lower bound in what is no JSON."""
    if text.count("{") + text.count("[") <= MOST_DEPTH:
        return 0
    deepest = depth = 0
    inside = skip = False
    for character in text:
        if skip:
            skip = False
        elif inside:
            skip, inside = character == "\\", character != '"'
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


def _no_fraction(text: str) -> Never:
    raise Flaw("not_canonical", "", f"the number {text[:40]} is not an integer")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > _LARGEST:
        raise Flaw("not_canonical", "", f"the integer {text[:40]} is beyond ±(2^53 - 1)")
    return int(text)
