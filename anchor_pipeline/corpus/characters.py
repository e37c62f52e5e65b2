"""Characters of UTF-8 text as the compiled kernels see them: code points, spaces, CJK, punctuation, lower case.

What belongs to which class is fixed here and not asked of the Python that runs, whose Unicode version differs: facts
and token counts must not change with it.
"""

from __future__ import annotations

import re

import numpy as np

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Bytes

_CJK_RANGES = (
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)  # fmt: skip
CJK = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _CJK_RANGES) + "]")

ASCII_SPACE = np.zeros(128, np.uint8)
"""1 where str.isspace() holds, below 128; the others are in `is_wide_space`."""
ASCII_SPACE[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = 1


@kernel
def decode(data: Bytes, at: int) -> tuple[int, int]:
    """The code point of the character of two to four bytes that starts at `at`, and where the next one starts."""
    byte = data[at]
    code: int = np.int64(byte)  # type: ignore[assignment]  # an integer of 64 bits in the kernel
    if byte < 0xE0:
        return ((code & 0x1F) << 6) | (data[at + 1] & 0x3F), at + 2
    if byte < 0xF0:
        return ((code & 0x0F) << 12) | (np.int64(data[at + 1] & 0x3F) << 6) | (data[at + 2] & 0x3F), at + 3
    high = ((code & 0x07) << 18) | (np.int64(data[at + 1] & 0x3F) << 12)
    return high | (np.int64(data[at + 2] & 0x3F) << 6) | (data[at + 3] & 0x3F), at + 4


@kernel
def encode(out: Bytes, at: int, code: int) -> int:
    """Write a character as UTF-8 at `at`; gives where the next one goes."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> 6)
        out[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | (code >> 12)
        out[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    out[at] = 0xF0 | (code >> 18)
    out[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


@kernel
def is_wide_space(code: int) -> bool:
    """What str.isspace() holds for, from 128 on."""
    return (
        code == 0x85
        or code == 0xA0
        or code == 0x1680
        or 0x2000 <= code <= 0x200A
        or code == 0x2028
        or code == 0x2029
        or code == 0x202F
        or code == 0x205F
        or code == 0x3000
    )


@kernel
def is_cjk(code: int) -> bool:
    """Characters of `CJK`."""
    if code < 0x3005:
        return False
    return (
        code <= 0x3007
        or 0x3021 <= code <= 0x3029
        or 0x3040 <= code <= 0x30FF
        or 0x31F0 <= code <= 0x31FF
        or 0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xAC00 <= code <= 0xD7A3
        or 0xF900 <= code <= 0xFAFF
        or 0xFF66 <= code <= 0xFF9F
        or 0x1B000 <= code <= 0x1B16F
        or 0x20000 <= code <= 0x3FFFF
    )


@kernel
def is_wide_mark(code: int) -> bool:
    """Punctuation and symbols beyond ASCII, emoji among them."""
    if code < 0x2010:
        return (
            0xA1 <= code <= 0xA9
            or code == 0xAB
            or code == 0xAC
            or 0xAE <= code <= 0xB1
            or code == 0xB4
            or 0xB6 <= code <= 0xB8
            or code == 0xBB
            or code == 0xBF
            or code == 0xD7
            or code == 0xF7
        )
    return (
        code <= 0x2027
        or 0x2030 <= code <= 0x205E
        or 0x20A0 <= code <= 0x20CF
        or 0x2190 <= code <= 0x2BFF
        or 0x2E00 <= code <= 0x2E7F
        or 0x3001 <= code <= 0x3003
        or 0x3008 <= code <= 0x3020
        or code == 0x3030
        or code == 0x303D
        or 0xFE10 <= code <= 0xFE1F
        or 0xFE30 <= code <= 0xFE6F
        or 0xFF01 <= code <= 0xFF0F
        or 0xFF1A <= code <= 0xFF20
        or 0xFF3B <= code <= 0xFF40
        or 0xFF5B <= code <= 0xFF65
        or 0x1F000 <= code <= 0x1FAFF
    )


@kernel
def is_invisible(code: int) -> bool:
    """Characters that show nothing: soft hyphen, zero-width and direction marks, variation selectors."""
    return (
        code == 0xAD
        or 0x200B <= code <= 0x200F
        or 0x202A <= code <= 0x202E
        or 0x2060 <= code <= 0x206F
        or code == 0xFEFF
        or 0xFE00 <= code <= 0xFE0F
    )


LOWER = np.arange(0x590, dtype=np.int64)
"""Lower case of Latin, Greek, Cyrillic and Armenian letters; Unicode keeps these mappings stable."""
for _code in range(0x590):
    _small = chr(_code).lower()
    if len(_small) == 1:
        LOWER[_code] = ord(_small)
