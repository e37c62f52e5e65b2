"""The hashes, Ed25519 and canonical JSON of the page, against Python's."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from anchor_pipeline.custody.canonical import canonical_json, parse, unb64
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline_tests.custody.verifier.browser import Browser

LENGTHS = (*range(0, 300, 7), 55, 56, 63, 64, 111, 112, 127, 128, 135, 136, 137, 168, 5_000)

_HASHES = """(texts) => texts.map((text) => {
  const bytes = $bytes.unhex(text);
  const half = bytes.length >> 1;
  const pieces = new $sha256.Sha256().update(bytes.subarray(0, half)).update(bytes.subarray(half)).digest();
  const shakes = [$keccak.shake128(bytes).read(400), $keccak.shake256(bytes).read(400)];
  return [$sha256.sha256(bytes), pieces, $sha512.sha512(bytes), ...shakes].map($bytes.hex);
})"""


def test_hashes_of_all_lengths_are_those_of_python(browser: Browser) -> None:
    inputs = [random.Random(length).randbytes(length) for length in LENGTHS]
    expected = [
        [
            hashlib.sha256(data).hexdigest(),
            hashlib.sha256(data).hexdigest(),
            hashlib.sha512(data).hexdigest(),
            hashlib.shake_128(data).hexdigest(400),
            hashlib.shake_256(data).hexdigest(400),
        ]
        for data in inputs
    ]
    assert browser.page.evaluate(_HASHES, [data.hex() for data in inputs]) == expected


def test_large_files_are_hashed_piece_by_piece(browser: Browser) -> None:
    source = """async (size) => {
      const file = new File([new Uint8Array(size).fill(7)], "part");
      return [await $file_digest.fileDigest(file, null), await $file_digest.fileDigest(file, crypto.subtle)];
    }"""
    digest = hashlib.sha256(bytes([7]) * 3_000_001).hexdigest()
    assert browser.page.evaluate(source, 3_000_001) == [digest, digest]


def _cases_of_ed25519() -> list[tuple[bytes, bytes, bytes]]:
    chance = random.Random(4)
    cases = []
    for number in range(24):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        key, message = private.public_key().public_bytes_raw(), chance.randbytes(number * 11)
        signature = bytearray(private.sign(message))
        if number % 3 == 1:
            signature[chance.randrange(64)] ^= 1 << chance.randrange(8)
        if number % 3 == 2:
            # The same s plus the order of the group: RFC 8032 asks for the smaller one alone.
            s = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
            signature[32:] = s.to_bytes(32, "little")
        cases.append((key, bytes(signature), message))
    return [*cases, (bytes([2] + [0] * 31), bytes(64), b""), (bytes(31), bytes(64), b""), (bytes(32), bytes(63), b"")]


def test_ed25519_is_judged_as_by_openssl(browser: Browser) -> None:
    expected = []
    for key, signature, message in _cases_of_ed25519():
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            expected.append(True)
        except (InvalidSignature, ValueError):
            expected.append(False)
    source = "(cases) => cases.map((one) => $ed25519.verifyEd25519(...one.map($bytes.unhex)))"
    found = browser.page.evaluate(source, [[part.hex() for part in case] for case in _cases_of_ed25519()])
    assert found == expected
    assert {True, False} == set(expected)


DOCUMENTS = [
    b"",
    b" ",
    b"{}",
    b"[]",
    b"{} ",
    b" {}",
    b'{"a":1}',
    b'{"a": 1}',
    b'{"b":1,"a":2}',
    b'{"a":1,"a":1}',
    b'{"a":1,"a":2}',
    b'{"a":1,}',
    b"[1,]",
    b"[1 2]",
    b"nul",
    b"null",
    b"nullx",
    b"true",
    b"TRUE",
    b"NaN",
    b"-Infinity",
    b"[NaN]",
    b"0",
    b"-0",
    b"00",
    b"01",
    b"+1",
    b"1.0",
    b"1e3",
    b"1.",
    b".5",
    b"-",
    b"--1",
    b"9007199254740991",
    b"9007199254740992",
    b"-9007199254740991",
    b"-9007199254740992",
    b"99999999999999999999",
    b"12345678901234567",
    b'"a',
    b'"\\u0041"',
    b'"A"',
    b'"\\n"',
    b'"\n"',
    b'"\\/"',
    b'"/"',
    b'"\\u001f"',
    b'"\\u001F"',
    b'"\x7f"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\ud834\\udd1e"',
    '"𝄞"'.encode(),
    b'"\\x41"',
    b'"\\u12"',
    b'"\\u00g0"',
    b"\xef\xbb\xbf{}",
    b"\xff",
    b'"\xed\xa0\x80"',
    '{"\uffff":1,"𝄞":2}'.encode(),
    '{"𝄞":2,"\uffff":1}'.encode(),
    '"\u2028"'.encode(),
    b'{"__proto__":1}',
    b'{"10":1,"9":2}',
    b'{"9":1,"10":2}',
    b'{"constructor":{"prototype":[]}}',
    b'{"a":1}\n',
    b"{1:2}",
    b"{a:1}",
    b"'a'",
    b"[" * 16 + b"]" * 16,
    b"[" * 17 + b"]" * 17,
    b"[" * 100_000,
    b'{"a":' * 40 + b"1" + b"}" * 40,
    b'"[[[[[[[[[[[[[[[[[["',
    b'["\\"[[[[[[[[[[[[[[[[[["]',
    b"[" * 17,
    b'"\x00"',
    b'"\\b\\f\\t\\r\\"\\\\"',
    b'"' + b"x" * 65_533 + b'"',
    b'"' + b"x" * 65_534 + b'"',
    b"[1.5,",
    b"[1,",
    b"\x00",
    b"[]]",
    b"{}{}",
    b'{"a":NaN,}',
    b"\xc3\xa9",
    b'"\xc3\xa9"',
    b'"e\xcc\x81"',
    b"[-]",
    b"[1e400]",
    b"[-1.5e-7]",
]

_PARSE = """(texts) => texts.map((text) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  try {
    return ["ok", $canonical.encode($canonical.parse(bytes, "x"))];
  } catch (error) {
    return [error.code ?? String(error), null];
  }
})"""


def test_json_is_taken_and_refused_as_by_the_package(browser: Browser) -> None:
    found = browser.page.evaluate(_PARSE, [base64.b64encode(data).decode() for data in DOCUMENTS])
    for data, got in zip(DOCUMENTS, found, strict=True):
        try:
            expected: list[Any] = ["ok", canonical_json(parse(data, "x")).decode()]
        except Flaw as flaw:
            expected = [flaw.code, None]
        assert got == expected, data[:80]


def test_base64_has_one_spelling(browser: Browser) -> None:
    texts = [
        "",
        "YQ==",
        "YQ=",
        "YQ",
        "YR==",
        "YWI=",
        "YWJ=",
        "YWJj",
        "YW Jj",
        "YWJj\n",
        "Y===",
        "====",
        "YQ==YQ==",
        "YW-_",
        "é===",
        "YQ=a",
    ]
    source = """(texts) => texts.map((text) => {
      try { return $bytes.hex($bytes.unb64(text, "x")); } catch (error) { return error.code ?? String(error); }
    })"""
    expected = []
    for text in texts:
        try:
            expected.append(unb64(text, "x").hex())
        except Flaw as flaw:
            expected.append(flaw.code)
    assert browser.page.evaluate(source, texts) == expected


FLOATS = [
    0.0, -0.0, 1.0, -1.5, 0.1, 1e-4, 1e-5, 1.5e-5, 123456789012345.6, 1e15, 1e16, 1.5e16, 1e22, 1e23, 1e100, 5e-324,
    1.7976931348623157e308, 0.30000000000000004, 100.0, 1234.5, 9007199254740993.0,
]  # fmt: skip


def test_numbers_of_a_verdict_are_spelled_as_python_spells_them(browser: Browser) -> None:
    chance = random.Random(5)
    numbers = [*FLOATS, *(chance.uniform(-1, 1) * 10 ** chance.randrange(-20, 25) for _ in range(300))]
    source = (
        "(texts) => texts.map((text) => $canonical.encode($canonical.parse($bytes.utf8(text), 'x', {fractions: true})))"
    )
    texts = [json.dumps(number) for number in numbers]
    assert browser.page.evaluate(source, texts) == texts


@pytest.mark.parametrize("text", ["1e7", "1.50", "1E-7", "1e-7", "1.0e5", "-0.00"])
def test_other_spellings_of_numbers_are_refused(browser: Browser, text: str) -> None:
    source = (
        "(text) => { try { $canonical.parse($bytes.utf8(text), 'x', {fractions: true}) } catch (e) { return e.code } }"
    )
    assert browser.page.evaluate(source, text) == "not_canonical"
