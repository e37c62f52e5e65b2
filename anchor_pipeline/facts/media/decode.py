"""Images as brightness, from bytes that nobody vouches for. Needs Pillow (extra `media`).

The size is read from the header and judged before a pixel is decoded, only the formats that ingest reads are tried,
and whatever a decoder does not like becomes a reason in one word: a bad image is a fact about a document, never an
end of the build.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""What ingest takes for an image. No other decoder of Pillow is ever reached."""

MOST_PIXELS = 64_000_000
"""Larger images are not decoded: at four bytes a pixel in the decoder, this is 256 MB."""

LARGE_PIXELS = 4_000_000
"""Larger images are reduced by a whole factor first: a hash looks at 64 × 64 averages, and floats take memory."""

_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)  # EXIF 2.3, table 4

LEAST_SIDE = 5
"""Narrower images have no hash (the reference implementation of PDQ says so: MIN_HASHABLE_DIM)."""


@dataclass(frozen=True)
class Picture:
    """A decoded image."""

    width: int
    height: int
    """As it is shown, in pixels of the file."""
    grey: Any
    """The image as Pillow mode L."""
    luma: Luma
    """Brightness 0 to 255, rows × columns: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""


@dataclass(frozen=True)
class Undecodable:
    """Why there is no picture: too_large, too_small, truncated, not_decodable."""

    reason: str
    width: int | None = None
    height: int | None = None


def decode(data: bytes) -> Picture | Undecodable:
    """The first frame of an image file, turned as its EXIF orientation says, shown on white where it is transparent."""
    from PIL import Image, ImageFile

    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RuntimeError("Pillow is set to invent the missing part of images: unset ImageFile.LOAD_TRUNCATED_IMAGES")
    size: tuple[int | None, int | None] = (None, None)
    # Decoders fed with garbage raise almost anything, MemoryError and SyntaxError among it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                size = image.size
                if image.width * image.height > MOST_PIXELS:
                    return Undecodable("too_large", *size)
                if min(size) < LEAST_SIDE:
                    return Undecodable("too_small", *size)
                return _picture(image)
        except Image.DecompressionBombError:
            return Undecodable("too_large", *size)
        except OSError as error:
            # Pillow tells a file that ends early from others by its words alone.
            short = "truncated" in str(error) or "not processed" in str(error)
            return Undecodable("truncated" if short else "not_decodable", *size)
        except Exception:
            return Undecodable("not_decodable", *size)


def _picture(image: Any) -> Picture | Undecodable:
    from PIL import ImageOps

    width, height = image.size
    factor = _shrink(width, height)
    if factor > 1:
        # JPEG decodes to 1/2, 1/4 or 1/8 at a fraction of the work; the other formats take no notice.
        image.draft(image.mode, (width // factor, height // factor))
    image.load()
    if image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE:
        width, height = height, width
    image = _opaque(ImageOps.exif_transpose(image))
    factor = _shrink(*image.size)
    if factor > 1:
        image = image.reduce(factor)
    if min(image.size) < LEAST_SIDE:
        return Undecodable("too_small", width, height)
    if image.mode == "L":
        return Picture(width, height, image, np.ascontiguousarray(image, np.float32))
    colours = np.asarray(image.convert("RGB"), np.uint8)
    luma = colours[:, :, 0] * 0.299 + colours[:, :, 1] * 0.587 + colours[:, :, 2] * 0.114
    return Picture(width, height, image.convert("L"), np.ascontiguousarray(luma, np.float32))


def _shrink(width: int, height: int) -> int:
    """The whole factor that brings an image down to LARGE_PIXELS."""
    return math.ceil(math.sqrt(width * height / LARGE_PIXELS))


def _opaque(image: Any) -> Any:
    """Mode L or RGB: on white where it is transparent, and deeper greys brought to 8 bits."""
    from PIL import Image

    if image.mode in ("L", "RGB"):
        return image if "transparency" not in image.info else _opaque(image.convert("RGBA"))
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float64), posinf=0.0, neginf=0.0)
        low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
        scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
        return Image.fromarray(scaled.astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        shown = image.convert("RGBA")
        paper = Image.new("RGBA", shown.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, shown).convert("RGB")
    return image.convert("RGB")
