"""Ledgers alone: the page says of each exactly what the package's own verifier says."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_pipeline.custody import note
from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.flaws import CODES, Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.witness import Witness, cosign, with_signatures
from anchor_pipeline_tests.custody.forge import Forge, checked, key, long, sealed, sound
from anchor_pipeline_tests.custody.verifier.browser import Browser, codes

ROOT = key("root").public


def in_python(ledger: bytes, head: str, root: PublicKey | None = ROOT, pin: str | None = None) -> str | None:
    try:
        check, _ = checked(ledger, head, root, pin)
        if check.size == 0:
            return "genesis"
    except Flaw as flaw:
        return flaw.code
    return None


def in_browser(browser: Browser, ledger: bytes, head: str, pin: str | None = None, **options: object) -> str | None:
    given = {"root": ROOT.encoded(), "pin": pin.encode() if pin else None, **options}
    result = browser.verify({"ledger.jsonl": ledger, "checkpoint": head.encode()}, **given)
    wrong = codes(result)
    assert (result["verdict"] == "invalid") == bool(wrong)
    return wrong[0] if wrong else None


def test_the_words_for_what_is_wrong_are_those_of_the_package(browser: Browser) -> None:
    assert browser.page.evaluate("$flaws.CODES") == CODES


@pytest.mark.parametrize("native", [True, False])
def test_sound_ledgers_hold(browser: Browser, native: bool) -> None:
    for forge in (sound(), long()):
        assert in_browser(browser, forge.data(), forge.head(), native=native) is None


def _with(change: Callable[[Forge], object]) -> Forge:
    forge = sound()
    change(forge)
    return forge


def _open(forge: Forge) -> tuple[Forge, str]:
    return forge, forge.intent()


def _twice(forge: Forge) -> None:
    intent = forge.intent()
    forge.completion(intent)
    forge.completion(intent)


def _rotated(forge: Forge) -> None:
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    forge.intent()


def _back(forge: Forge) -> None:
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    forge.change("rotate", key("pipeline"), key("pipeline", 1).public)


def _half_signed(forge: Forge) -> bytes:
    """A change of root with the new one's signatures taken from elsewhere."""
    fields = {"root": key("root", 1).public.record(), "reason": ""}
    payload = canonical_json(forge.statement("root", fields, "root"))
    good, bad = (sealed(one, [key("root"), key("root", 1)]) for one in (payload, payload + b" "))
    good["signatures"][2:] = bad["signatures"][2:]
    return canonical_json(good)


def _revoked(forge: Forge) -> None:
    forge.change("revoke", None, key("steward").public)
    forge.approval()


def _other_subject(forge: Forge) -> None:
    statement = forge.statement("approval", _approval(), "steward")
    statement["subject"][0]["name"] = "mix/another"
    forge.add_statement(statement, key("steward"))


def _approval() -> dict[str, object]:
    return {"release": {"stage": "s", "cycle": "c", "digest": "0" * 64}, "decision": "approved", "note": ""}


def _signatures_of_another(which: int) -> Callable[[Forge], None]:
    def change(forge: Forge) -> None:
        payload = canonical_json(forge.statement("approval", _approval(), "steward"))
        good, bad = (sealed(one, [key("steward")]) for one in (payload, payload + b" "))
        good["signatures"][which] = bad["signatures"][which]
        forge.add_line(canonical_json(good))

    return change


FORGED: dict[str, tuple[str, Callable[[Forge], object]]] = {
    "wrong number": ("sequence", lambda f: f.intent(sequence=9)),
    "wrong predecessor": ("previous", lambda f: f.intent(previous="0" * 64)),
    "dated back": ("time", lambda f: f.intent(time="2026-11-20T11:00:00.000000Z")),
    "of another ledger": ("origin", lambda f: f.intent(origin="example.org/other")),
    "by a stranger": ("key_unknown", lambda f: f.intent(key("pipeline", 3))),
    "in another's name": ("role", lambda f: f.intent(key("steward"), by="pipeline")),
    "an approval by the pipeline": ("role", lambda f: f.approval(key("pipeline"))),
    "a key entry by the pipeline": ("role", lambda f: f.change("add", key("other"), None, signer=key("pipeline"))),
    "an intent by root": ("role", lambda f: f.intent(key("root"))),
    "ended by another": ("role", lambda f: f.completion(f.intent(), key("steward"))),
    "with a rotated key": ("key_unknown", _rotated),
    "with a revoked key": ("key_revoked", _revoked),
    "another Ed25519 signature": ("signature_ed25519", _signatures_of_another(0)),
    "another ML-DSA-65 signature": ("signature_ml_dsa_65", _signatures_of_another(1)),
    "another subject": ("subject", _other_subject),
    "a second genesis": ("genesis", lambda f: f.genesis()),
    "an end without beginning": ("intent_missing", lambda f: f.completion("0" * 64)),
    "an end of another run": ("intent_missing", lambda f: f.completion(f.intent(), run="another")),
    "closed twice": ("closed_twice", _twice),
    "a head that covers no intent": (
        "checkpoint_in_entry",
        lambda f: f.completion(*_open(f)[1:], checkpoint=f.head(size=3)),
    ),
    "a head of other entries": (
        "checkpoint_in_entry",
        lambda f: f.completion(f.intent(), checkpoint=f.head(size=7, root=bytes(32))),
    ),
    "a head by a stranger": (
        "checkpoint_in_entry",
        lambda f: f.completion(f.intent(), checkpoint=f.head(key("pipeline", 4))),
    ),
    "an unknown field": ("malformed", lambda f: f.intent(more=1)),
    "an unknown kind": ("malformed", lambda f: f.add("recall", {}, key("pipeline"))),
    "a key that comes back": ("malformed", lambda f: f.change("add", key("pipeline"), None)),
    "a key that comes back later": ("malformed", _back),
    "a root's key changed as others are": (
        "role",
        lambda f: f.change("rotate", key("root", 1), key("root").public),
    ),
    "a key rotated that is not in force": (
        "key_unknown",
        lambda f: f.change("rotate", key("pipeline", 1), key("pipeline", 2).public),
    ),
    "a key revoked that never was": ("key_unknown", lambda f: f.change("revoke", None, key("pipeline", 2).public)),
    "a key added in the place of another": (
        "malformed",
        lambda f: f.change("add", key("other"), None, replaces=key("pipeline").public.id),
    ),
    "another's key": ("malformed", lambda f: f.change("add", key("other"), None, identity="another")),
    "a new root that did not sign": (
        "signature_ed25519",
        lambda f: f.add_line(_half_signed(f)),
    ),
    "a root by the old one alone": ("malformed", lambda f: f.new_root(key("root"), key("root", 1), key("root"))),
    "too large": ("too_large", lambda f: f.intent(description="x" * 70_000)),
    "a fraction": ("not_canonical", lambda f: f.intent(description=0.5)),
    "a space": ("not_canonical", lambda f: f.add_line(f.lines[-1] + b" ")),
    "no JSON": ("malformed", lambda f: f.add_line(b"{")),
    "an empty line": ("malformed", lambda f: f.add_line(b"")),
    "not UTF-8": ("malformed", lambda f: f.add_line(b'"\xff"')),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_no_ledger_may_hold_is_named(browser: Browser, what: str) -> None:
    expected, change = FORGED[what]
    forge = _with(change)
    head = forge.head()
    assert in_browser(browser, forge.data(), head) == expected
    assert in_python(forge.data(), head) == expected


@pytest.mark.parametrize("native", [True, "ed25519", False])
@pytest.mark.parametrize("which", [0, 1])
def test_a_bad_signature_is_found_whoever_verifies(browser: Browser, which: int, native: object) -> None:
    forge = _with(_signatures_of_another(which))
    expected = ("signature_ed25519", "signature_ml_dsa_65")[which]
    assert in_browser(browser, forge.data(), forge.head(), native=native) == expected


def test_a_cosignature_of_a_witness_counts_if_the_reader_names_the_witness(browser: Browser) -> None:
    forge, private = sound(), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    line = cosign(note.parsed(forge.head(), "head"), "witness.example", private, datetime(2026, 11, 20, tzinfo=UTC))
    witness = Witness("witness.example", private.public_key().public_bytes_raw()).encoded()
    for signature, witnesses, expected in (
        (line.signature, [witness], ("witnesses", True)),
        (line.signature, [], None),
        (bytes([line.signature[0] ^ 1]) + line.signature[1:], [witness], ("head_signature", False)),
        (line.signature[:-1], [witness], ("head_signature", False)),
        (None, [witness], ("witnesses", None)),
    ):
        head = note.parsed(forge.head(), "head")
        more = [] if signature is None else [note.NoteSignature(line.name, line.key_hash, signature)]
        text = with_signatures(head, more).encoded()
        files = {"ledger.jsonl": forge.data(), "checkpoint": text.encode()}
        result = browser.verify(files, root=ROOT.encoded(), witnesses=witnesses)
        found = [(one["code"], one["ok"]) for one in result["claims"] if one["code"] in ("witnesses", "head_signature")]
        assert found == ([expected] if expected else [])


def test_an_empty_ledger_is_none(browser: Browser) -> None:
    assert in_browser(browser, b"", sound().head()) == "genesis"


def test_signatures_name_the_key_that_made_them(browser: Browser) -> None:
    forge = Forge()
    forge.genesis()
    forge.lines[0] = forge.lines[0].replace(ROOT.id.encode(), key("pipeline").public.id.encode())
    head = forge.head()
    assert in_browser(browser, forge.data(), head) == in_python(forge.data(), head) == "key_unknown"


HEADS: dict[str, tuple[str | None, Callable[[Forge], str]]] = {
    "smaller": ("head_size", lambda f: f.head(size=5)),
    "of other entries": ("head_root", lambda f: f.head(root=bytes(32))),
    "of another ledger": ("head_malformed", lambda f: f.head(origin="example.org/other")),
    "by a stranger": ("head_signature", lambda f: f.head(key("pipeline", 3))),
    "with one signature": ("head_signature", lambda f: "".join(f.head().splitlines(keepends=True)[:-1])),
    "with a signature twice": ("head_signature", lambda f: f.head() + f.head().splitlines(keepends=True)[-1]),
    "with unknown lines": (None, lambda f: f.head() + "— example.org/witness AAAAAAAA\n"),
    "without signatures": ("head_malformed", lambda f: f.head().split("— ")[0]),
    "with a line more": ("head_malformed", lambda f: f.head().replace("\n\n", "\nmore\n\n", 1)),
    "by the steward as well": (None, lambda f: f.head(key("pipeline"), key("steward"))),
}


@pytest.mark.parametrize("what", HEADS)
def test_heads_are_judged_as_by_the_package(browser: Browser, what: str) -> None:
    expected, make = HEADS[what]
    forge = sound()
    head = make(forge)
    assert in_browser(browser, forge.data(), head) == expected
    assert in_python(forge.data(), head) == expected


def test_a_head_seen_before_is_held_against_the_ledger(browser: Browser) -> None:
    forge, other = sound(), sound()
    other.intent()
    forge.intent(description="another history")
    data, head = forge.data(), forge.head()
    pins = {None: forge.head(size=4), "fork": other.head(), "origin": forge.head(size=4, origin="example.org/other")}
    for expected, pin in pins.items():
        assert in_browser(browser, data, head, pin) == in_python(data, head, ROOT, pin) == expected
    forge.intent()
    assert in_browser(browser, data, head, forge.head()) == "head_rollback"


def test_a_head_that_the_browser_remembers_is_held_against_the_ledger(browser: Browser) -> None:
    forge = sound()
    data, head = forge.data(), forge.head()
    forge.intent()
    seen = {f"{ROOT.id} {forge.origin}": forge.head()}
    assert in_browser(browser, data, head, remembered=seen) == "head_rollback"
    assert in_browser(browser, forge.data(), forge.head(), remembered=seen) is None
    elsewhere = {f"{ROOT.id} example.org/other": forge.head()}
    assert in_browser(browser, data, head, remembered=elsewhere) is None


def _mutated(ledger: bytes, chance: random.Random) -> bytes:
    """A flipped bit, a cut, or lines dropped, doubled or moved."""
    lines = ledger.splitlines(keepends=True)
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            return ledger[: chance.randrange(len(ledger))]
        case 1:
            del lines[at]
        case 2:
            lines.insert(other, lines[at])
        case 3 if at != other:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            place = chance.randrange(len(ledger))
            return ledger[:place] + bytes([ledger[place] ^ 1 << chance.randrange(8)]) + ledger[place + 1 :]
    return b"".join(lines)


@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=pytest.mark.slow)])
def test_every_mutation_is_found_and_both_verifiers_give_it_the_same_name(browser: Browser, count: int) -> None:
    forge, chance = sound() if count < 100 else long(), random.Random(1)
    ledger, head = forge.data(), forge.head()
    for number in range(count):
        mutated = _mutated(ledger, chance)
        if mutated == ledger:
            continue
        expected = in_python(mutated, head)
        assert expected is not None
        assert in_browser(browser, mutated, head, native=number % 2 == 0) == expected
