"""WAV files as samples: the formats that ingest takes (PCM, float, G.711), as one channel of numbers from -1 to 1.

RIFF/WAVE: Multimedia Programming Interface and Data Specifications 1.0 (1991). G.711: ITU-T Recommendation G.711.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

MOST_SECONDS = 4 * 3600
"""Longer sounds are not measured: four hours are about 2 GB of working memory at 16 kHz."""
LEAST_RATE, MOST_RATE = 4_000, 400_000
"""Hertz. Below 4 kHz the bands up to 2 kHz are not there."""

_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


@dataclass(frozen=True)
class Wave:
    """A sound of one channel, the mean of those in the file."""

    samples: Samples
    rate: int
    """Hertz."""


@dataclass(frozen=True)
class _Format:
    tag: int
    channels: int
    rate: int
    frame: int
    """Bytes of one sample of all channels."""


class Unheard(Exception):
    """Why nothing is heard, in a word: not_decodable, truncated, too_long, unusual_rate, silent, too_short."""


def read_wave(data: bytes) -> Wave:
    """The samples of a WAV file. Raises Unheard; whatever the bytes are, nothing else."""
    form, body = _chunks(data)
    if not LEAST_RATE <= form.rate <= MOST_RATE:
        raise Unheard("unusual_rate")
    frames = len(body) // form.frame
    if not frames:
        raise Unheard("truncated")
    if frames > MOST_SECONDS * form.rate:
        raise Unheard("too_long")
    width = form.frame // form.channels
    decoder = _DECODERS.get((form.tag, width))
    if decoder is None or width * form.channels != form.frame:
        raise Unheard("not_decodable")
    values = decoder(np.frombuffer(body, np.uint8, frames * form.frame))
    mono = values.reshape(frames, form.channels).mean(axis=1) if form.channels > 1 else values
    if not np.isfinite(mono).all():
        raise Unheard("not_decodable")
    return Wave(mono, form.rate)


def _chunks(data: bytes) -> tuple[_Format, memoryview]:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise Unheard("not_decodable")
    at, form = 12, None
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = at + 8
        if kind == b"fmt ":
            form = _format(data[body : body + size])
        if kind == b"data":
            if form is None:
                raise Unheard("not_decodable")
            if body + size > len(data):
                raise Unheard("truncated")
            return form, memoryview(data)[body : body + size]
        at = body + size + size % 2
    raise Unheard("truncated")


def _format(fields: bytes) -> _Format:
    if len(fields) < 16:
        raise Unheard("truncated")
    tag, channels = (int.from_bytes(fields[at : at + 2], "little") for at in (0, 2))
    rate, frame = int.from_bytes(fields[4:8], "little"), int.from_bytes(fields[12:14], "little")
    if tag == _EXTENSIBLE and len(fields) >= 26:
        tag = int.from_bytes(fields[24:26], "little")  # the first two bytes of the sub-format are a tag again
    if not channels or not frame:
        raise Unheard("not_decodable")
    return _Format(tag, channels, rate, frame)


def _integers(width: int) -> Any:
    def decoded(raw: NDArray[np.uint8]) -> Samples:
        if width == 1:  # 8 bits are unsigned, all others signed
            return (raw.astype(np.float64) - 128) / 128
        if width == 3:
            wide = np.zeros((len(raw) // 3, 4), np.uint8)
            wide[:, 1:] = raw.reshape(-1, 3)
            return wide.reshape(-1).view("<i4") / 2.0**31
        kind = {2: "<i2", 4: "<i4"}[width]
        return raw.view(kind) / 2.0 ** (8 * width - 1)

    return decoded


def _floats(kind: str) -> Any:
    return lambda raw: np.clip(raw.view(kind).astype(np.float64), -1e6, 1e6)


@cache
def _mu_law() -> Samples:
    """Value of each code (G.711, table 2a): bits inverted; sign, 3 bits s, 4 bits m: (2m + 33) 2^s - 33."""
    code = ~np.arange(256, dtype=np.int64) & 0xFF
    magnitude = ((2 * (code & 15) + 33) << ((code >> 4) & 7)) - 33
    return np.where(code & 0x80, -magnitude, magnitude) / 8192.0


@cache
def _a_law() -> Samples:
    """Value of each code: even bits are inverted; segment 0 is linear, (2m + 33) 2^(s - 1) above (G.711, table 1a)."""
    code = np.arange(256, dtype=np.int64) ^ 0x55
    step, segment = code & 15, (code >> 4) & 7
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude) / 4096.0


_DECODERS: dict[tuple[int, int], Any] = {
    **{(_PCM, width): _integers(width) for width in (1, 2, 3, 4)},
    (_FLOAT, 4): _floats("<f4"),
    (_FLOAT, 8): _floats("<f8"),
    (_A_LAW, 1): lambda raw: _a_law()[raw],
    (_MU_LAW, 1): lambda raw: _mu_law()[raw],
}
"""By format tag and bytes of a sample."""
