"""Releases on S3: the same as on a disk, read and verified at their URL; of two runs at once one releases."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.remote import Remote
from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, DamagedData, Unavailable
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release, current_release, previous_release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline_tests.mix.memory_remote import MemoryRemote, Objects
from anchor_pipeline_tests.mix.releases import World, documents, world
from anchor_pipeline_tests.object_store import Bucket, Fault

FOLDER = "p/mix/pretrain/2021"


def on_s3(bucket: Bucket, folder: Path, count: int = 60, machine: str = "one") -> World:
    return world(folder, documents(count), store=RemoteStore(Remote(f"{bucket.url}/p"), folder / f"cache {machine}"))


def state(made: World) -> Release | None:
    """The current release, which must be whole."""
    release = current_release(made.store, "pretrain", "2021")
    if release is not None:
        assert [check for check in verify_mix(release.location) if not check.ok] == []
    return release


def test_a_release_on_s3_is_that_of_a_disk_and_is_read_at_its_url(bucket: Bucket, tmp_path: Path) -> None:
    options: dict[str, Any] = {"extra": {"REPORT.html": b"x"}, "part_bytes": 16_000}
    made = on_s3(bucket, tmp_path)
    release = made.release(**options)
    local = world(tmp_path / "disk", documents(60)).release(**options)
    assert release.location == f"{bucket.url}/{FOLDER}/0001"
    assert release.manifest == local.manifest
    inside = [key.removeprefix(f"{FOLDER}/0001/") for key in bucket.keys(f"{FOLDER}/")]
    assert sorted(inside) == sorted(
        str(path.relative_to(local.path)) for path in local.path.rglob("*") if path.is_file()
    )
    assert all(bucket.get(f"{FOLDER}/0001/{name}") == (local.path / name).read_bytes() for name in inside)
    ids = [row["doc_id"] for row in open_mix(local.location).rows()]
    for address in (release.location, f"{bucket.url}/p/mix/pretrain", f"{bucket.url}/p/mix/pretrain/2021/"):
        assert [row["doc_id"] for row in open_mix(address).rows()] == ids
        assert open_mix(address, verify="quick").polars().collect()["doc_id"].to_list() == ids
    assert all(check.ok for check in verify_mix(release.location))


def test_a_second_run_reuses_the_release_from_any_machine(bucket: Bucket, tmp_path: Path) -> None:
    made = on_s3(bucket, tmp_path)
    first = made.release()
    bucket.server.requests.clear()
    assert made.release().reused
    other = World(RemoteStore(Remote(f"{bucket.url}/p"), tmp_path / "other"), made.selection, made.drawn)
    again = other.release()
    assert (again.location, again.reused) == (first.location, True)
    assert not any(request.startswith("PUT") for request in bucket.server.requests)


def test_other_content_is_the_next_revision_and_the_old_one_stays_readable(bucket: Bucket, tmp_path: Path) -> None:
    first = on_s3(bucket, tmp_path).release()
    second = on_s3(bucket, tmp_path, 80).release()
    assert second.revision == 2
    assert second.manifest.replaces is not None
    assert second.manifest.replaces.digest == first.digest
    assert len(open_mix(first.location)) == 60
    assert len(open_mix(f"{bucket.url}/p/mix/pretrain")) == 80
    assert previous_release(on_s3(bucket, tmp_path).store, "pretrain", "2022") is not None


def test_a_lost_part_is_released_again(bucket: Bucket, tmp_path: Path) -> None:
    made = on_s3(bucket, tmp_path)
    made.release()
    (part,) = bucket.keys(f"{FOLDER}/0001/data")
    bucket.delete(part)
    again = made.release()
    assert (again.revision, again.reused) == (2, False)
    assert state(made) == again


def unfinished(bucket: Bucket, tmp_path: Path) -> None:
    """Revision 1 is released, 2 given up, 3 not finished."""
    on_s3(bucket, tmp_path).release()
    for key in bucket.keys(f"{FOLDER}/0001/data"):
        for revision in ("0002", "0003"):
            bucket.put(key.replace("/0001/", f"/{revision}/"), bucket.get(key))
    for revision in ("0002", "0003"):
        bucket.put(f"{FOLDER}/{revision}.CLAIM", "c" * 64)
    bucket.put(f"{FOLDER}/0002/MANIFEST.json", '{"abandoned":"' + "c" * 64 + '","format":1}')


def copied(bucket: Bucket, folder: Path) -> str:
    """The whole bucket on a disk, as a synchronising tool copies it."""
    for key in bucket.keys(""):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bucket.get(key))
    return str(folder)


@pytest.mark.parametrize("where", ["bucket", "copy on a disk"])
def test_readers_pass_what_is_unfinished_or_given_up(bucket: Bucket, tmp_path: Path, where: str) -> None:
    unfinished(bucket, tmp_path)
    address = bucket.url if where == "bucket" else copied(bucket, tmp_path / "copy")
    assert open_mix(f"{address}/p/mix/pretrain").manifest.revision == 1
    assert all(check.ok for check in verify_mix(f"{address}/p/mix/pretrain/2021"))
    found = current_release(Store.at(f"{address}/p"), "pretrain", "2021")
    assert found is not None
    assert found.revision == 1
    with pytest.raises(DamagedData, match="open a later revision"):
        open_mix(f"{address}/{FOLDER}/0002")
    with pytest.raises(DamagedData, match=r"MANIFEST\.json is missing"):
        open_mix(f"{address}/{FOLDER}/0003")


@pytest.mark.parametrize("where", ["bucket", "copy on a disk"])
def test_a_release_that_lost_its_manifest_is_damaged_and_not_passed(bucket: Bucket, tmp_path: Path, where: str) -> None:
    on_s3(bucket, tmp_path).release()
    on_s3(bucket, tmp_path, 80).release()
    bucket.delete(f"{FOLDER}/0002/MANIFEST.json")
    address = bucket.url if where == "bucket" else copied(bucket, tmp_path / "copy")
    with pytest.raises(DamagedData):
        open_mix(f"{address}/p/mix/pretrain")
    with pytest.raises(DamagedData):
        current_release(Store.at(f"{address}/p"), "pretrain", "2021")


def test_the_next_run_passes_a_dead_writer(bucket: Bucket, tmp_path: Path) -> None:
    unfinished(bucket, tmp_path)
    made = on_s3(bucket, tmp_path, 80)
    found = made.release()
    assert found.revision == 4
    assert found.manifest.replaces is not None
    assert found.manifest.replaces.revision == 1
    assert state(made) == found


RELEASE = """
import sys
from pathlib import Path
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError
from anchor_pipeline_tests.mix.releases import World
made = World(Store.at(sys.argv[1]), Path(sys.argv[2]), [])
verdict = made.verdict()
print("ready", flush=True)
sys.stdin.readline()
try:
    release = made.release(verdict=verdict)
    print(release.location, release.digest, flush=True)
except AnchorError as error:
    print(type(error).__name__, error, flush=True)
"""


def writer(bucket: Bucket, made: World, cache: Path) -> subprocess.Popen[str]:
    """A process with a cache of its own that is about to release."""
    process = subprocess.Popen(
        [sys.executable, "-c", RELEASE, f"{bucket.url}/p", str(made.selection)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ANCHOR_CACHE": str(cache)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("same", [False, True], ids=["other content", "same content"])
def test_of_two_processes_at_once_one_content_is_released(bucket: Bucket, tmp_path: Path, same: bool) -> None:
    mades = [on_s3(bucket, tmp_path / str(number), 60 if same else 60 + number) for number in range(2)]
    processes = [writer(bucket, made, tmp_path / f"cache {number}") for number, made in enumerate(mades)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    found = state(mades[0])
    assert found is not None
    winners = [line for line in said if line.startswith("s3://")]
    # Of two with the same content one may have closed the claim of the other, and then released for both.
    assert 1 <= len(winners) <= (2 if same else 1), said
    assert all(line.split() == [found.location, found.digest] for line in winners)
    assert all("build again" in line and line.startswith("AnchorError") for line in said if line not in winners)


@pytest.mark.parametrize("last", ["0001.CLAIM", "train-00000", "MANIFEST.json"])
def test_a_writer_killed_after_a_request_is_recovered_from(bucket: Bucket, tmp_path: Path, last: str) -> None:
    made = on_s3(bucket, tmp_path)
    process = writer(bucket, made, tmp_path / "cache killed")

    def kill(method: str, path: str) -> None:
        if method == "PUT" and last in path:
            process.send_signal(signal.SIGKILL)
            process.wait()

    bucket.server.after = kill
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    bucket.server.after = lambda method, path: None
    found = state(made)
    assert (found is not None) == (last == "MANIFEST.json")
    other = on_s3(bucket, tmp_path / "other", 70)
    assert other.release().revision == 2
    assert state(other) is not None


@pytest.mark.parametrize(
    "fault", [pytest.param("drop", marks=pytest.mark.marathon), "lost", pytest.param("500", marks=pytest.mark.marathon)]
)
@pytest.mark.parametrize("on", [False, True], ids=["once", "from then on"])
def test_whatever_request_fails_the_store_is_old_or_new(
    bucket: Bucket, tmp_path: Path, fault: Fault, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    old = on_s3(bucket, tmp_path, 10).release()
    made = on_s3(bucket, tmp_path, 20)
    verdict = made.verdict()
    n, failed = 0, 1
    while failed:
        n, failed = n + 1, 0
        count = 0

        def failing(method: str, path: str, n: int = n) -> Fault | None:
            nonlocal count, failed
            count += 1
            hit = count == n or (on and count > n)
            failed += hit
            return fault if hit else None

        bucket.server.faults = failing
        try:
            made.release(verdict=verdict)
        except Unavailable:
            assert failed > 0, "an error without a fault"
        bucket.server.faults = None
        found = state(made)
        assert found is not None
        if found.digest == old.digest:
            found = made.release(verdict=verdict)
        assert found.digest != old.digest
        assert made.release(verdict=verdict).location == found.location
        for key in bucket.keys(f"{FOLDER}/"):
            if "/0001/" not in key:
                bucket.delete(key)
    assert n > 10


def test_a_disk_that_is_full_is_said_and_nothing_is_released(tmp_path: Path) -> None:
    from anchor_pipeline_tests.mix.test_crash import Faulty

    objects: Objects = {}
    made = world(tmp_path, documents(10), store=RemoteStore(MemoryRemote(objects), tmp_path / "cache"))
    made.store.files = Faulty(3)
    with pytest.raises(Unavailable, match="No space left"):
        made.release()
    made.store.files = Faulty()
    assert not any("/mix/" in f"/{name}" for name in objects)
    assert made.release().revision == 1


def test_the_network_failing_is_no_damage(bucket: Bucket, tmp_path: Path) -> None:
    release = on_s3(bucket, tmp_path, machine="one").release()
    bucket.server.faults = lambda method, path: "drop"
    readers: list[Callable[[str], object]] = [open_mix, verify_mix]
    for read in readers:
        with pytest.raises(Unavailable):
            read(release.location)
    bucket.server.faults = lambda method, path: "drop" if "train" in path and method == "GET" else None
    for read in readers:
        with pytest.raises(Unavailable):
            read(release.location)
    bucket.server.faults = None
    shutil.rmtree(tmp_path / "cache one")
    assert len(open_mix(release.location)) == 60


def test_damage_on_s3_is_found(bucket: Bucket, tmp_path: Path) -> None:
    release = on_s3(bucket, tmp_path).release()
    (part,) = bucket.keys(f"{FOLDER}/0001/data")
    data = bytearray(bucket.get(part))
    data[len(data) // 2] ^= 1
    bucket.put(part, bytes(data))
    with pytest.raises(DamagedData, match="SHA-256"):
        open_mix(release.location)
    assert not all(check.ok for check in verify_mix(release.location))
    bucket.put(f"{FOLDER}/0001/notes.txt", "mine")
    with pytest.raises(AnchorError, match="does not belong there"):
        open_mix(release.location)
