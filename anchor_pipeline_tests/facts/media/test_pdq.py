from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anchor_pipeline.facts.media.pdq import pdq
from anchor_pipeline_tests.facts.media.pictures import SIZES, colours, luma_of

# What pdqhash 0.2.8 (the reference implementation of ThreatExchange) gave for colours(k, *SIZES[k]): hash, hash of the
# picture mirrored left for right, quality. Bytes are those of the four words, little-endian.
REFERENCE = (
    (
        "2f871e8764b31dc769534d9b926c926c962ce378994c617b58e23c873e873c83",
        "7ad24bd231e648923c0618cec739c739c379b62dcc19342e0dbf69d26bd269d2",
        100,
    ),
    (
        "39048a1688a34f4d24e9ae91ecf83cc08acea86ffeacf58cdbc33c1e7c6ac361",
        "6c51df01ddf41a1861bcf1c498ac6995cf9bfd3aabe9a0c98e82694b293f9620",
        100,
    ),
    (
        "2660442c231919b90b9713c1d859ce6bfaa752ca55bc9c1999dd515f3fe37287",
        "73751179764c4cec5fc24e948d0c9b7eaff2079f00cfc9dccc98140a6ab62792",
        100,
    ),
    (
        "66b3994c99cc66b3663399cc6633663399cc994c66b36633994c66b36633994c",
        "33e6cc19cc9933e63366cc1933e63366cc99cc19336633e6cc1933e63366cc19",
        23,
    ),
    (
        "e7cabed899723d91eedf10c38d103fc57c22ca0e2c51c8bca7c0253d583f3343",
        "323ceb1d0c6f6884ba9ac596584d6a3009773ef3798cbdc9e63170681dda4676",
        100,
    ),
    (
        "9fcca714f5a85a4b0f1fa174d32899c4c718572b1267d5acfa6030f37cd20e0f",
        "cad9f241a0fd0f1e5a4af421867dec91924d027e4f3280f9af3565a629a75b5a",
        100,
    ),
    (
        "9018d694cd72ebbddca617ad2850e85023511442338de96feff7d718d218d7b4",
        "c55d83c19827aee8897342f03d0f3d0f768c411766d8bc3ebaa2874f874d93e1",
        100,
    ),
    (
        "da9614f3a2c2067293c252cdde563adc9b1a289cb4477de41c759db9e9b8150e",
        "8fc341a6f387532fc696a71a8b436f8bce4ffdc9e11228b04920c8ecbced405b",
        100,
    ),
)


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_the_bits_are_those_of_the_reference_implementation(number: int) -> None:
    hash_, mirror, quality = pdq(luma_of(colours(number, *SIZES[number])))
    found = (hash_.astype("<u8").tobytes().hex(), mirror.astype("<u8").tobytes().hex(), quality)
    assert found == REFERENCE[number]


def test_agrees_with_the_library_where_it_is_installed() -> None:
    pdqhash = pytest.importorskip("pdqhash", reason="pdqhash is not installed (it has to be compiled)")
    for seed in range(30):
        picture = colours(100 + seed, 40 + 17 * seed, 300 - 7 * seed)
        expected, quality = pdqhash.compute(np.ascontiguousarray(picture))
        mirrored, _ = pdqhash.compute(np.ascontiguousarray(picture[:, ::-1]))
        hash_, mirror, found = pdq(luma_of(picture))
        assert (_bits(hash_) == expected).all()
        assert (_bits(mirror) == mirrored).all()
        assert found == quality


def _bits(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """As the library has them: the last bit first."""
    return np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")[::-1]


def test_an_even_area_has_no_quality() -> None:
    assert pdq(np.full((50, 80), 127, np.float32))[2] == 0
