"""PDQ: 256 bits that stay much the same when an image is resized, recompressed or lightly edited.

Facebook AI, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019); reference
implementation: github.com/facebook/ThreatExchange, pdq/cpp. This is the same arithmetic in 32-bit floats, in the same
order, so that the bits are those of the reference: test_pdq.py compares with what `pdqhash` 0.2.8 gave, bit by bit,
and with the library itself where it is installed.

1. Brightness is smoothed by a tent (two passes of a box filter, Jarosz) and sampled at 64 × 64 points.
2. Of its two-dimensional cosine transform the 16 × 16 lowest frequencies are kept, the constant one left out.
3. Bit 16 i + j is set where coefficient (i, j) is above their median.

The mirror image is hashed as an image of its own. The reference gets its hash from the coefficients, by negating every
second column, which is cheaper and up to 40 bits beside: where a cell has two middle pixels the sample is not in its
middle. Bit k of a hash is bit k % 64 of word k // 64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.media.decode import Luma

Words = NDArray[np.uint64]

BITS = 256
LEAST_QUALITY = 50
"""Below this quality a hash says nothing: ThreatExchange, pdq/README.md, on near-featureless images."""


def _cosines() -> Luma:
    """16 × 64: row i is cosine i + 1, each product rounded to a 32-bit float as the reference does."""
    scale = np.float32(np.sqrt(2.0 / 64))
    row, column = np.arange(1, 17)[:, None], 2 * np.arange(64)[None, :] + 1
    return np.asarray(np.float64(scale) * np.cos(np.pi / 2.0 / 64.0 * row * column), np.float32)


_COSINES = _cosines()


def pdq(luma: Luma) -> tuple[Words, Words, int]:
    """(hash, hash of the mirror image, quality 0 to 100) of brightness 0 to 255, at least 5 × 5; 4 words each.

    Mirrored means left for right.
    """
    luma = np.ascontiguousarray(luma, np.float32)
    small = _sample(luma)
    turned = _sample(np.ascontiguousarray(luma[:, ::-1]))
    return (
        _above_median(_lowest(small, _COSINES)),
        _above_median(_lowest(turned, _COSINES)),
        int(_quality(small)),
    )


def _above_median(coefficients: Luma) -> Words:
    flat = coefficients.ravel()
    # Of an even number the reference takes the lower of the two in the middle.
    median = np.partition(flat, BITS // 2 - 1)[BITS // 2 - 1]
    return packed(flat > median)


def packed(bits: Any) -> Words:
    """Booleans, a multiple of 64 of them, as words: bit k is bit k % 64 of word k // 64."""
    return np.packbits(np.asarray(bits, np.bool_), bitorder="little").view("<u8").astype(np.uint64)


@kernel
def _sample(luma: Luma) -> Luma:
    rows, columns = luma.shape
    small = np.empty((64, 64), np.float32)
    if rows == 64 and columns == 64:
        small[:, :] = luma
        return small
    # Half of the distance between samples: the second pass brings in the other half.
    wide, high = (columns + 127) // 128, (rows + 127) // 128
    work, other = luma.copy(), np.empty_like(luma)
    for _ in range(2):
        for row in range(rows):
            _box(work[row], other[row], wide)
        _box_rows(other, work, high)
    for i in range(64):
        row = int((i + 0.5) * rows / 64)
        for j in range(64):
            small[i, j] = work[row, int((j + 0.5) * columns / 64)]
    return small


@kernel
def _box(values: Luma, out: Luma, window: int) -> None:
    """Running means of `window` values, of fewer at the ends; the sum is updated, as in the reference."""
    length, ahead = len(values), (window + 2) // 2 - 1
    total, size = np.float32(0), 0
    for at in range(length + ahead):
        if at < length:
            total += values[at]
            size += 1
        if at >= window:
            total -= values[at - window]
            size -= 1
        if at >= ahead:
            out[at - ahead] = total / np.float32(size)


@kernel
def _box_rows(values: Luma, out: Luma, window: int) -> None:
    """`_box` down the columns, all of them at once so that memory is read in its order."""
    length, columns = values.shape
    ahead = (window + 2) // 2 - 1
    total, size = np.zeros(columns, np.float32), 0
    for at in range(length + ahead):
        if at < length:
            for column in range(columns):
                total[column] += values[at, column]
            size += 1
        if at >= window:
            for column in range(columns):
                total[column] -= values[at - window, column]
            size -= 1
        if at >= ahead:
            for column in range(columns):
                out[at - ahead, column] = total[column] / np.float32(size)


@kernel
def _lowest(small: Luma, cosines: Luma) -> Luma:
    """The product cosines · small · cosinesᵀ; every sum over k from 0 up, as in the reference."""
    half, out = np.zeros((16, 64), np.float32), np.zeros((16, 16), np.float32)
    for i in range(16):
        for k in range(64):
            for j in range(64):
                half[i, j] += cosines[i, k] * small[k, j]
    for i in range(16):
        for k in range(64):
            for j in range(16):
                out[i, j] += half[i, k] * cosines[j, k]
    return out


@kernel
def _quality(small: Luma) -> int:
    """Sum of the steps between neighbours, in whole hundredths of the range, over 90; at most 100."""
    total = 0
    for i in range(64):
        for j in range(64):
            if i < 63:
                total += abs(int((small[i, j] - small[i + 1, j]) * np.float32(100) / np.float32(255)))
            if j < 63:
                total += abs(int((small[i, j] - small[i, j + 1]) * np.float32(100) / np.float32(255)))
    return min(100, total // 90)
