"""Counting tokens: `words`, or those of a Hugging Face tokenizer.json.

`words` counts what Python's `str.split()` gives, with one addition: every CJK character is a token by
itself, since CJK text has no spaces. CJK are here: U+3005–3007 and U+3021–3029 (ideographic marks), U+3040–30FF
(Hiragana, Katakana), U+31F0–31FF and U+FF66–FF9F (more Katakana), U+1B000–1B16F (older Kana), U+3400–4DBF,
U+4E00–9FFF, U+F900–FAFF and U+20000–3FFFF (Han), U+AC00–D7A3 (Hangul syllables). `reference_words` says the same
in plain Python; the kernel, over the Arrow buffers, is proved against it in `test_tokens.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import ASCII_SPACE, CJK, decode, is_cjk, is_wide_space
from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Bytes, Offsets, buffers_of
from anchor_pipeline.errors import UsageError


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
        counts: NDArray[np.int64] = _count_words(data, offsets, ASCII_SPACE)
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
    return len(CJK.sub(r" \g<0> ", text).split())


@kernel
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
            code, at = decode(data, at)
            if is_cjk(code):
                count += 1
                gap = 1
            elif is_wide_space(code):
                gap = 1
            else:
                count += gap
                gap = 0
        counts[row] = count
    return counts
