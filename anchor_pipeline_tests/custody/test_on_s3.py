"""Custody of a store on S3: the release carries its proof in the bucket, and nobody changes it there unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.custody.keys import PrivateKey, PublicKey
from anchor_pipeline.custody.release_files import CREDENTIALS, DOCUMENTS, HEAD, LEDGER, ROOT
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.object_store import Bucket
from anchor_pipeline_tests.projects import PROJECT
from anchor_pipeline_tests.test_object_storage import on_s3, release

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install 'anchor-pipeline[c2pa]'")

CUSTODY = "custody: {origin: example.org/small}\n"
MIX = "anchor/mix/lawful/2020/0001"
STRANGER = PrivateKey.generate("root").public


def begun(bucket: Bucket, folder: Path) -> PublicKey:
    """A project with store and sources in the bucket, keys and ledger in its folder; gives the root key."""
    place = steps.Workplace(load_project(on_s3(bucket, folder, PROJECT + CUSTODY)))
    custodian = custodian_of(place.project)
    assert custodian is not None
    return begin_custody(custodian, ["pipeline"])[0]


def wrong(bucket: Bucket, root: PublicKey) -> list[str]:
    """What the check finds wrong, told the root key to trust."""
    return [f"{one.what}: {one.detail}" for one in verify_mix(f"{bucket.url}/{MIX}", root=root) if not one.ok]


def flipped(data: bytes) -> bytes:
    return data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]


def without_last_line(data: bytes) -> bytes:
    return data[: data.rindex(b"\n", 0, -1) + 1]


CHANGES: list[tuple[str, Callable[[bytes], bytes], str]] = [
    (LEDGER, flipped, "custody"),
    (LEDGER, without_last_line, "custody head_size"),
    (HEAD, flipped, "custody head_"),
    (ROOT, lambda _: STRANGER.encoded(), "custody root_not_pinned"),
    (DOCUMENTS, flipped, "custody documents_root"),
    (CREDENTIALS, without_last_line, "custody credentials_digest"),
]


@pytest.mark.slow
def test_a_release_on_s3_proves_itself_and_what_is_changed_in_it_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    root = begun(bucket, folder)
    made = release(folder)
    assert made.location == f"{bucket.url}/{MIX}"
    assert wrong(bucket, root) == []
    assert release(folder, "other").reused, "another machine finds release and credentials sound"
    assert [found.partition(":")[0] for found in wrong(bucket, STRANGER)] == ["custody root_not_pinned"]
    for name, change, code in CHANGES:
        good = bucket.get(f"{MIX}/{name}")
        bucket.put(f"{MIX}/{name}", change(good))
        found = wrong(bucket, root)
        assert [one.startswith(code) for one in found] == [True], (name, found)
        with pytest.raises(DamagedData):
            open_mix(made.location, root=folder / "keys/root.pub.json")
        bucket.delete(f"{MIX}/{name}")
        assert wrong(bucket, root), f"{name} was taken away"
        bucket.put(f"{MIX}/{name}", good)
    assert wrong(bucket, root) == []
    assert open_mix(made.location, root=folder / "keys/root.pub.json").manifest == made.manifest


def test_private_keys_and_ledger_stay_on_the_machine(bucket: Bucket, tmp_path: Path) -> None:
    begun(bucket, tmp_path / "project")
    release(tmp_path / "project")
    names = bucket.keys("")
    assert any(name.endswith(HEAD) for name in names)
    assert any(name.startswith("anchor/custody/credentials/") and name.endswith(".c2pa") for name in names)
    assert not any(name.endswith((".key.json", ".sqlite", ".head")) for name in names)
