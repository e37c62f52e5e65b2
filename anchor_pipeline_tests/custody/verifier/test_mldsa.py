"""ML-DSA-65 in the page: known answers, those that must be rejected, and OpenSSL as the peer."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from anchor_pipeline_tests.custody.verifier.browser import Browser

WYCHEPROOF = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "wycheproof_mldsa_65_sign_seed.json"

_VERIFY = """(cases) => cases.map(([key, signature, message, context, mu]) => {
  const bytes = $bytes.unhex;
  try {
    const expanded = $mldsa65.expandKey(bytes(key));
    if (mu !== null) return $mldsa65.verifyMu(expanded, bytes(signature), bytes(mu));
    return $mldsa65.verify(expanded, bytes(signature), bytes(message), bytes(context));
  } catch (error) {
    return error.name;
  }
})"""

Case = tuple[str, str, str, str, str | None]


def verdicts(browser: Browser, cases: list[Case]) -> list[Any]:
    found: list[Any] = browser.page.evaluate(_VERIFY, cases)
    return found


def known_answers() -> list[dict[str, str]]:
    vectors = pytest.importorskip("cryptography_vectors")
    with vectors.open_vector_file("asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp", "r") as file:
        text = file.read()
    return [
        dict(re.findall(r"(\w+) = ?(.*)", block)) for block in re.split(r"\n(?=count = )", text) if "count" in block
    ]


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_known_answers_hold_and_with_any_bit_flipped_they_do_not(browser: Browser, every: int) -> None:
    answers, chance = known_answers(), random.Random(2)
    assert len(answers) == 100
    cases: list[Case] = []
    for one in answers[::every]:
        signature = one["sm"][: 2 * 3309]
        flipped = bytearray.fromhex(signature)
        flipped[chance.randrange(3309)] ^= 1 << chance.randrange(8)
        for sig in (signature, flipped.hex()):
            cases.append((one["pk"], sig, one["msg"], one["ctx"], None))
        cases.append((one["pk"], signature, one["msg"], one["ctx"] + "00", None))
    assert verdicts(browser, cases) == [True, False, False] * (len(cases) // 3)


def _wycheproof() -> Iterator[tuple[Case, bool]]:
    for group in json.loads(WYCHEPROOF.read_text())["testGroups"]:
        try:
            key = MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(group["privateSeed"])).public_key()
        except ValueError:
            continue  # a private key of a wrong length: nothing to verify with
        for test in group["tests"]:
            mu = None if "msg" in test else test["mu"]
            case = (key.public_bytes_raw().hex(), test["sig"], test.get("msg", ""), test.get("ctx", ""), mu)
            yield case, test["result"] == "valid"


@pytest.mark.skipif(not WYCHEPROOF.exists(), reason="the shared vectors are not beside this checkout")
def test_wycheproof_holds_and_what_must_be_rejected_is(browser: Browser) -> None:
    pairs = list(_wycheproof())
    found = verdicts(browser, [case for case, _ in pairs])
    assert [one is True for one in found] == [valid for _, valid in pairs]
    assert {True, False} <= {valid for _, valid in pairs}


@pytest.fixture(scope="module")
def signed() -> tuple[MLDSA65PublicKey, bytes, bytes]:
    private = MLDSA65PrivateKey.from_seed_bytes(bytes(range(32)))
    return private.public_key(), b"message", private.sign(b"message")


def _holds(key: MLDSA65PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


HINTS = slice(48 + 5 * 640, 3309)


def _shaped(signature: bytes, change: str) -> bytes:
    data = bytearray(signature)
    hints = data[HINTS]
    ends = hints[55:]
    first = next(i for i in range(6) if ends[i] - (ends[i - 1] if i else 0) >= 2)
    start = ends[first - 1] if first else 0
    match change:
        case "indices swapped":
            hints[start], hints[start + 1] = hints[start + 1], hints[start]
        case "an index twice":
            hints[start + 1] = hints[start]
        case "a count too large":
            hints[60] = 56
        case "counts that shrink":
            hints[56] = max(0, hints[55] - 1) if hints[55] else 0
            hints[55] = hints[56] + 1
        case "padding that is not zero":
            hints[54] = 1
        case "z at the bound":
            # The first coefficient, 20 bits: γ1 - z, so 196 is z = γ1 - β.
            packed = int.from_bytes(data[48:51], "little") & ~0xFFFFF | 196
            data[48:51] = packed.to_bytes(3, "little")
        case "all zero":
            data[:] = bytes(len(data))
        case "too short":
            del data[-1]
        case "too long":
            data.append(0)
        case "empty":
            data.clear()
    if len(data) == 3309 and change not in ("z at the bound", "all zero"):
        data[HINTS] = hints
    return bytes(data)


MALFORMED = (
    "indices swapped", "an index twice", "a count too large", "counts that shrink", "padding that is not zero",
    "z at the bound", "all zero", "too short", "too long", "empty",
)  # fmt: skip


@pytest.mark.parametrize("change", MALFORMED)
def test_malformed_signatures_are_rejected(
    browser: Browser, signed: tuple[MLDSA65PublicKey, bytes, bytes], change: str
) -> None:
    key, message, signature = signed
    shaped = _shaped(signature, change)
    assert not _holds(key, shaped, message)
    assert verdicts(browser, [(key.public_bytes_raw().hex(), shaped.hex(), message.hex(), "", None)]) == [False]


def test_hints_and_norms_are_judged_by_themselves(
    browser: Browser, signed: tuple[MLDSA65PublicKey, bytes, bytes]
) -> None:
    # A challenge that does not match would hide a missing check, so the parts are asked alone.
    _, _, signature = signed
    source = """([signature]) => {
      const bytes = $bytes.unhex(signature);
      return [$mldsa65.unpackHints(bytes.subarray(48 + 3200)) !== null, $mldsa65.decodeResponse(bytes) !== null];
    }"""
    ask = lambda data: browser.page.evaluate(source, [data.hex()])  # noqa: E731
    assert ask(signature) == [True, True]
    for change in MALFORMED[:5]:
        assert ask(_shaped(signature, change)) == [False, True], change
    assert ask(_shaped(signature, "z at the bound")) == [True, False]


HINTS_OF: list[tuple[list[int], list[int], bool]] = [
    # Positions of hints, where those of each polynomial end, and whether that is the one encoding of them.
    ([], [0, 0, 0, 0, 0, 0], True),
    ([1, 2, 3], [3, 3, 3, 3, 3, 3], True),
    ([9, 1], [1, 2, 2, 2, 2, 2], True),
    (list(range(55)), [55, 55, 55, 55, 55, 55], True),
    ([1, 2, 3], [3, 1, 3, 3, 3, 3], False),
    (list(range(55)), [55, 55, 55, 55, 55, 56], False),
    ([1, 2, 3], [3, 3, 3, 3, 3, 255], False),
    ([2, 1], [2, 2, 2, 2, 2, 2], False),
    ([1, 1], [2, 2, 2, 2, 2, 2], False),
    ([1, 2, 3], [2, 2, 2, 2, 2, 2], False),
]


def test_hints_have_one_encoding(browser: Browser) -> None:
    packed = [bytes(positions).ljust(55, b"\0") + bytes(ends) for positions, ends, _ in HINTS_OF]
    source = "(texts) => texts.map((text) => $mldsa65.unpackHints($bytes.unhex(text)) !== null)"
    assert browser.page.evaluate(source, [one.hex() for one in packed]) == [ok for _, _, ok in HINTS_OF]


def _use_hint(hint: int, r: int) -> int:
    """FIPS 204, Algorithms 36 and 40, as they are written there."""
    q, gamma2 = 8380417, 261888
    r0 = r % (2 * gamma2)
    r0 -= 2 * gamma2 if r0 > gamma2 else 0
    r1, r0 = (0, r0 - 1) if r - r0 == q - 1 else ((r - r0) // (2 * gamma2), r0)
    return r1 if not hint else (r1 + (1 if r0 > 0 else -1)) % 16


def test_hints_are_used_as_the_standard_says(browser: Browser) -> None:
    edges = [n * 261888 + d for n in range(33) for d in (-1, 0, 1)]
    values = [value for value in edges if 0 <= value < 8380417] + [8380416]
    values += [0] * (256 - len(values))
    for hint in (0, 1):
        source = "([hint, w]) => [...$mldsa65.usedHint(new Uint8Array(256).fill(hint), Float64Array.from(w))]"
        assert browser.page.evaluate(source, [hint, values]) == [_use_hint(hint, value) for value in values]


def test_keys_of_another_length_and_contexts_over_255_bytes_are_errors(
    browser: Browser, signed: tuple[MLDSA65PublicKey, bytes, bytes]
) -> None:
    key, message, signature = signed
    raw = key.public_bytes_raw().hex()
    cases: list[Case] = [(raw[:-2], signature.hex(), "", "", None), (raw + "00", signature.hex(), "", "", None)]
    cases += [(raw, signature.hex(), message.hex(), "00" * 256, None)]
    assert verdicts(browser, cases) == ["RangeError"] * 3


@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_random_signatures_and_mutations_of_them_are_judged_as_by_openssl(browser: Browser, count: int) -> None:
    chance = random.Random(3)
    cases: list[Case] = []
    expected = []
    for number in range(count):
        private = MLDSA65PrivateKey.from_seed_bytes(chance.randbytes(32))
        message, context = chance.randbytes(number), chance.randbytes(number % 256)
        signature = bytearray(private.sign(message, context))
        if number % 2:
            # Half of the mutations in the hints, where encodings are many.
            low = HINTS.start if number % 4 == 1 else 0
            signature[chance.randrange(low, 3309)] ^= 1 << chance.randrange(8)
        key = private.public_key()
        try:
            key.verify(bytes(signature), message, context)
            expected.append(True)
        except InvalidSignature:
            expected.append(False)
        cases.append((key.public_bytes_raw().hex(), signature.hex(), message.hex(), context.hex(), None))
    assert verdicts(browser, cases) == expected
