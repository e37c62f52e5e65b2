from __future__ import annotations

import numpy as np
import pytest

from anchor_pipeline.facts.media.phash import phash
from anchor_pipeline_tests.facts.media.pictures import SIZES, colours

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed (extra media)")


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_the_bits_are_those_of_imagehash_also_of_the_mirror_image(number: int) -> None:
    imagehash = pytest.importorskip("imagehash", reason="imagehash is not installed (extra dev)")
    grey = Image.fromarray(colours(number, *SIZES[number])).convert("L")
    turned = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for found, image in zip(phash(grey), (grey, turned), strict=True):
        expected = np.packbits(imagehash.phash(image).hash.ravel(), bitorder="little").view("<u8")[0]
        assert int(np.bitwise_count(found ^ expected)) == 0
