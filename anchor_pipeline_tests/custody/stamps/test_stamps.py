"""Heads are anchored outside: pending until they are not, and nothing is claimed that was not checked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.note import Checkpoint, signed
from anchor_pipeline.custody.stamps.keep import look_after, stamp_head
from anchor_pipeline.custody.stamps.names import folder_of
from anchor_pipeline.custody.stamps.opentimestamps import OpenTimestamps, parsed_headers
from anchor_pipeline.custody.stamps.rfc3161 import Rfc3161
from anchor_pipeline.custody.stamps.stamper import digest_of
from anchor_pipeline.errors import Unavailable, UsageError
from anchor_pipeline_tests.custody.stamps.services import HEIGHT, Authority, Calendar, authority, calendar

NOWHERE = "http://127.0.0.1:9/"
DIGEST = hashlib.sha256(b"a head").digest()
ORIGIN = "example.org/ledger"


@pytest.fixture(name="calendar")
def a_calendar() -> Iterator[Calendar]:
    with calendar() as one:
        yield one


@pytest.fixture(scope="module", name="authority")
def an_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to be an authority")
    with authority(tmp_path_factory.mktemp("tsa") / "authority") as one:
        yield one


@pytest.fixture
def head() -> Checkpoint:
    return signed(ORIGIN, 7, DIGEST, PrivateKey.generate("pipeline"))


def test_a_calendar_takes_it_and_it_is_pending(calendar: Calendar) -> None:
    stamper = OpenTimestamps([calendar.url])
    data = stamper.stamp(DIGEST)
    verdict = stamper.verify(data, DIGEST)
    assert (verdict.status, verdict.at) == ("pending", None)
    assert "some hours" in verdict.words
    assert stamper.upgrade(data) == data, "there is no block yet"


def test_a_complete_stamp_is_compared_with_a_header_and_no_more_is_claimed(calendar: Calendar) -> None:
    stamper = OpenTimestamps([calendar.url])
    data = stamper.stamp(DIGEST)
    calendar.confirmed = True
    complete = stamper.upgrade(data)
    verdict = stamper.verify(complete, DIGEST)
    assert verdict.status == "pending"
    assert f"leads to Bitcoin block {HEIGHT}" in verdict.words
    known = OpenTimestamps([calendar.url], {HEIGHT: calendar.header()})
    verdict = known.verify(complete, DIGEST)
    assert verdict.status == "verified"
    assert "matches the header of Bitcoin block 850000 that was given" in verdict.words
    assert "was not checked here" in verdict.words
    asked = calendar.asked
    assert known.upgrade(complete) == complete
    assert calendar.asked == asked, "nobody is asked about a stamp that is complete"


def test_another_header_or_digest_is_a_failure(calendar: Calendar) -> None:
    calendar.confirmed = True
    first = OpenTimestamps([calendar.url])
    data = first.upgrade(first.stamp(DIGEST))
    header = calendar.header()
    for at in (36, 50, 67):
        changed = header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :]
        assert OpenTimestamps([], {HEIGHT: changed}).verify(data, DIGEST).status == "failed"
    assert OpenTimestamps([], {HEIGHT: header}).verify(data, hashlib.sha256(b"x").digest()).status == "failed"
    for end in range(0, len(data), 7):
        assert OpenTimestamps([], {HEIGHT: header}).verify(data[:end], DIGEST).status == "failed"


def test_a_stamp_cannot_make_us_ask_somebody_else(calendar: Calendar) -> None:
    data = OpenTimestamps([calendar.url]).stamp(DIGEST)
    calendar.confirmed, asked = True, calendar.asked
    assert OpenTimestamps([NOWHERE]).upgrade(data) == data
    assert calendar.asked == asked


def test_one_calendar_that_answers_is_enough(calendar: Calendar) -> None:
    stamper = OpenTimestamps([NOWHERE, calendar.url])
    assert stamper.verify(stamper.stamp(DIGEST), DIGEST).status == "pending"
    with pytest.raises(Unavailable, match="no calendar of OpenTimestamps answered"):
        OpenTimestamps([NOWHERE]).stamp(DIGEST)


def test_an_authority_stamps_within_seconds(authority: Authority) -> None:
    stamper = Rfc3161(authority.url, authority.roots)
    data = stamper.stamp(DIGEST)
    verdict = stamper.verify(data, DIGEST)
    assert verdict.status == "verified", verdict
    assert verdict.at is not None
    assert "whose root is trusted here" in verdict.words
    unknown = Rfc3161(None).verify(data, DIGEST)
    assert unknown.status == "pending"
    assert "give the authority's root" in unknown.words


def test_openssl_verifies_what_we_keep(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "7.tsr").write_bytes(Rfc3161(authority.url).stamp(DIGEST))
    command = ["openssl", "ts", "-verify", "-digest", DIGEST.hex(), "-in", str(tmp_path / "7.tsr")]
    command += ["-CAfile", str(authority.folder / "root.pem")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr


def test_a_time_stamp_that_was_changed_or_is_of_a_stranger_fails(authority: Authority, tmp_path: Path) -> None:
    stamper = Rfc3161(authority.url, authority.roots)
    data = stamper.stamp(DIGEST)
    verdicts = []
    for at in range(0, len(data), 23):
        verdicts.append(stamper.verify(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], DIGEST).status)
    assert set(verdicts) == {"failed"}
    at = data.index(DIGEST)
    assert stamper.verify(data[:at] + hashlib.sha256(b"x").digest() + data[at + 32 :], DIGEST).status == "failed"
    assert stamper.verify(data, hashlib.sha256(b"x").digest()).status == "failed"
    with authority_of(tmp_path) as stranger:
        assert Rfc3161(None, stranger.roots).verify(data, DIGEST).status == "failed"
    with pytest.raises(UsageError, match="no certificate in PEM"):
        Rfc3161(None, b"not a certificate")


def authority_of(folder: Path) -> object:
    return authority(folder / "stranger")


@pytest.mark.parametrize("url", [NOWHERE, "file:///nowhere", "no url"])
def test_an_authority_that_is_away_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable):
        Rfc3161(url).stamp(DIGEST)


def test_stamps_are_kept_retried_and_upgraded(
    tmp_path: Path, calendar: Calendar, authority: Authority, head: Checkpoint
) -> None:
    store = Store(tmp_path / "store")
    away = [OpenTimestamps([NOWHERE]), Rfc3161(NOWHERE)]
    found = stamp_head(store, head, away)
    assert [one.verdict.status for one in found] == ["pending", "pending"]
    assert all("not stamped yet" in one.verdict.words for one in found)
    assert store.list(folder_of(ORIGIN)) == []
    here = [OpenTimestamps([calendar.url]), Rfc3161(authority.url, authority.roots)]
    found = stamp_head(store, head, here)
    assert [(one.size, one.kind, one.verdict.status) for one in found] == [
        (7, "ots", "pending"),
        (7, "tsr", "verified"),
    ]
    asked = calendar.asked
    stamp_head(store, head, here)
    assert calendar.asked == asked, "a head is stamped once"
    calendar.confirmed = True
    look_after(store, ORIGIN, away, {7: head}.get)
    here[0] = OpenTimestamps([calendar.url], {HEIGHT: calendar.header()})
    found = look_after(store, ORIGIN, here, {7: head}.get)
    assert [one.verdict.status for one in found] == ["verified", "verified"]
    # What is stamped is what a reader of the entries can compute without any signature.
    text = f"{ORIGIN}\n7\n{head.body.decode().splitlines()[2]}\n"
    assert digest_of(head) == hashlib.sha256(text.encode()).digest()
    later = {7: signed(ORIGIN, 7, bytes(32), PrivateKey.generate("pipeline"))}
    assert {one.verdict.status for one in look_after(store, ORIGIN, here, later.get)} == {"failed"}
    assert {one.verdict.status for one in look_after(store, ORIGIN, here, {8: head}.get)} == {"failed"}


def test_headers_are_read_from_lines(calendar: Calendar) -> None:
    calendar.submit(DIGEST)
    text = f"\n{HEIGHT} {calendar.header().hex()}\n"
    assert parsed_headers(text, "headers") == {HEIGHT: calendar.header()}
    for wrong in ("850000 00", "x " + "00" * 80, "850000"):
        with pytest.raises(UsageError, match="headers:1: no block header"):
            parsed_headers(wrong, "headers")
