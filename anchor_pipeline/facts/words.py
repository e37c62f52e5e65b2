"""The words of a text as hashes: what every fact about word n-grams is made from.

A word is a run of letters, digits, marks and underscores, in lower case (Latin, Greek, Cyrillic, Armenian); an
apostrophe inside one, directly before an ASCII letter or digit, belongs to it. Every CJK character is a word by
itself. Every punctuation character or symbol is a word of its own kind: its hash is odd and all others are even, so
that kernels which look at words proper can pass over it. Characters that show nothing (soft hyphens, zero-width
marks) are not there at all, so that they cannot hide a copy. The character classes are those of corpus/characters.py,
the same in every version of Python.

A hash is FNV-1a over the characters (the byte below 128, the code point above; Fowler, Noll, Vo,
draft-eastlake-fnv) in 64 bits, finished by the mix of SplitMix64 (Steele, Lea, Flood 2014). `reference_words` in
test_words.py says the same in plain Python.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import (
    ASCII_SPACE,
    LOWER,
    decode,
    is_cjk,
    is_invisible,
    is_wide_mark,
    is_wide_space,
)
from anchor_pipeline.corpus.strings import Bytes, Offsets, buffers_of

Hashes = NDArray[np.uint64]

_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_EVEN = np.uint64(0xFFFFFFFFFFFFFFFE)
_ONE = np.uint64(1)

# Below 128: 0 space, 1 part of a word, 2 mark, 3 apostrophe.
_CLASS = np.full(128, 2, np.uint8)
_CLASS[ASCII_SPACE == 1] = 0
_CLASS[[code for code in range(128) if chr(code).isalnum() or chr(code) == "_"]] = 1
_CLASS[ord("'")] = 3


def words_of(texts: Any) -> tuple[Hashes, Offsets]:
    """The words of each text of an Arrow string array: (hashes, starts).

    The words of row i are hashes[starts[i]:starts[i + 1]], in their order. A null has none.
    """
    data, offsets = buffers_of(texts)
    return hash_words(data, offsets)


def hash_words(data: Bytes, offsets: Offsets) -> tuple[Hashes, Offsets]:
    """`words_of` over the buffers; the data must be valid UTF-8."""
    # As long as it could be: memory that is not written to is never taken.
    room = np.empty(int(offsets[-1] - offsets[0]), np.uint64)
    starts = np.zeros(len(offsets), np.int64)
    _hash_words(data, offsets, _CLASS, LOWER, room, starts)
    return room[: starts[-1]], starts


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def mix64(value: np.uint64) -> np.uint64:
    """The finishing mix of SplitMix64: every bit of the result hangs on every bit of the value."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _apostrophe(data: Bytes, after: int, end: int, classes: Bytes, inside: bool) -> int:
    """Part of a word (1), or a mark (2)."""
    return 1 if inside and after < end and data[after] < 128 and classes[data[after]] == 1 else 2


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _hash_words(data: Bytes, offsets: Offsets, classes: Bytes, lower: Offsets, out: Hashes, starts: Offsets) -> None:
    """Kinds: 0 space, 1 part of a word, 2 mark, 4 CJK character."""
    found = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        inside, value = False, _START
        while at < end:
            byte = data[at]
            if byte < 128:
                at += 1
                kind = classes[byte]
                code: int = np.int64(byte)  # type: ignore[assignment]
                if kind == 3:
                    kind = _apostrophe(data, at, end, classes, inside)
                elif 65 <= code <= 90:
                    code += 32
            else:
                code, at = decode(data, at)
                if is_invisible(code):
                    continue
                if code == 0x2019:
                    kind, code = _apostrophe(data, at, end, classes, inside), 39
                elif is_wide_space(code):
                    kind = 0
                elif is_cjk(code):
                    kind = 4
                elif is_wide_mark(code):
                    kind = 2
                else:
                    kind = 1
                    if code < 0x590:
                        code = lower[code]
            if kind == 1:
                value = (value ^ np.uint64(code)) * _PRIME
                inside = True
                continue
            if inside:
                out[found] = mix64(value) & _EVEN
                found += 1
                inside, value = False, _START
            if kind == 2:
                out[found] = mix64((_START ^ np.uint64(code)) * _PRIME) | _ONE
                found += 1
            elif kind == 4:
                out[found] = mix64((_START ^ np.uint64(code)) * _PRIME) & _EVEN
                found += 1
        if inside:
            out[found] = mix64(value) & _EVEN
            found += 1
        starts[row + 1] = found
