"""Folders and zips of images. The bytes are kept as they are; whether they are an image is told from their structure.

No image library is needed: each format says where it ends, and PNG has checksums.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from anchor_pipeline.ingest.readers.base import Chunk, RawFile, Reader, Wanted
from anchor_pipeline.ingest.readers.blobs import read_loose, read_zip

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")


class ImagesReader(Reader):
    """Reader of image files and of zips of them."""

    name = "images"
    suffixes = (*SUFFIXES, ".zip")

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """One row per image, payload unchanged."""
        if file.name.lower().endswith(".zip"):
            return read_zip(file, wanted, SUFFIXES)
        return read_loose(file, wanted)


def image_fault(data: bytes) -> str | None:
    """Why `data` is not a whole image file, or None if it is one by its structure."""
    for magic, check in _CHECKS:
        if data.startswith(magic):
            return check(data)
    return f"starts with {data[:8].hex() or 'nothing'}: not PNG, JPEG, GIF, WebP, BMP or TIFF"


def _png(data: bytes) -> str | None:
    """PNG (third edition) 5: signature, then chunks of length, type, data, CRC-32 of type and data."""
    at, kind = 8, b""
    while kind != b"IEND":
        if at + 12 > len(data):
            return f"PNG ends early, at byte {len(data)}"
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            return f"PNG ends early, at byte {len(data)}"
        if at == 8 and (kind != b"IHDR" or length != 13 or not _size_of(data, 16, 4, "big")):
            return "PNG without a size"
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"PNG with a wrong checksum at byte {at}"
        at = end + 4
    return None


def _jpeg(data: bytes) -> str | None:
    """JPEG (ITU-T T.81, B.1): markers with their lengths up to the scan, an end marker after it."""
    at, sized = 2, False
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return f"JPEG without a marker at byte {at}"
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            sized = True
        if marker == 0xDA:  # start of scan
            if not sized:
                return "JPEG without a size"
            return None if data.rfind(b"\xff\xd9") > at else f"JPEG ends early, at byte {len(data)}"
        if length < 2:
            return f"JPEG with a wrong length at byte {at + 2}"
        at += 2 + length
    return f"JPEG ends early, at byte {len(data)}"


def _gif(data: bytes) -> str | None:
    if not _size_of(data, 6, 2, "little"):
        return "GIF without a size"
    return None if data.rstrip(b"\0").endswith(b"\x3b") else f"GIF ends early, at byte {len(data)}"


def _riff_webp(data: bytes) -> str | None:
    if data[8:12] != b"WEBP":
        return "RIFF, but not WebP"
    whole = int.from_bytes(data[4:8], "little") + 8 <= len(data) and data[12:15] == b"VP8"
    return None if whole else f"WebP ends early, at byte {len(data)}"


def _bmp(data: bytes) -> str | None:
    whole = 26 <= int.from_bytes(data[2:6], "little") <= len(data)
    return None if whole else f"BMP ends early, at byte {len(data)}"


def _tiff(data: bytes) -> str | None:
    order: str = "little" if data[0] == 0x49 else "big"
    first = int.from_bytes(data[4:8], order)  # type: ignore[arg-type]
    return None if first >= 8 and first + 2 <= len(data) else f"TIFF ends early, at byte {len(data)}"


def _size_of(data: bytes, at: int, width: int, order: str) -> bool:
    """Whether two positive numbers (width and height) stand at byte `at`."""
    numbers = data[at : at + 2 * width]
    return (
        len(numbers) == 2 * width
        and all(
            int.from_bytes(part, order) > 0  # type: ignore[arg-type]
            for part in (numbers[:width], numbers[width:])
        )
    )


_CHECKS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _riff_webp),
    (b"BM", _bmp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
