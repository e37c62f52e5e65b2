"""Counting tokens: `words`, or those of a Hugging Face tokenizer.json.

`words` counts what Python's `str.split()` gives, with one addition: every CJK character is a token by
itself, since CJK text has no spaces. CJK are here: U+3005–3007 and U+3021–3029 (ideographic marks), U+3040–30FF
(Hiragana, Katakana), U+31F0–31FF and U+FF66–FF9F (more Katakana), U+1B000–1B16F (older Kana), U+3400–4DBF,
U+4E00–9FFF, U+F900–FAFF and U+20000–3FFFF (Han), U+AC00–D7A3 (Hangul syllables). `reference_words` says the same
in plain Python; the kernel, over the Arrow buffers, is proved against it in `test_tokens.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.strings import Bytes, Offsets, buffers_of

_CJK = (
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)  # fmt: skip
_CJK_CHARACTER = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _CJK) + "]")

# What str.isspace() holds for, below 128; the others are in `_is_wide_space`.
_SPACE = np.zeros(128, np.uint8)
_SPACE[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = 1


class TokenCounter(Protocol):
    """Counts the tokens of each text of an Arrow string array."""

    def count(self, texts: Any) -> NDArray[np.int64]: ...


def token_counter(tokens: str, root: Path) -> TokenCounter:
    """The counter that a project declares as `tokens`; paths are relative to `root`."""
    return WordCounter() if tokens == "words" else TokenizerCounter(root / tokens)


class WordCounter:
    """Counts words, and CJK characters."""

    def count(self, texts: Any) -> NDArray[np.int64]:
        """Tokens per text, int64."""
        data, offsets = buffers_of(texts)
        counts: NDArray[np.int64] = _count_words(data, offsets, _SPACE)
        return counts


class TokenizerCounter:
    """Counts the tokens of a Hugging Face tokenizer.json, without special tokens, truncation or padding."""

    def __init__(self, path: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise UsageError(
                f"`tokens: {path.name}` needs the library tokenizers; install anchor-pipeline[tokenizers]"
            ) from None
        try:
            self._tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises plain Exception
            raise UsageError(f"{path} is not a Hugging Face tokenizer.json: {error}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, texts: Any) -> NDArray[np.int64]:
        """Tokens per text, int64; a null counts 0."""
        values = [text or "" for text in texts.to_pylist()]
        encodings = self._tokenizer.encode_batch(values, add_special_tokens=False)
        return np.array([len(encoding) for encoding in encodings], np.int64)


def reference_words(text: str) -> int:
    """What `words` counts, in plain Python."""
    return len(_CJK_CHARACTER.sub(r" \g<0> ", text).split())


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _is_wide_space(code: int) -> bool:
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


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _is_cjk(code: int) -> bool:
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


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_words(data: Bytes, offsets: Offsets, space: Bytes) -> NDArray[np.int64]:
    """Tokens of each row; the data must be valid UTF-8."""
    rows = len(offsets) - 1
    counts = np.zeros(rows, np.int64)
    for row in range(rows):
        at, end = offsets[row], offsets[row + 1]
        count, gap = 0, 1  # gap: the next character that is no space starts a word
        while at < end:
            byte = data[at]
            if byte < 128:
                is_space = space[byte]
                count += gap & (1 - is_space)
                gap = int(is_space)
                at += 1
                continue
            if byte < 0xE0:
                code = (np.int64(byte & 0x1F) << 6) | np.int64(data[at + 1] & 0x3F)
                at += 2
            elif byte < 0xF0:
                code = (
                    (np.int64(byte & 0x0F) << 12) | (np.int64(data[at + 1] & 0x3F) << 6) | np.int64(data[at + 2] & 0x3F)
                )
                at += 3
            else:
                code = (
                    (np.int64(byte & 0x07) << 18)
                    | (np.int64(data[at + 1] & 0x3F) << 12)
                    | (np.int64(data[at + 2] & 0x3F) << 6)
                    | np.int64(data[at + 3] & 0x3F)
                )
                at += 4
            if _is_cjk(code):
                count += 1
                gap = 1
            elif _is_wide_space(code):
                gap = 1
            else:
                count += gap
                gap = 0
        counts[row] = count
    return counts
