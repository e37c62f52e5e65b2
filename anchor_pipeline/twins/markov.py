"""Markov babble: each word is drawn from those that follow the last `order` words in the fitted texts.

The oldest text generator (Shannon, "A Mathematical Theory of Communication", 1948, section 3) and a small one:
meant for demonstrations and tests of the rules, not for training.

What it guarantees:
- it never writes COPY_WORDS or more consecutive words of a fitted text, nor a shorter document or paragraph that
  stands in one as a whole, white space apart; so it gives no fitted text of that length away, whole or in part
  (the words of a shorter one can turn up within a longer paragraph);
- the same texts in any order, the same order, seed and number give the same document, on any platform;
- memory is bounded by sample.MAX_WORDS words: of larger sources a fixed sample is fitted.

All `order`-word contexts, and all runs of COPY_WORDS words, are looked up in one sorted array of positions
(a suffix array cut at COPY_WORDS words; Manber & Myers 1993).
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from anchor_pipeline.twins.base import Origin, TooLittleText, Training, Written
from anchor_pipeline.twins.numbers import Numbers
from anchor_pipeline.twins.sample import Sampled, sample_texts

COPY_WORDS = 13
"""Runs of so many words are a copy; the measure of rule eval_contamination."""

ATTEMPTS = 20
"""How often a document that came out too short or copied is begun anew."""

_WIDTH = 4  # bytes of a word's number
_BOUNDARY = 0  # stands before and after each text; no word has this number


class Markov:
    """The generator, as the registry knows it."""

    name = "markov"
    version = "1"

    def fit(self, texts: Iterable[Training], order: int) -> MarkovModel:
        """See the module. Raises TooLittleText if there is not a single word, ValueError for a wrong order."""
        if not 1 <= order < COPY_WORDS:
            raise ValueError(f"order {order} cannot be; look back 1 to {COPY_WORDS - 1} words")
        sampled = sample_texts(texts)
        if not sampled:
            raise TooLittleText("there is no text to fit on; expected at least one document with words in it")
        return _model(sampled, order)


@dataclass(frozen=True)
class MarkovModel:
    """The fitted texts, as numbers of words, and where everything stands in them."""

    order: int
    words: tuple[str, ...]
    """The word of each number; sorted. Number 0 is the boundary."""
    sequence: bytes
    """All texts, 4 bytes a word, each with `order` boundaries before and after it."""
    suffixes: array[int]
    """Positions in `sequence` (in words), sorted by the COPY_WORDS words that start there, then by position."""
    starts: tuple[int, ...]
    """Position of the first word of each text, ascending."""
    origins: tuple[Origin, ...]
    digest: str
    tokens: int

    @property
    def texts(self) -> int:
        """How many texts it was fitted on."""
        return len(self.starts)

    def write(self, documents: int, tokens: int, seed: str) -> Iterator[Written]:
        """Texts of about `tokens` words: ended at a sentence within a tenth of it, else a tenth above it."""
        for number in range(documents):
            yield self._document(number, tokens, seed)

    def _document(self, number: int, tokens: int, seed: str) -> Written:
        for attempt in range(ATTEMPTS):
            draft = _Draft(self, Numbers(seed, number, attempt))
            draft.extend(tokens)
            if len(draft.numbers) >= max(2, tokens // 2):
                return draft.finished()
        raise TooLittleText(
            f"{self.texts} texts of {self.tokens} words together are too little to write document {number + 1} of"
            f" {tokens} words without copying {COPY_WORDS} words in a row; fit on more text, ask for shorter"
            " documents, or lower the order"
        )

    def following(self, context: Sequence[int]) -> range:
        """Indices in `suffixes` of the places where `context` stands."""
        prefix = _packed(context)
        width = len(prefix)

        def words_at(position: int) -> bytes:
            return self.sequence[position * _WIDTH : position * _WIDTH + width]

        first = bisect_left(self.suffixes, prefix, key=words_at)
        return range(first, bisect_right(self.suffixes, prefix, lo=first, key=words_at))

    def is_copy(self, numbers: Sequence[int]) -> bool:
        """Whether a run of at most COPY_WORDS words stands in a text; longer ones were checked as they grew."""
        return 0 < len(numbers) <= COPY_WORDS and bool(self.following(numbers))

    def word_at(self, position: int) -> int:
        """Number of the word at a position."""
        return int.from_bytes(self.sequence[position * _WIDTH : (position + 1) * _WIDTH], "big")


class _Draft:
    """A document in the making: paragraphs that are done, and the places of the words of the one being written."""

    def __init__(self, model: MarkovModel, draws: Numbers) -> None:
        self.model, self.draws = model, draws
        self.numbers: list[int] = []
        """Numbers of all words so far, those of the paragraph being written at the end."""
        self.paragraphs: list[str] = []
        self.used: set[int] = set()
        self._places: list[int] = []

    def extend(self, tokens: int) -> None:
        """Add words until a sentence ends near `tokens`, or no word may follow."""
        enough, limit = tokens - tokens // 10, tokens + tokens // 10
        for _ in range(4 * limit):  # paragraphs can be thrown away, so the words alone do not tell when to stop
            position = self._next()
            if position is None and not self._places:
                return
            word = _BOUNDARY if position is None else self.model.word_at(position)
            if position is None or word == _BOUNDARY:
                self.end_paragraph()
                continue
            self.numbers.append(word)
            self._places.append(position)
            ended = self.model.words[word].endswith((".", "!", "?"))
            if len(self.numbers) >= limit or (ended and len(self.numbers) >= enough):
                break
        self.end_paragraph()

    def end_paragraph(self) -> None:
        """Keep the paragraph, or throw it away if it stands in a fitted text as a whole."""
        length = len(self._places)
        written = self.numbers[len(self.numbers) - length :]
        if self.model.is_copy(written):
            del self.numbers[len(self.numbers) - length :]
        elif written:
            self.paragraphs.append(" ".join(self.model.words[word] for word in written))
            self.used.update(bisect_right(self.model.starts, position) - 1 for position in self._places)
        self._places = []

    def _next(self) -> int | None:
        """Position of a word that stands after the context and makes no copy; None if there is none."""
        model = self.model
        recent = self.numbers[len(self.numbers) - min(len(self._places), model.order) :]
        places = model.following([_BOUNDARY] * (model.order - len(recent)) + recent)
        if not places:
            return None
        position = model.suffixes[places[self.draws.below(len(places))]] + model.order
        if not self._copies(model.word_at(position)):
            return position
        others = [model.suffixes[place] + model.order for place in places]
        fit = {word: not self._copies(word) for word in sorted({model.word_at(other) for other in others})}
        others = [other for other in others if fit[model.word_at(other)]]
        return others[self.draws.below(len(others))] if others else None

    def _copies(self, word: int) -> bool:
        run = [*self.numbers[1 - COPY_WORDS :], word]
        return word != _BOUNDARY and len(run) == COPY_WORDS and self.model.is_copy(run)

    def finished(self) -> Written:
        """The text, paragraphs apart by a blank line, with the origins of its words."""
        return Written("\n\n".join(self.paragraphs), tuple(sorted({self.model.origins[i] for i in self.used})))


def _packed(numbers: Iterable[int]) -> bytes:
    packed = array("I", numbers)
    if sys.byteorder == "little":
        packed.byteswap()  # big-endian bytes sort as the numbers do, on any platform
    return packed.tobytes()


def _model(sampled: list[Sampled], order: int) -> MarkovModel:
    words = ("", *sorted({word for text in sampled for word in text.words}))
    number = {word: index for index, word in enumerate(words)}
    boundary = [_BOUNDARY] * order
    numbers = array("I", boundary)
    starts = []
    for text in sampled:
        starts.append(len(numbers))
        numbers.extend([number[word] for word in text.words])
        numbers.extend(boundary)
    sequence = _packed(numbers)
    width = COPY_WORDS * _WIDTH
    # The last `order` places are boundaries that nothing follows.
    places = range(len(numbers) - order)
    suffixes = array("I", sorted(places, key=lambda at: sequence[at * _WIDTH : at * _WIDTH + width]))
    digest = hashlib.sha256(b"".join(text.digest for text in sampled)).hexdigest()
    tokens = sum(len(text.words) for text in sampled)
    origins = tuple(text.origin for text in sampled)
    return MarkovModel(order, words, sequence, suffixes, tuple(starts), origins, digest, tokens)
