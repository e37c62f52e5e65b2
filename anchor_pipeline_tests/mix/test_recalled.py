"""A recalled release is not read: by its notice wherever it is copied, by the recalls of its store without one."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.recall_files import RecallFiles, tombstones_of
from anchor_pipeline.corpus.recalls import AffectedRelease, Lift, RecallRecord, Target
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.mix.export_media import export_media
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.recalled import notice_of
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.mix.write import write_mix
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.mix.releases import World, documents, turn, world
from anchor_pipeline_tests.recall.worlds import record


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path, documents(40))


def recall_of(release: Release, **changed: Any) -> tuple[RecallRecord, bytes]:
    packed, tombstones = tombstones_of(["0" * 64])
    manifest = release.manifest
    affected = AffectedRelease(
        stage=manifest.stage,
        cycle=manifest.cycle,
        revision=manifest.revision,
        digest=manifest.digest,
        documents=1,
        tokens={"text": 3},
    )
    target = Target(by="document", value="crawl/00000")
    return record(target, **{"tombstones": tombstones, "releases": (affected,), **changed}), packed


def put_notice(release: Release) -> Path:
    path = release.path / NOTICE
    path.write_bytes(notice_of(release.digest, [recall_of(release)[0]]))
    return path


def failed(path: Path) -> list[tuple[str, bool]]:
    return [(check.what, check.refused) for check in verify_mix(path) if not check.ok]


def test_a_notice_goes_with_every_copy(made: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    release = made.release()
    put_notice(release)
    copy = Path(shutil.copytree(release.path, tmp_path / "copy"))
    for path in (release.path, release.path.parent, copy):
        for how in ("full", "quick"):
            with pytest.raises(Refused, match=r"was recalled and must not be used.*consent withdrawn"):
                open_mix(path, verify=how)
        assert failed(path) == [("recalled", True)]
    assert len(open_mix(copy, allow_recalled=True).polars().collect()) == 40
    assert "opened all the same" in caplog.text


def test_the_store_knows_even_if_the_notice_is_gone(made: World) -> None:
    release = made.release()
    one, packed = recall_of(release)
    files = RecallFiles(made.store, made.store.root / "project")
    files.add(one, packed)
    with pytest.raises(Refused, match=one.id):
        open_mix(release.path)
    assert failed(release.path) == [("recalled", True)]
    files.lift(Lift(format=1, recall=one.id, reason="mistake", at=one.at, by="steward"))
    assert len(open_mix(release.path)) == 40
    assert failed(release.path) == []


def test_a_release_found_later_is_named_by_the_receipt(made: World) -> None:
    release = made.release()
    files = RecallFiles(made.store, made.store.root / "project")
    one, packed = recall_of(release, releases=())
    files.add(one, packed)
    assert len(open_mix(release.path)) == 40
    receipt = {"releases": [{"digest": release.digest}]}
    files.keep_receipt(one.id, json.dumps(receipt).encode(), b"")
    with pytest.raises(Refused, match=one.id):
        open_mix(release.path)


def test_a_quarantine_recalls_no_release(made: World) -> None:
    release = made.release()
    one, packed = recall_of(release, action="quarantine")
    RecallFiles(made.store, made.store.root / "project").add(one, packed)
    assert len(open_mix(release.path)) == 40


def test_the_newer_revision_is_named(made: World) -> None:
    release = made.release()
    put_notice(release)
    later = write_mix(
        made.store,
        made.selection,
        made.verdict(),
        project="demo",
        stage="pretrain",
        cycle=turn(),
        extra={"REPORT.html": b"<p>again</p>"},
    )
    assert later.revision == 2
    with pytest.raises(Refused, match="revision 2 takes its place"):
        open_mix(release.path)
    assert len(open_mix(release.path.parent)) == 40


NOTICES = {
    "empty": b"",
    "not json": b"\xff{",
    "huge": b"[" * (2 << 20),
    "of another mix": notice_of("0" * 64, []),
    "wrong shape": b'{"recalls":[{"what":1}]}',
    "a list": b"[]",
    "hostile": json.dumps(
        {"recalls": [{"id": "\x1b[2J", "reason": "fine\r\nok    all good", "what": {"by": "x", "value": "y" * 9999}}]},
        sort_keys=True,
        separators=(",", ":"),
    ).encode(),
}


@pytest.mark.parametrize("name", NOTICES)
def test_whatever_a_notice_says_it_is_one(made: World, name: str) -> None:
    release = made.release()
    (release.path / NOTICE).write_bytes(NOTICES[name])
    with pytest.raises(Refused) as refused:
        open_mix(release.path)
    text = str(refused.value)
    assert text.isprintable()
    assert len(text) < 2000
    assert failed(release.path) == [("recalled", True)]
    assert len(open_mix(release.path, allow_recalled=True)) == 40


def test_a_damaged_record_in_the_store_stops_its_releases_from_being_read(made: World) -> None:
    release = made.release()
    made.store.write("recalls/0123456789ab.json", b"{}")
    made.store.write("recalls/README.md", b"whatever")
    with pytest.raises(DamagedData, match="not the record of a recall"):
        open_mix(release.path)
    assert failed(release.path) == [("recalled", False)]


def test_a_mix_that_was_recalled_since_it_was_opened_is_not_read_again(made: World) -> None:
    release = made.release()
    mix = open_mix(release.path)
    assert len(list(mix.rows())) == 40
    forensic = open_mix(release.path, allow_recalled=True)
    path = put_notice(release)
    for reader in (mix, pickle.loads(pickle.dumps(mix))):
        with pytest.raises(Refused, match="recalled"):
            next(reader.batches())
        with pytest.raises(Refused, match="recalled"):
            reader.polars()
    assert len(list(forensic.rows())) == 40
    path.unlink()
    assert len(list(mix.rows())) == 40


def test_nothing_is_exported_from_a_recalled_release(made: World, tmp_path: Path) -> None:
    release = made.release()
    put_notice(release)

    def leaf() -> Any:
        raise AssertionError("nothing is signed")

    with pytest.raises(Refused, match="recalled"):
        export_media(release.path, tmp_path / "out", leaf)
    assert not (tmp_path / "out").exists()


def test_a_release_cannot_bring_its_own_notice(made: World) -> None:
    with pytest.raises(UsageError, match=NOTICE):
        made.release(extra={NOTICE: b"{}"})


def test_verify_says_refused_and_not_damaged(anchor: Run, made: World) -> None:
    release = made.release()
    put_notice(release)
    code, out, _ = anchor("verify", release.path)
    assert code == 1
    assert "REFUSED recalled: recall" in out
    assert "DAMAGED" not in out
    (release.path / "VERDICT.json").write_bytes(b"{}")
    code, out, _ = anchor("verify", release.path)
    assert code == 3
    assert "DAMAGED" in out
