"""The character probe: an n-gram model over the code points of a text as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from anchor_pipeline import __version__
from anchor_pipeline.corpus.strings import Bytes, Offsets, buffers_of
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.card import CARD, Card, TrainingSource
from anchor_pipeline.facts.probes.character_score import character_ids, count_characters, score_characters
from anchor_pipeline.facts.probes.character_tables import (
    CODE_POINTS,
    CharacterTables,
    alphabet_of,
    build_character_tables,
)
from anchor_pipeline.facts.probes.kneser_ney import Floats
from anchor_pipeline.facts.probes.model_file import MODEL
from anchor_pipeline.facts.probes.ngram_model import (
    NgramModel,
    checked_min_counts,
    choose_vocabulary,
    estimate_model,
)
from anchor_pipeline.facts.probes.ngrams import Counts, NgramCounter

MOST_ORDER = 6

_ROWS = 4096
"""Rows whose ids are held at once while training."""


class CharacterProbe:
    """A character n-gram model, ready to score."""

    unit = "character"

    def __init__(self, name: str, digest: str, card: Card, model: NgramModel) -> None:
        self.name, self.digest, self.card, self.model = name, digest, card, model

    @cached_property
    def _tables(self) -> CharacterTables:
        return build_character_tables(self.model)

    def measure(self, batch: Batch) -> tuple[Floats, Counts]:
        """−log2 p of every row with its end, and how many characters that is, the end among them."""
        return self.score_buffers(batch.data, batch.offsets)

    def score(self, texts: Any) -> tuple[Floats, Counts]:
        """The same of an Arrow string array."""
        return self.score_buffers(*buffers_of(texts))

    def score_buffers(self, data: Bytes, offsets: Offsets) -> tuple[Floats, Counts]:
        """The same of UTF-8 in one buffer."""
        bits, units = score_characters(data, offsets, self._tables)
        return bits, units


def train_character_probe(
    texts: Iterable[Any],
    order: int = 5,
    min_counts: Sequence[int] = (1,),
    *,
    cycle: str = "",
    sources: Sequence[TrainingSource] = (),
    share: float = 1.0,
) -> dict[str, bytes]:
    """The files of a probe trained on Arrow string arrays: whatever their order and division, the same bytes.

    `min_counts` as in train_word_probe. Holds the texts, and some 30 bytes for every distinct n-gram.
    """
    if not 1 <= order <= MOST_ORDER:
        raise UsageError(f"a character probe of order {order} cannot be: 1 to {MOST_ORDER}")
    full = checked_min_counts(min_counts, order)
    batches = [buffers_of(array) for array in texts]
    seen = np.zeros(CODE_POINTS, np.int64)
    for data, offsets in batches:
        count_characters(data, offsets, seen)
    codes = np.flatnonzero(seen)
    if not len(codes):
        raise UsageError("there is no character to train a probe on")
    vocabulary, unknown_types = choose_vocabulary(codes.astype(np.uint64), seen[codes], order, full[0])
    alphabet, counter = alphabet_of(vocabulary), NgramCounter(order)
    for data, offsets in batches:
        for row in range(0, len(offsets) - 1, _ROWS):
            part = offsets[row : row + _ROWS + 1]
            ids, starts = np.empty(int(part[-1] - part[0]), np.int64), np.empty(len(part), np.int64)
            character_ids(data, part, alphabet, ids, starts)
            counter.add(ids, starts)
    model = estimate_model(vocabulary, *counter.result(), order=order, min_counts=full, unknown_types=unknown_types)
    card = Card(
        kind="characters",
        order=order,
        vocabulary=len(vocabulary),
        unknown_types=unknown_types,
        min_counts=full,
        orders=model.cards,
        documents=sum(len(offsets) - 1 for _, offsets in batches),
        units=int(seen.sum()),
        share=share,
        cycle=cycle,
        sources=tuple(sources),
        package=__version__,
    )
    return {MODEL: model.to_bytes(), CARD: card.to_bytes()}
