"""Pictures made from numbers alone, the same on every machine, and files of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = ((64, 64), (200, 333), (517, 400), (7, 9), (128, 129), (333, 64), (65, 700), (640, 480))


def colours(seed: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """Blobs of colour: rows × columns × 3."""
    random = np.random.Generator(np.random.PCG64(seed))
    coarse = random.integers(0, 256, (max(2, rows // 9), max(2, columns // 7), 3))
    down = np.arange(rows) * coarse.shape[0] // rows
    across = np.arange(columns) * coarse.shape[1] // columns
    picture: NDArray[np.uint8] = coarse[down][:, across].astype(np.uint8)
    return picture


def photo(seed: int, rows: int = 240, columns: int = 320) -> Any:
    """A Pillow image with soft shapes, like a photograph out of focus."""
    from PIL import Image

    random = np.random.Generator(np.random.PCG64(seed))
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 3)).astype(np.uint8))
    return coarse.resize((columns, rows), Image.Resampling.BICUBIC)


def file_of(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def luma_of(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness as PDQ takes it."""
    luma = picture[:, :, 0] * 0.299 + picture[:, :, 1] * 0.587 + picture[:, :, 2] * 0.114
    return np.asarray(luma, np.float32)
