"""Stamps come to the releases that they are about, later too; they harm none, and are held against the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline.corpus.remote import Remote
from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.custodian import Custodian
from anchor_pipeline.custody.key_files import read_public
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.note import Checkpoint, signed
from anchor_pipeline.custody.stamps import carry
from anchor_pipeline.custody.stamps.carry import carry_stamps
from anchor_pipeline.custody.stamps.keep import anchored
from anchor_pipeline.custody.stamps.names import folder_of
from anchor_pipeline.custody.stamps.opentimestamps import OpenTimestamps
from anchor_pipeline.custody.stamps.rfc3161 import Rfc3161
from anchor_pipeline.custody.stamps.stamper import digest_of
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.custody.stamps.services import Authority, Calendar, authority, calendar
from anchor_pipeline_tests.custody.stamps.token_forge import SHA256_STEP, Token, bitcoin, pending, proof
from anchor_pipeline_tests.test_custody import project, release
from docs.spec import verifier

ORIGIN = "example.org/ledger"
SIGNER = PrivateKey.generate("pipeline")


def head(size: int, root: bytes = b"") -> Checkpoint:
    return signed(ORIGIN, size, root or bytes([size]) * 32, SIGNER)


def placed(store: Store, folder: str, one: Checkpoint) -> str:
    """A release that carries this head, as far as stamps are concerned."""
    store.write(f"{folder}/custody/checkpoint", one.encoded().encode())
    return folder


def stamped(store: Store, one: Checkpoint, *, done: bool = False) -> None:
    ots = proof(digest_of(one), SHA256_STEP, bitcoin() if done else pending())
    store.write(f"{folder_of(ORIGIN)}/{one.size}.ots", ots)
    store.write(f"{folder_of(ORIGIN)}/{one.size}.tsr", Token(digest_of(one)).data())


HEADS = {size: head(size) for size in range(1, 200)}


@pytest.fixture(params=["local", "remote"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return Store(tmp_path / "store")
    return RemoteStore(Remote(f"memory://carry-{tmp_path.name}"), tmp_path / "cache")


def test_a_release_gets_the_stamps_of_heads_that_its_ledger_reaches(store: Store) -> None:
    small, large = placed(store, "mix/a/2026-01/0001", head(10)), placed(store, "mix/a/2026-02/0001", head(20))
    for size in (5, 10, 15, 25):
        stamped(store, HEADS[size])
    written = carry_stamps(store, ORIGIN, HEADS.get)
    assert store.list(f"{small}/custody/stamps") == ["10.ots", "10.tsr", "5.ots", "5.tsr"]
    assert store.list(f"{large}/custody/stamps") == ["10.ots", "10.tsr", "15.ots", "15.tsr", "5.ots", "5.tsr"]
    assert len(written) == 10
    assert carry_stamps(store, ORIGIN, HEADS.get) == [], "what is there is not written again"


def test_a_pending_stamp_is_replaced_by_the_complete_one_and_never_the_other_way(store: Store) -> None:
    folder = placed(store, "mix/a/2026-01/0001", head(10))
    stamped(store, HEADS[5])
    carry_stamps(store, ORIGIN, HEADS.get)
    stamped(store, HEADS[5], done=True)
    done = store.read(f"{folder_of(ORIGIN)}/5.ots")
    assert carry_stamps(store, ORIGIN, HEADS.get) == [f"{folder}/custody/stamps/5.ots"]
    assert store.read(f"{folder}/custody/stamps/5.ots") == done
    stamped(store, HEADS[5])
    assert carry_stamps(store, ORIGIN, HEADS.get) == []
    store.write(f"{folder}/custody/stamps/5.ots", b"something else")
    assert carry_stamps(store, ORIGIN, HEADS.get) == [f"{folder}/custody/stamps/5.ots"]


def test_what_does_not_hold_is_brought_to_no_release(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    folder = placed(store, "mix/a/2026-01/0001", head(10))
    stamped(store, HEADS[5])
    for name, data in (("6.ots", b"no proof"), ("7.tsr", Token(bytes(32)).data()), ("8.ots", b"x" * 100_001)):
        store.write(f"{folder_of(ORIGIN)}/{name}", data)
    carry_stamps(store, ORIGIN, HEADS.get)
    assert store.list(f"{folder}/custody/stamps") == ["5.ots", "5.tsr"]
    assert "no OpenTimestamps proof" in caplog.text


def test_a_release_of_another_history_or_a_damaged_one_gets_none(store: Store) -> None:
    stamped(store, HEADS[5])
    placed(store, "mix/a/2026-01/0001", head(10, b"f" * 32))
    placed(store, "mix/b/2026-01/0001", signed("example.org/other", 10, bytes(32), SIGNER))
    store.write("mix/c/2026-01/0001/custody/checkpoint", b"no head")
    good = placed(store, "mix/d/2026-01/0001", head(10))
    written = carry_stamps(store, ORIGIN, HEADS.get)
    assert written == [f"{good}/custody/stamps/5.ots", f"{good}/custody/stamps/5.tsr"]


def test_only_the_newest_releases_and_heads_are_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry, "MOST_HEADS", 2)
    for month in range(1, 6):
        placed(store, f"mix/a/2026-0{month}/0001", head(50))
    placed(store, "mix/a/2026-05/0002", head(50))
    for size in (5, 6, 7):
        stamped(store, HEADS[size])
    written = carry_stamps(store, ORIGIN, HEADS.get)
    assert sorted({name.split("/custody/")[0][6:] for name in written}) == [
        "2026-04/0001",
        "2026-05/0001",
        "2026-05/0002",
    ]
    assert {name.rsplit("/", 1)[1].split(".")[0] for name in written} == {"6", "7"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Calendar, Authority]]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to be an authority")
    with calendar() as one, authority(tmp_path_factory.mktemp("tsa") / "authority") as other:
        yield one, other


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, services: tuple[Calendar, Authority]
) -> tuple[Custodian, list[Path]]:
    """Two releases of a real project: stamped after the first, completed and stamped again after the second."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install anchor-pipeline[c2pa]")
    folder = tmp_path_factory.mktemp("stamped")
    custodian = project(folder)
    one, other = services
    stampers = [OpenTimestamps([one.url]), Rfc3161(other.url, other.roots)]
    store = Store.at(load_project(folder / "project.yaml").store_address)
    first = release(folder)
    anchored(store, custodian, stampers)
    second = release(folder, "2021")
    one.confirmed = True
    anchored(store, custodian, stampers)
    return custodian, [Path(first.location), Path(second.location)]


def told(path: Path, custodian: Custodian) -> dict[str, tuple[bool, str]]:
    root = read_public(custodian.keys.folder / "root.pub.json")
    found = {check.what: (check.ok, check.detail) for check in verify_mix(path, rows=False, root=root)}
    claims = verifier.check_release(path, verifier.read_key(root.encoded(), "root"), None)
    mine = {what.removeprefix("custody ") for what in found if "stamp" in what}
    assert mine == {code for _, code, _ in claims.found if "stamp" in code}
    assert any(not ok for ok, _ in found.values()) == any(ok is False for ok, _, _ in claims.found)
    return found


def test_releases_carry_stamps_of_their_ledger_and_later_ones_too(world: tuple[Custodian, list[Path]]) -> None:
    custodian, (first, second) = world
    names = [sorted(path.name for path in (folder / "custody/stamps").iterdir()) for folder in (first, second)]
    assert len(names[0]) == 2
    assert set(names[0]) < set(names[1])
    assert len(names[1]) == 4
    for folder in (first, second):
        found = told(folder, custodian)
        assert all(ok for ok, _ in found.values()), found
        assert "Bitcoin block 850000, if its Merkle root is" in found["custody stamp_bitcoin"][1]
        assert "CN=Test TSA" in found["custody stamp_authority"][1]
        assert "whether that is an authority that you trust is for you to say" in found["custody stamp_authority"][1]
        assert "custody stamp_pending" not in found


@pytest.mark.parametrize("change", ["other head", "no such head", "name", "cut", "huge", "folder", "nested"])
def test_a_stamp_of_something_else_is_named(world: tuple[Custodian, list[Path]], tmp_path: Path, change: str) -> None:
    custodian, (_, second) = world
    copy = Path(shutil.copytree(second, tmp_path / "copy"))
    stamps = copy / "custody/stamps"
    one = sorted(stamps.glob("*.ots"))[0]
    match change:
        case "other head":
            one.rename(stamps / f"{int(one.stem) + 1}.ots")
        case "no such head":
            one.rename(stamps / "999999.ots")
        case "name":
            one.rename(stamps / f"0{one.name}")
        case "cut":
            one.write_bytes(one.read_bytes()[:-1])
        case "huge":
            one.write_bytes(one.read_bytes() + bytes(200_000))
        case "folder":
            (stamps / "more").mkdir()
            one.rename(stamps / "more" / one.name)
        case "nested":
            one.write_bytes(one.read_bytes()[:65] + b"\x08" * 90_000)
    found = told(copy, custodian)
    assert not found["custody stamp"][0]
    assert all(ok for what, (ok, _) in found.items() if what != "custody stamp"), found


def test_stamps_that_are_taken_away_are_missed_by_nobody(world: tuple[Custodian, list[Path]], tmp_path: Path) -> None:
    custodian, (_, second) = world
    copy = Path(shutil.copytree(second, tmp_path / "copy"))
    shutil.rmtree(copy / "custody/stamps")
    found = told(copy, custodian)
    assert all(ok for ok, _ in found.values())
    assert not any("stamp" in what for what in found)


def test_the_command_says_what_it_put_beside_releases(
    world: tuple[Custodian, list[Path]],
    services: tuple[Calendar, Authority],
    anchor: Run,
) -> None:
    custodian, (first, second) = world
    shutil.rmtree(first / "custody/stamps")
    before = {path: path.read_bytes() for path in second.rglob("*") if path.is_file()}
    named = ["--calendar", services[0].url, "--authority", services[1].url]
    code, told, _ = anchor("ledger", "stamp", custodian.root, *named)
    assert code == 0
    assert told.count("put beside a release: mix/lawful/2020/0001/custody/stamps/") == 2, told
    assert {path: path.read_bytes() for path in second.rglob("*") if path.is_file()} == before
    assert "put beside" not in anchor("ledger", "stamp", custodian.root, *named)[1]
