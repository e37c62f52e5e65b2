"""Outside stamps in the page, in real Chromium: what they are of, what they prove, and what is left to the reader."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline_tests.custody import verdicts
from anchor_pipeline_tests.custody.stamps.cases import cases
from anchor_pipeline_tests.custody.stamps.token_forge import (
    SHA256_STEP,
    Token,
    bitcoin,
    certificate,
    pending,
    proof,
)
from anchor_pipeline_tests.custody.verifier.browser import Browser, codes, opened_page
from anchor_pipeline_tests.custody.verifier.releases import ROOT, World
from anchor_pipeline_tests.custody.verifier.test_page import _CONTRAST, state, written

Files = dict[str, bytes]
STAMPS = "custody/stamps"


@pytest.fixture(scope="module")
def world() -> tuple[World, Files]:
    one = World()
    return one, one.files()


def digest(world: World, size: int) -> bytes:
    """What is stamped of the head over so many entries."""
    text = "\n".join(world.forge.head(size=size).split("\n")[:3]) + "\n"
    return hashlib.sha256(text.encode()).digest()


def stamped(world: tuple[World, Files]) -> Files:
    """The release with a stamp of every state."""
    one, files = world
    return files | {
        f"{STAMPS}/2.ots": proof(digest(one, 2), SHA256_STEP, bitcoin()),
        f"{STAMPS}/3.tsr": Token(digest(one, 3), "rsa2048", "sha512").data(),
        f"{STAMPS}/4.tsr": Token(digest(one, 4), "p384").data(),
        f"{STAMPS}/5.ots": proof(digest(one, 5), SHA256_STEP, pending()),
        f"{STAMPS}/5.tsr": Token(digest(one, 5), "ed25519", "sha512").data(),
    }


def claim(result: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [one for one in result["claims"] if one["code"] == code]
    return dict(found)


def test_each_stamp_says_what_it_proves_and_what_it_does_not(browser: Browser, world: tuple[World, Files]) -> None:
    result = browser.verify(stamped(world), root=ROOT)
    assert codes(result) == []
    assert "stamps" in codes(result, True)
    assert {code for code in codes(result, None) if code.startswith("stamp")} == {
        "stamp_authority", "stamp_bitcoin", "stamp_pending", "stamp_unchecked",
    }  # fmt: skip
    told = claim(result, "stamp_authority")
    assert "“O=Nobody, CN=Test authority” signed on 2026-01-01 at 00:00:00 UTC" in told["what"]
    assert "the first 4 entries" in told["what"]
    assert "Whether that is an authority you trust is for you to say: its certificate has the SHA-256" in told["what"]
    for kind in ("p384", "rsa2048"):
        assert hashlib.sha256(certificate(kind)).hexdigest() in told["detail"]
    root = hashlib.sha256(digest(world[0], 2)).digest()[::-1].hex()
    told = claim(result, "stamp_bitcoin")
    assert "committed to in Bitcoin block 850000, if the Merkle root" in told["what"]
    assert root in told["detail"]
    assert "no Bitcoin block yet" in claim(result, "stamp_pending")["what"]
    assert "not one that is checked here" in claim(result, "stamp_unchecked")["detail"]


def test_without_the_browsers_own_algorithms_signatures_are_said_not_to_be_verified(
    browser: Browser, world: tuple[World, Files]
) -> None:
    result = browser.verify(stamped(world), root=ROOT, native=False)
    assert codes(result) == []
    assert "stamp_authority" not in codes(result, None)
    assert "3 time stamps were not verified here" in claim(result, "stamp_unchecked")["what"]
    assert "stamp_bitcoin" in codes(result, None)


def test_a_release_without_stamps_says_nothing_of_them(browser: Browser, world: tuple[World, Files]) -> None:
    assert not any(one["code"].startswith("stamp") for one in browser.verify(world[1], root=ROOT)["claims"])


def wrong(world: tuple[World, Files]) -> dict[str, Files]:
    one, _ = world
    sound = proof(digest(one, 5), SHA256_STEP, bitcoin())
    return {
        "of another size": {f"{STAMPS}/6.ots": sound},
        "of a larger ledger": {f"{STAMPS}/999.ots": sound},
        "size in another spelling": {f"{STAMPS}/05.ots": sound},
        "no size": {f"{STAMPS}/0.ots": sound},
        "of no kind": {f"{STAMPS}/5.txt": sound},
        "in a folder": {f"{STAMPS}/5/5.ots": sound},
        "changed": {f"{STAMPS}/5.ots": sound[:40] + bytes([sound[40] ^ 1]) + sound[41:]},
        "of another ledger": {f"{STAMPS}/5.tsr": Token(hashlib.sha256(b"x").digest()).data()},
        "signature": {f"{STAMPS}/5.tsr": Token(digest(one, 5), message_digest=bytes(32)).data()},
        "huge": {f"{STAMPS}/5.ots": sound + bytes(200_000)},
        "deep": {f"{STAMPS}/5.ots": proof(digest(one, 5), SHA256_STEP * 90_000, bitcoin())},
    }


def test_what_is_wrong_is_named_by_all_three(browser: Browser, world: tuple[World, Files], tmp_path: Path) -> None:
    for name, change in wrong(world).items():
        files = stamped(world) | change
        result = browser.verify(files, root=ROOT)
        assert (name, codes(result)) == (name, ["stamp"])
        folder = verdicts.unpacked(files, tmp_path / name)
        told = {**files, "root.pub.json": ROOT}
        # The sidecars of this release are none, which the page and the second verifier do not look into.
        assert (name, verdicts.first_release(told, folder)[-1:]) == (name, ["stamp"])
        assert (name, verdicts.second_release(told, folder)) == (name, ["stamp"])


def test_every_case_is_read_in_the_browser_as_everywhere(browser: Browser) -> None:
    source = """async ([kind, data, digest]) => {
      const bytes = $bytes.unb64(data, "");
      try { return (await $stamps.readStamp(bytes, kind, $bytes.unhex(digest), crypto.subtle)).state; }
      catch (error) { if (!(error instanceof $stamps_der.WrongStamp)) throw error; return "stamp"; }
    }"""
    found = {}
    for case in cases():
        kind, data, of = case.given
        found[case.name] = browser.page.evaluate(source, [kind, base64.b64encode(data).decode(), of.hex()])
    assert found == {case.name: case.state for case in cases()}


def test_a_ledger_alone_may_have_stamps(browser: Browser, world: tuple[World, Files]) -> None:
    files = {name.removeprefix("custody/"): data for name, data in stamped(world).items()}
    alone = {name: files[name] for name in files if name in ("ledger.jsonl", "checkpoint") or name[:7] == "stamps/"}
    result = browser.verify(alone, root=ROOT)
    assert ("stamps" in codes(result, True), codes(result)) == (True, [])
    assert codes(browser.verify(alone | {"stamps/7.tsr": b"?"}, root=ROOT)) == ["stamp"]


def test_stamps_of_a_record_that_is_not_sound_prove_nothing(browser: Browser, world: tuple[World, Files]) -> None:
    files = stamped(world)
    files["custody/ledger.jsonl"] = files["custody/ledger.jsonl"][:-1]
    result = browser.verify(files, root=ROOT)
    assert codes(result) == ["truncated"]
    assert "cannot be said" in claim(result, "stamps")["what"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_people_read_it_by_keyboard_in_light_and_dark(
    chromium: Any, tmp_path: Path, world: tuple[World, Files], scheme: str
) -> None:
    name = "<img src=x onerror=alert(1)>\u202e Authority"
    files = stamped(world)
    files[f"{STAMPS}/6.tsr"] = Token(digest(world[0], 6), certificate=certificate("p256", name=name)).data()
    (tmp_path / "root.pub.json").write_bytes(ROOT)
    with opened_page(chromium, tmp_path, color_scheme=scheme, viewport={"width": 375, "height": 900}) as page:
        page.set_input_files("#root-input", tmp_path / "root.pub.json")
        page.set_input_files("#folder-input", written(files, tmp_path / "0003"))
        assert state(page) == "proved"
        line = page.query_selector('details[data-code="stamp_authority"]')
        assert "\\u202e" in line.inner_text()
        assert page.query_selector_all("main img") == []
        line.query_selector("summary").focus()
        page.keyboard.press("Enter")
        assert "anybody can make one with any name" in line.query_selector("pre").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert page.evaluate(_CONTRAST) >= 4.5
        assert "✓" in page.query_selector('[data-code="stamps"] .icon').inner_text()
