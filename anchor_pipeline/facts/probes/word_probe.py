"""The word probe: an n-gram model over the words of facts/words.py, marks among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline import __version__
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.card import CARD, Card, TrainingSource
from anchor_pipeline.facts.probes.kneser_ney import Floats, Level
from anchor_pipeline.facts.probes.lines import VALUE_BITS, Lines, Parts, build_lines, quantised
from anchor_pipeline.facts.probes.model_file import MODEL
from anchor_pipeline.facts.probes.ngram_model import (
    NgramModel,
    checked_min_counts,
    choose_vocabulary,
    estimate_model,
)
from anchor_pipeline.facts.probes.ngrams import FIRST, Counts, Keys, NgramCounter
from anchor_pipeline.facts.probes.word_score import DROPPED, WORD_BITS, score_words, word_ids
from anchor_pipeline.facts.words import Hashes, words_of

MOST_ORDER = 3


class WordProbe:
    """A word n-gram model, ready to score."""

    unit = "word"

    def __init__(self, name: str, digest: str, card: Card, model: NgramModel) -> None:
        self.name, self.digest, self.card, self.model = name, digest, card, model

    @cached_property
    def _tables(self) -> tuple[Parts, Parts, Parts, NDArray[np.float32]]:
        first, *longer = self.model.levels
        pairs = triples = Level.empty()
        if longer:
            pairs = longer[0]
        if len(longer) > 1:
            triples = longer[1]
        both = quantised(pairs.bits) | (quantised(pairs.backoff) << np.uint64(VALUE_BITS))
        return (
            vocabulary_lines(self.model.vocabulary, first.seen[FIRST - 1 :]).parts,
            build_lines(pairs.keys, both, pairs.seen, 40, 2 * VALUE_BITS).parts,
            build_lines(triples.keys, quantised(triples.bits), triples.seen, 60, VALUE_BITS).parts,
            units_of(first),
        )

    def measure(self, batch: Batch) -> tuple[Floats, Counts]:
        """−log2 p of every row with its end, and how many words that is, the end among them."""
        return self.score_hashes(batch.words, batch.starts)

    def score(self, texts: Any) -> tuple[Floats, Counts]:
        """The same of an Arrow string array."""
        return self.score_hashes(*words_of(texts))

    def score_hashes(self, words: Hashes, starts: Offsets) -> tuple[Floats, Counts]:
        """The same of words that are hashed already."""
        bits, units = score_words(words, starts, *self._tables, self.model.order)
        return bits, units


def train_word_probe(
    texts: Iterable[Any],
    order: int = 3,
    min_counts: Sequence[int] = (1,),
    *,
    cycle: str = "",
    sources: Sequence[TrainingSource] = (),
    share: float = 1.0,
) -> dict[str, bytes]:
    """The files of a probe trained on Arrow string arrays: whatever their order and division, the same bytes.

    Words seen less often than min_counts[0] are the unknown class, n-grams of order k seen less often than
    min_counts[k - 1] are left out. Holds 8 bytes for every word of the texts, and some 30 for every distinct n-gram.
    """
    if not 1 <= order <= MOST_ORDER:
        raise UsageError(f"a word probe of order {order} cannot be: 1 to {MOST_ORDER}")
    full = checked_min_counts(min_counts, order)
    batches = [words_of(array) for array in texts]
    # What is kept of a batch is as long as its words, not as its text.
    batches = [(words.copy(), starts) for words, starts in batches]
    values, counts = _distinct([words >> DROPPED for words, _ in batches])
    if not len(values):
        raise UsageError("there is no word to train a probe on")
    vocabulary, unknown_types = choose_vocabulary(values, counts, order, full[0])
    known = vocabulary_lines(vocabulary, np.zeros(len(vocabulary), np.int64)).parts
    counter = NgramCounter(order)
    for words, starts in batches:
        ids = np.empty(len(words), np.uint64)
        word_ids(words, known, ids, np.empty(len(words), np.uint64), np.empty(len(words), np.uint32))
        counter.add(ids.view(np.int64), starts)
    model = estimate_model(vocabulary, *counter.result(), order=order, min_counts=full, unknown_types=unknown_types)
    card = Card(
        kind="words",
        order=order,
        vocabulary=len(vocabulary),
        unknown_types=unknown_types,
        min_counts=full,
        orders=model.cards,
        documents=sum(len(starts) - 1 for _, starts in batches),
        units=int(counts.sum()),
        share=share,
        cycle=cycle,
        sources=tuple(sources),
        package=__version__,
    )
    return {MODEL: model.to_bytes(), CARD: card.to_bytes()}


def vocabulary_lines(vocabulary: Keys, seen: NDArray[np.integer]) -> Lines:
    """The id of each word of a vocabulary, the frequent ones found soonest."""
    ids = np.arange(FIRST, FIRST + len(vocabulary), dtype=np.uint64)
    # 0 is no key; that a word's hash begins with 60 zeros does not happen.
    there = vocabulary > 0
    return build_lines(vocabulary[there], ids[there], seen[there], WORD_BITS, VALUE_BITS)


def units_of(first: Level) -> NDArray[np.float32]:
    """Cost and backoff of each word, by its id."""
    units = np.zeros((int(first.keys[-1]) + 1, 2), np.float32)
    units[first.keys.astype(np.int64)] = np.stack([first.bits, first.backoff], axis=1)
    return units


def _distinct(parts: Sequence[Hashes]) -> tuple[Hashes, Counts]:
    """Distinct words, ascending, and how often each occurs."""
    words = np.sort(np.concatenate([*parts, np.zeros(0, np.uint64)]))
    runs = np.flatnonzero(np.concatenate([[True], words[1:] != words[:-1]])) if len(words) else np.zeros(0, np.int64)
    return words[runs], np.diff(np.append(runs, len(words)))
