"""Damaged and hostile zips: nothing is unpacked, nothing believed, nothing expands without end."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from anchor_pipeline.ingest.readers import blobs
from anchor_pipeline.ingest.readers.base import KEPT_BYTES
from anchor_pipeline_tests.ingest.support import read
from anchor_pipeline_tests.ingest.test_faults import unreadable
from anchor_pipeline_tests.ingest.test_media import png


def _zip(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path.read_bytes()


def test_damaged_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    whole = _zip(path, {"a.png": png(3), "b.png": png(4)})
    for damaged in (b"", whole[:-30], whole[: len(whole) // 2], b"PK\x03\x04nonsense"):
        path.write_bytes(damaged)
        assert unreadable("images", path, "payload").offset is not None
    at = whole.index(b"IDAT")
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    unreadable("images", path, "payload")


def test_hostile_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zip"
    names = ["../up.png", "/abs.png", "a/../../b.png", "C:\\x.png", "..\\y.png", "fine/x.png", "notes.txt"]
    _zip(path, dict.fromkeys(names, png(1)))
    rows, rejects = read("images", path, "path")
    assert [row["path"] for row in rows] == ["fine/x.png"]
    assert [reject.reason for reject in rejects] == ["unsafe_name"] * 5
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zip"]

    _zip(path, {"zeros.png": b"\0" * 3_000_000})
    rows, rejects = read("images", path, "path", max_bytes=1000)
    assert [(reject.reason, reject.size, len(reject.content)) for reject in rejects] == [
        ("oversized", 3_000_000, KEPT_BYTES)
    ]
    monkeypatch.setattr(blobs, "_FREE_BYTES", 1_000_000)
    assert "expands more than" in unreadable("images", path, "payload").problem

    monkeypatch.setattr(blobs, "MAX_MEMBERS", 1)
    _zip(path, {"a.png": png(1), "b.png": png(1)})
    assert "2 members" in unreadable("images", path, "payload").problem


def test_zip_that_lies_about_sizes_or_overlaps(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    whole = bytearray(_zip(path, {"a.png": png(2), "b.png": png(2)}))
    directory = whole.index(b"PK\x01\x02")
    lying = whole.copy()
    lying[directory + 24 : directory + 28] = struct.pack("<I", 10)  # uncompressed size
    path.write_bytes(lying)
    unreadable("images", path, "payload")
    overlap = whole.copy()
    second = overlap.index(b"PK\x01\x02", directory + 4)
    overlap[second + 42 : second + 46] = struct.pack("<I", 0)  # offset of the local header
    path.write_bytes(overlap)
    assert "overlaps" in unreadable("images", path, "payload").problem
    sealed = whole.copy()
    sealed[directory + 8] |= 1
    path.write_bytes(sealed)
    assert "encrypted" in unreadable("images", path, "payload").problem
