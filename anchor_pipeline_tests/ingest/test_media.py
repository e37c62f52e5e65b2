"""Images and sounds: the bytes are unchanged, damage is seen, durations are exact."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from pathlib import Path

import pytest

from anchor_pipeline.ingest.readers.audio import NotAudio, wav_milliseconds
from anchor_pipeline.ingest.readers.images import image_fault
from anchor_pipeline_tests.ingest.support import ingest


def png(seed: int) -> bytes:
    """A small grey PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = b"".join(b"\0" + bytes((seed * row * column) % 256 for column in range(20)) for row in range(20))
    header = struct.pack(">IIBBBBB", 20, 20, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def wav(frames: int, rate: int = 8000, width: int = 2, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sink:
        sink.setnchannels(channels)
        sink.setsampwidth(width)
        sink.setframerate(rate)
        sink.writeframes(b"\1" * frames * width * channels)
    return buffer.getvalue()


JPEG = b"\xff\xd8\xff\xe0\0\4JF\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0\x55\xff\xd9"
GIF = b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
WEBP = b"RIFF" + struct.pack("<I", 16) + b"WEBPVP8L" + struct.pack("<I", 4) + b"\x2f\0\0\0"
BMP = b"BM" + struct.pack("<I", 58) + b"\0" * 52
TIFF = b"II*\0" + struct.pack("<I", 8) + b"\0" * 6


@pytest.mark.parametrize(
    "image", [png(1), JPEG, GIF, WEBP, BMP, TIFF], ids=["png", "jpeg", "gif", "webp", "bmp", "tiff"]
)
def test_images_are_told_from_fragments(image: bytes) -> None:
    assert image_fault(image) is None
    for size in range(len(image) - 6):
        assert image_fault(image[:size]) is not None


def test_png_checksums_are_checked() -> None:
    image = bytearray(png(1))
    for at in range(8, len(image)):
        image[at] ^= 4
        assert image_fault(bytes(image)) is not None, at
        image[at] ^= 4


@pytest.mark.parametrize(("frames", "rate"), [(1, 8000), (8000, 8000), (44101, 44100), (7999, 8000)])
def test_duration_is_that_of_the_frames(frames: int, rate: int) -> None:
    for width in (1, 2, 4):
        for channels in (1, 2):
            assert wav_milliseconds(wav(frames, rate, width, channels)) == frames * 1000 // rate


def test_broken_waves() -> None:
    whole = wav(100)
    for size in (0, 11, 20, 43, len(whole) - 1):
        with pytest.raises(NotAudio):
            wav_milliseconds(whole[:size])
    with pytest.raises(NotAudio, match="single frame"):
        wav_milliseconds(wav(0))
    with pytest.raises(NotAudio, match="format tag 2"):
        wav_milliseconds(whole[:20] + b"\2" + whole[21:])
    with pytest.raises(NotAudio, match="sample rate"):
        wav_milliseconds(whole[:24] + b"\0\0\0\0" + whole[28:])


def test_a_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "in/a").mkdir(parents=True)
    (tmp_path / "in/a/x.png").write_bytes(png(1))
    (tmp_path / "in/y.png").write_bytes(b"not a picture")
    (tmp_path / "in/README.md").write_text("about them")
    snapshot, kept, rejected = ingest(tmp_path, uri="in", modality="image")
    assert [(row["doc_id"], row["payload"], row["text"], row["tokens"]) for row in kept] == [
        ("s/a/x.png", png(1), None, 1)
    ]
    assert [(row["id"], row["reason"], row["content"]) for row in rejected] == [
        ("y.png", "not_an_image", b"not a picture")
    ]
    assert snapshot.read == 2


def test_zips_in_a_folder_do_not_share_ids(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / "in").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / "in" / name, "w") as archive:
            archive.writestr("x.png", png(len(name)))
    _, kept, _ = ingest(tmp_path, uri="in", modality="image")
    assert [row["doc_id"] for row in kept] == ["s/a.zip/x.png", "s/b.zip/x.png"]
    _, kept, _ = ingest(tmp_path / "other", uri=str(tmp_path / "in/a.zip"), modality="image")
    assert [row["doc_id"] for row in kept] == ["s/x.png"]


def test_a_folder_of_sounds(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(wav(4000))
    (tmp_path / "in/b.wav").write_bytes(wav(4000)[:-7])
    (tmp_path / "in/c.wav").write_bytes(b"RIFFyyyyAVI ")
    snapshot, kept, rejected = ingest(tmp_path, uri="in", modality="audio")
    assert [(row["doc_id"], row["tokens"], row["bytes"]) for row in kept] == [("s/a.wav", 500, 8044)]
    assert [(row["id"], row["reason"]) for row in rejected] == [("b.wav", "not_audio")]
    assert [entry.path for entry in snapshot.unreadable] == ["c.wav"]
