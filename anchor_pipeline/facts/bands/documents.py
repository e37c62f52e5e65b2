"""What is measured of each document of a bucket, and the statistics of any bucket drawn from these documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anchor_pipeline.facts.bands.kernels import Floats, Ids, Ints, bucket_length, distinct_in, entropy_in, gram_ids
from anchor_pipeline.facts.bands.statistics import RATIOS, SEQUENCE, bits_name
from anchor_pipeline.facts.words import Hashes, words_of


@dataclass(frozen=True)
class Documents:
    """Documents of one domain, and what buckets of them are made from."""

    words: Hashes
    starts: Ints
    """The words of document i are words[starts[i]:starts[i + 1]]."""
    groups: Ints
    """Documents of one origin bear the same number: they are drawn together, or not at all."""
    sums: dict[str, Floats]
    """What adds up over documents, by name: tokens, words, marks, letters; bits and units by probe."""
    statistics: tuple[str, ...]
    _stamps: list[int] = field(default_factory=lambda: [0], repr=False)

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.starts[-1])

    @cached_property
    def _numbered(self) -> tuple[list[Ids], list[Ids]]:
        ids, sizes = gram_ids(self.words, self.starts)
        return ids, [np.zeros(size, np.int32) for size in sizes]

    @cached_property
    def parts(self) -> dict[str, tuple[Floats, Floats]]:
        """The statistics that are one sum over documents by another: what each document adds to both."""
        found = {name: (self.sums[above], self.sums[below]) for name, (above, below) in RATIOS.items()}
        for name in self.statistics:
            if name not in found and name not in SEQUENCE:
                found[name] = (self.sums[name], self.sums[f"units/{name}"])
        return found

    def draw(self, order: Ints, tokens: int) -> Ints:
        """The first documents of an order that hold so many tokens; all if they hold fewer."""
        return order[: bucket_length(order, self.starts, tokens)]

    def measure(self, order: Ints, tokens: int) -> Floats:
        """The statistics of the bucket that the first `tokens` tokens of documents in this order are.

        What is counted over words is cut at exactly so many tokens; sums take the last document whole.
        """
        bucket = self.draw(order, tokens)
        ids, scratch = self._numbered
        out = np.empty(len(self.statistics))
        for place, name in enumerate(self.statistics):
            if name == "entropy_1":
                out[place] = entropy_in(bucket, self.starts, ids[0], tokens, scratch[0])
            elif name in SEQUENCE:
                gram = int(name[-1]) - 1
                self._stamps[0] += 1
                different, found = distinct_in(bucket, self.starts, ids[gram], tokens, scratch[gram], self._stamps[0])
                out[place] = different / found if found else 0.0
            else:
                above, below = self.parts[name]
                whole = below[bucket].sum()
                out[place] = above[bucket].sum() / whole if whole else 0.0
        return out


def measure_documents(texts: Any, groups: Ints, probes: Mapping[str, tuple[Floats, Floats]]) -> Documents:
    """Measure texts (an Arrow string array).

    `groups`: a number per text. `probes`: by digest, the bits of each text and in how many units they were
    predicted.
    """
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    words, starts = words_of(texts)
    marked = (words & np.uint64(1)).astype(np.bool_)
    tokens = np.diff(starts).astype(np.float64)
    marks = _sum_of(marked, starts)
    shown = pc.subtract(pc.utf8_length(texts), pc.count_substring_regex(texts, r"\s"))
    letters = pc.fill_null(shown, 0).to_numpy(zero_copy_only=False).astype(np.float64) - marks
    sums = {"tokens": tokens, "words": tokens - marks, "marks": marks, "letters": np.maximum(letters, 0)}
    for probe, (bits, units) in probes.items():
        sums[bits_name(probe)], sums[f"units/{bits_name(probe)}"] = bits, units
    names = (*(bits_name(probe) for probe in probes), *SEQUENCE, *RATIOS)
    return Documents(words, starts, groups, sums, names)


def _sum_of(flags: Any, starts: Ints) -> Floats:
    total = np.concatenate([[0], np.cumsum(flags)])
    found: Floats = (total[starts[1:]] - total[starts[:-1]]).astype(np.float64)
    return found
