from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from anchor_pipeline.facts.media.sound_print import sound_print
from anchor_pipeline.facts.media.waves import Unheard, read_wave
from anchor_pipeline_tests.facts.media.waves import pcm, wav

TONE = 0.9 * np.sin(np.arange(4000) * 0.3)


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_those_that_scipy_reads(kind: str, channels: int) -> None:
    scale = {"u1": 127, "i2": 32767, "i4": 2**31 - 1}.get(kind, 1)
    values = np.stack([TONE, TONE[::-1] * 0.5], axis=1)[:, :channels] * scale + (128 if kind == "u1" else 0)
    buffer = io.BytesIO()
    wavfile.write(buffer, 11_025, values.astype(kind))
    rate, expected = wavfile.read(io.BytesIO(buffer.getvalue()))
    found = read_wave(buffer.getvalue())
    expected = (expected.astype(float) - (128 if kind == "u1" else 0)) / {"u1": 128, "i2": 2**15, "i4": 2**31}.get(
        kind, 1
    )
    assert found.rate == rate
    assert np.allclose(found.samples, expected.reshape(-1, channels).mean(axis=1), atol=1e-12)


def test_24_bits_and_the_extensible_header_are_read() -> None:
    values = (TONE * (2**23 - 1)).astype(np.int32)
    body = values.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    guid = struct.pack("<HI", 24, 4) + struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    for data in (wav(body, width=3), wav(body, width=3, tag=0xFFFE, extra=struct.pack("<H", 22) + guid)):
        assert np.allclose(read_wave(data).samples, values / 2**23, atol=1e-9)


@pytest.mark.parametrize(("law", "tag"), [("alaw", 6), ("ulaw", 7)])
def test_g711_codes_are_the_values_of_the_standard(law: str, tag: int) -> None:
    audioop = pytest.importorskip("audioop", reason="Python 3.13 has no audioop any more")
    codes = bytes(range(256))
    expected = np.frombuffer(getattr(audioop, f"{law}2lin")(codes, 2), "<i2") / 32768
    assert np.allclose(read_wave(wav(codes, tag=tag, width=1)).samples, expected, atol=1e-12)


def test_g711_extremes_are_those_of_the_tables() -> None:
    # ITU-T G.711, tables 1a and 2a: the largest values are 4,032 of 4,096 and 8,031 of 8,192; code order aside.
    assert read_wave(wav(bytes([0xAA, 0x2A]), tag=6, width=1)).samples.tolist() == [4032 / 4096, -4032 / 4096]
    assert read_wave(wav(bytes([0x80, 0x00, 0xFF]), tag=7, width=1)).samples.tolist() == [8031 / 8192, -8031 / 8192, 0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_decodable"),
        (b"RIFF\0\0\0\0WAVE", "truncated"),
        (pcm(TONE)[:200], "truncated"),
        (wav(b"", width=2), "truncated"),
        (wav(bytes(100), tag=85, width=1), "not_decodable"),
        (wav(bytes(100), channels=0), "not_decodable"),
        (wav(bytes(100), rate=0), "unusual_rate"),
        (wav(bytes(100), rate=2**32 - 1), "unusual_rate"),
        (wav(bytes(100), tag=3, width=2), "not_decodable"),
        (wav(np.full(2000, np.nan, "<f4").tobytes(), tag=3, width=4), "not_decodable"),
        (pcm(np.zeros(9000)), "silent"),
        (pcm(TONE[:300]), "too_short"),
    ],
)
def test_a_bad_sound_is_a_reason_in_one_word(data: bytes, reason: str) -> None:
    with pytest.raises(Unheard, match=f"^{reason}$"):
        sound_print(read_wave(data))


@settings(max_examples=200, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=8), end=st.integers(0, 2000))
def test_damaged_bytes_raise_nothing_else(places: list[tuple[int, int]], end: int) -> None:
    data = bytearray(pcm(TONE[:900])[:end])
    for place, value in places:
        if place < len(data):
            data[place] = value
    with contextlib.suppress(Unheard):
        sound_print(read_wave(bytes(data)))
