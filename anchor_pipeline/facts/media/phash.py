"""pHash: 64 bits of an image, from the 8 × 8 lowest frequencies of 32 × 32 pixels.

C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1; in the variant of
N. Krawetz ("Looks Like It", hackerfactor.com, 2011) that the library `imagehash` computes as `phash`: the constant
coefficient is among the 64, and bit 8 i + j is set where coefficient (i, j) is above their median. test_phash.py
compares with the library, bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BITS = 64
_PIXELS = 32
_LOW = 8


def phash(grey: Any) -> tuple[np.uint64, np.uint64]:
    """(hash, hash of the mirror image) of a Pillow image of mode L."""
    from PIL.Image import Resampling
    from scipy.fft import dct

    pixels = np.asarray(grey.resize((_PIXELS, _PIXELS), Resampling.LANCZOS), np.float64)
    low = dct(dct(pixels, axis=0), axis=1)[:_LOW, :_LOW]
    mirror = low.copy()
    mirror[:, 1::2] *= -1
    return _bits(low), _bits(mirror)


def _bits(coefficients: Any) -> np.uint64:
    above = (coefficients > np.median(coefficients)).ravel()
    return np.uint64(np.packbits(above, bitorder="little").view("<u8")[0])
