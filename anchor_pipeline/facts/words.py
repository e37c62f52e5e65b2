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

The same walk can write the words proper down in lower case, one space between them: facts/normalised.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import (
    ASCII_SPACE,
    LOWER,
    decode,
    encode,
    is_cjk,
    is_invisible,
    is_wide_mark,
    is_wide_space,
)
from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Bytes, Offsets, buffers_of

Hashes = NDArray[np.uint64]

_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_EVEN = np.uint64(0xFFFFFFFFFFFFFFFE)
_ONE = np.uint64(1)

# Below 128: 0 space, 1 part of a word, 2 mark, 3 apostrophe.
CLASS = np.full(128, 2, np.uint8)
CLASS[ASCII_SPACE == 1] = 0
CLASS[[code for code in range(128) if chr(code).isalnum() or chr(code) == "_"]] = 1
CLASS[ord("'")] = 3

# The lower case of bytes that are part of a word by themselves; 0 for all others.
_SMALL = np.zeros(256, np.uint8)
_SMALL[:128][CLASS == 1] = LOWER[:128][CLASS == 1]


def words_of(texts: Any) -> tuple[Hashes, Offsets]:
    """The words of each text of an Arrow string array: (hashes, starts).

    The words of row i are hashes[starts[i]:starts[i + 1]], in their order. A null has none.
    """
    data, offsets = buffers_of(texts)
    return hash_words(data, offsets)


def hash_words(data: Bytes, offsets: Offsets) -> tuple[Hashes, Offsets]:
    """`words_of` over the buffers; the data must be valid UTF-8."""
    return _walked(data, offsets, None, np.zeros(0, np.int64))


def words_and_text(data: Bytes, offsets: Offsets) -> tuple[Hashes, Offsets, Bytes, Offsets]:
    """`hash_words`, and the words proper of each row, in lower case, joined by one space: (…, text, edges).

    The text of row i is text[edges[i]:edges[i + 1]], in UTF-8.
    """
    # Letters may grow (Ⱥ has two bytes, ⱥ three) and CJK characters get a space between them, but no text doubles.
    text = np.empty(2 * int(offsets[-1] - offsets[0]) + 8, np.uint8)
    edges = np.zeros(len(offsets), np.int64)
    hashes, starts = _walked(data, offsets, text, edges)
    return hashes, starts, text[: edges[-1]], edges


def _walked(data: Bytes, offsets: Offsets, text: Bytes | None, edges: Offsets) -> tuple[Hashes, Offsets]:
    # As long as it could be: memory that is not written to is never taken.
    room = np.empty(int(offsets[-1] - offsets[0]), np.uint64)
    starts = np.zeros(len(offsets), np.int64)
    _walk(data, offsets, _SMALL, CLASS, LOWER, room, starts, text, edges)
    return room[: starts[-1]], starts


@kernel
def mix64(value: np.uint64) -> np.uint64:
    """The finishing mix of SplitMix64: every bit of the result hangs on every bit of the value."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def apostrophe(data: Bytes, after: int, end: int, classes: Bytes, inside: bool) -> int:
    """Part of a word (1), or a mark (2)."""
    return 1 if inside and after < end and data[after] < 128 and classes[data[after]] == 1 else 2


@kernel
def _kind_beyond_ascii(code: int) -> int:
    """0 space, 1 part of a word, 2 mark, 4 CJK character, 5 shows nothing."""
    if is_invisible(code):
        return 5
    if is_wide_space(code):
        return 0
    if is_cjk(code):
        return 4
    return 2 if is_wide_mark(code) else 1


@kernel
def _walk(
    data: Bytes,
    offsets: Offsets,
    small: Bytes,
    classes: Bytes,
    lower: Offsets,
    out: Hashes,
    starts: Offsets,
    text: Bytes | None,
    edges: Offsets,
) -> None:
    """Words to `out`, and their letters to `text` unless it is None: there a space follows every word but the last."""
    found, to = 0, 0
    for row in range(len(offsets) - 1):
        at, end, first = offsets[row], offsets[row + 1], to
        inside, value = False, _START
        while True:
            # ASCII letters and digits, the most of most texts, without a look at what they are.
            begun = at
            while at < end:
                letter = small[data[at]]
                if letter == 0:
                    break
                value = (value ^ np.uint64(letter)) * _PRIME
                if text is not None:
                    text[to] = letter
                    to += 1
                at += 1
            inside = inside or at > begun
            if at >= end:
                break
            byte = data[at]
            if byte < 128:
                at += 1
                kind: int = np.int64(classes[byte])  # type: ignore[assignment]  # integers of 64 bits in the kernel
                code: int = np.int64(byte)  # type: ignore[assignment]
                if kind == 3:
                    kind = apostrophe(data, at, end, classes, inside)
            else:
                code, at = decode(data, at)
                if code == 0x2019:
                    kind, code = apostrophe(data, at, end, classes, inside), 39
                else:
                    kind = _kind_beyond_ascii(code)
                if kind == 5:
                    continue
                if kind == 1 and code < 0x590:
                    code = lower[code]
            if kind == 1:
                value = (value ^ np.uint64(code)) * _PRIME
                if text is not None:
                    to = encode(text, to, code)
                inside = True
                continue
            if inside:
                out[found] = mix64(value) & _EVEN
                found += 1
                inside, value = False, _START
                if text is not None:
                    text[to] = 32
                    to += 1
            if kind != 0:
                even = mix64((_START ^ np.uint64(code)) * _PRIME) & _EVEN
                out[found] = even | _ONE if kind == 2 else even
                found += 1
                if text is not None and kind == 4:
                    to = encode(text, to, code)
                    text[to] = 32
                    to += 1
        if inside:
            out[found] = mix64(value) & _EVEN
            found += 1
        elif to > first:
            to -= 1
        starts[row + 1] = found
        if text is not None:
            edges[row + 1] = to
