"""One content, one spelling: what is spelled otherwise is refused, whatever it is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.custody.canonical import MOST_BYTES, b64, canonical_json, parse, unb64
from anchor_pipeline.custody.flaws import Flaw

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def code(data: bytes, limit: int = MOST_BYTES) -> str:
    try:
        parse(data, "here", limit)
    except Flaw as flaw:
        return flaw.code if flaw.where == "here" else f"{flaw.code} somewhere else"
    return "sound"


@given(VALUES)
def test_what_was_written_is_read(value: Any) -> None:
    assert parse(canonical_json(value), "here") == value


@given(VALUES)
def test_other_spellings_are_refused(value: Any) -> None:
    data = canonical_json(value)
    others = {
        json.dumps(value, sort_keys=True, ensure_ascii=False).encode(),
        json.dumps(value, separators=(",", ":"), sort_keys=True).encode(),
        data + b" ",
        b" " + data,
        data + b"\n",
    } - {data}
    assert {code(other) for other in others} == {"not_canonical"}


@given(st.dictionaries(TEXT, VALUES, min_size=2, max_size=4))
def test_keys_stand_in_the_order_of_their_code_points(value: dict[str, Any]) -> None:
    data = canonical_json(value)
    assert list(parse(data, "here")) == sorted(value)
    turned = json.dumps(dict(sorted(value.items(), reverse=True)), separators=(",", ":"), ensure_ascii=False)
    assert code(turned.encode()) == "not_canonical"


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_or_the_one_spelling(data: bytes) -> None:
    if code(data) == "sound":
        assert canonical_json(json.loads(data)) == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"\xff", "malformed"),
        (b"\xef\xbb\xbf{}", "malformed"),
        (b'"\\ud800"', "malformed"),
        (b"[1]]", "malformed"),
        (b'{"a":1,"a":1}', "not_canonical"),
        (b'{"b":1,"a":1}', "not_canonical"),
        ('{"\U00010000":1,"\uffff":1}'.encode(), "not_canonical"),
        ('{"\uffff":1,"\U00010000":1}'.encode(), "sound"),
        (b"1.0", "not_canonical"),
        (b"1e3", "not_canonical"),
        (b"-0", "not_canonical"),
        (b"NaN", "not_canonical"),
        (b"9007199254740991", "sound"),
        (b"9007199254740992", "not_canonical"),
        (b"-9007199254740992", "not_canonical"),
        (b"1" * 5000, "not_canonical"),
        (b'"\\u00e4"', "not_canonical"),
        (b'"\\/"', "not_canonical"),
        (b'"\\u001F"', "not_canonical"),
        (b'"\\u001f"', "sound"),
        (b"[" * 16 + b"]" * 16, "sound"),
        (b"[" * 17 + b"]" * 17, "not_canonical"),
        (b'"' + b"[" * 17 + b'"', "sound"),
        (b'"\\"' + b"[" * 17 + b'"', "sound"),
        (b"[" * 60_000, "not_canonical"),
    ],
)
def test_odd_spellings(data: bytes, expected: str) -> None:
    assert code(data) == expected


def test_what_is_too_large_is_not_even_read() -> None:
    assert code(b'"' + b"a" * (MOST_BYTES - 2) + b'"') == "sound"
    assert code(b'"' + b"a" * (MOST_BYTES - 1) + b'"') == "too_large"
    assert code(b"\xff\xff", limit=1) == "too_large"


@given(st.binary(max_size=20))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = b64(data)
    assert text == base64.b64encode(data).decode()
    assert unb64(text, "here", len(data)) == data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QQ", "malformed"),
        ("QQ=", "malformed"),
        ("Q Q==", "malformed"),
        ("QQ==\n", "malformed"),
        ("-_-_", "malformed"),
        ("ä", "malformed"),
        ("QUJD=", "malformed"),
        ("QQ===", "malformed"),
        ("QR==", "not_canonical"),
        ("QUI=", "malformed"),
    ],
)
def test_other_base64_is_refused(text: str, expected: str) -> None:
    with pytest.raises(Flaw) as caught:
        unb64(text, "here", 1)
    assert caught.value.code == expected
