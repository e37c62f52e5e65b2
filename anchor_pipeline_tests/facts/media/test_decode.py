from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed (extra media)")

from anchor_pipeline.facts.media.decode import LARGE_PIXELS, Picture, Undecodable, decode  # noqa: E402
from anchor_pipeline.facts.media.pdq import pdq  # noqa: E402
from anchor_pipeline_tests.facts.media.pictures import file_of, photo  # noqa: E402

KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_that_ingest_takes_is_decoded(kind: str) -> None:
    found = decode(file_of(photo(1), kind))
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (320, 240)
    expected = np.asarray(photo(1), np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    assert np.abs(found.luma - expected).mean() < 12  # GIF has 216 colours


def test_a_bomb_is_refused_by_its_header_and_costs_no_memory() -> None:
    assert decode(_png(60_000, 60_000)) == Undecodable("too_large")  # Pillow itself refuses, before it tells the size
    assert decode(_png(9_000, 9_000)) == Undecodable("too_large", 9_000, 9_000)


def test_an_image_of_a_few_pixels_is_too_small() -> None:
    assert decode(_png(4, 900, bytes(901 * 4))) == Undecodable("too_small", 4, 900)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_a_reason_and_no_error(kind: str) -> None:
    whole = file_of(photo(2), kind)
    for part in (0.05, 0.3, 0.7):
        found = decode(whole[: int(len(whole) * part)])
        assert isinstance(found, Undecodable), (kind, part)
        assert found.reason in ("truncated", "not_decodable")


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_what_is_no_image_is_not_decodable(data: bytes) -> None:
    assert decode(data) == Undecodable("not_decodable")


def test_formats_that_ingest_does_not_take_are_never_tried() -> None:
    assert decode(file_of(photo(3), "PPM")) == Undecodable("not_decodable")


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12))
def test_damaged_bytes_never_raise(kind: str, places: list[tuple[float, int]]) -> None:
    data = bytearray(_WHOLE[kind])
    for place, value in places:
        data[int(place * (len(data) - 1))] = value
    assert isinstance(decode(bytes(data)), Picture | Undecodable)


_WHOLE = {kind: file_of(photo(4, 40, 50), kind) for kind in KINDS}


def test_a_transparent_image_is_what_is_seen_on_white_not_what_is_hidden() -> None:
    shown = Image.new("RGB", (64, 64), "white")
    shown.paste(photo(5, 64, 32), (0, 0))
    hidden = photo(6, 64, 64)
    hidden.paste(photo(5, 64, 32), (0, 0))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    hidden.putalpha(mask)
    one, other = decode(file_of(shown)), decode(file_of(hidden))
    assert isinstance(one, Picture)
    assert isinstance(other, Picture)
    assert np.array_equal(one.luma, other.luma)


def test_deep_greys_keep_their_shape() -> None:
    grey = np.asarray(photo(7).convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    for image, kind in ((deep, "PNG"), (Image.fromarray(grey.astype(np.float32)), "TIFF")):
        found = decode(file_of(image, kind))
        assert isinstance(found, Picture)
        assert np.corrcoef(found.luma.ravel(), grey.ravel())[0, 1] > 0.999


def test_a_turned_photograph_is_the_same_picture() -> None:
    upright = photo(8)
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    found, expected = decode(file_of(turned, "PNG", exif=exif)), decode(file_of(upright))
    assert isinstance(found, Picture)
    assert isinstance(expected, Picture)
    assert (found.width, found.height) == (320, 240)
    assert np.array_equal(found.luma, expected.luma)


@pytest.mark.parametrize("kind", ["BMP", "JPEG"])
def test_a_large_image_takes_little_memory_and_hashes_nearly_the_same(kind: str) -> None:
    small, large = photo(9, 600, 800), photo(9, 3000, 4000)
    found, expected = decode(file_of(large, kind)), decode(file_of(small, kind))
    assert isinstance(found, Picture)
    assert isinstance(expected, Picture)
    assert (found.width, found.height) == (4000, 3000)
    assert found.luma.size <= LARGE_PIXELS
    assert np.bitwise_count(pdq(found.luma)[0] ^ pdq(expected.luma)[0]).sum() <= 16


def test_several_frames_are_one_picture_the_first() -> None:
    buffer = io.BytesIO()
    photo(10).save(buffer, "GIF", save_all=True, append_images=[photo(11), photo(12)])
    found, expected = decode(buffer.getvalue()), decode(file_of(photo(10), "GIF"))
    assert isinstance(found, Picture)
    assert isinstance(expected, Picture)
    assert np.bitwise_count(pdq(found.luma)[0] ^ pdq(expected.luma)[0]).sum() <= 16
