"""An n-gram probe as an ARPA file, so that other programs (KenLM) can read and check it.

The format is that of Doug Paul and others, as described in SRILM's ngram-format(5): log10 of probability and backoff.
A word is written as the 15 hexadecimal digits of its hash (its spelling is not in the model), a character as U+ and its
code point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log10

import numpy as np

from anchor_pipeline.facts.probes.ngram_model import NgramModel
from anchor_pipeline.facts.probes.ngrams import BEGIN, END, FIRST, UNKNOWN

_PER_BIT = log10(2.0)


def word_name(value: int) -> str:
    """How a word of that hash (its high 60 bits) is written."""
    return f"{value:015x}"


def character_name(value: int) -> str:
    """How a character of that code point is written."""
    return f"U+{value:04X}"


def arpa_of(model: NgramModel, name: Callable[[int], str]) -> Iterator[str]:
    """The lines of the file; `name` writes a unit of the vocabulary."""
    names = {UNKNOWN: "<unk>", BEGIN: "<s>", END: "</s>"}
    names.update((FIRST + i, name(int(value))) for i, value in enumerate(model.vocabulary))
    mask = np.uint64((1 << model.id_bits) - 1)
    yield "\\data\\"
    for k, level in enumerate(model.levels, 1):
        yield f"ngram {k}={len(level.keys)}"
    for k, level in enumerate(model.levels, 1):
        yield f"\n\\{k}-grams:"
        for key, bits, backoff in zip(level.keys, level.bits, level.backoff, strict=True):
            parts = [names[int((key >> np.uint64(model.id_bits * place)) & mask)] for place in range(k - 1, -1, -1)]
            line = f"{-float(bits) * _PER_BIT:.9g}\t{' '.join(parts)}"
            yield line if k == model.order else f"{line}\t{-float(backoff) * _PER_BIT:.9g}"
    yield "\n\\end\\"
