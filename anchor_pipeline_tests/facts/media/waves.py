"""WAV files made by hand."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray


def wav(
    body: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 8000,
    width: int = 2,
    extra: bytes = b"",
    size: int = -1,
) -> bytes:
    """A WAV file of whole samples; `size` is what its data chunk declares in place of the true length."""
    frame = channels * width
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * frame % 2**32, frame, 8 * width) + extra
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    chunks += b"data" + struct.pack("<I", len(body) if size < 0 else size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def pcm(samples: NDArray[Any], rate: int = 8000) -> bytes:
    """Samples from -1 to 1 as a file of 16 bits."""
    return wav((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), rate=rate)
