"""The rows of one row group, with what several fact sets make use of computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.strings import Bytes, Offsets, buffers_of
from anchor_pipeline.facts.shingles import SHINGLE, ngrams, proper_words
from anchor_pipeline.facts.words import Hashes, words_and_text


@dataclass
class Batch:
    """Rows of one modality, in the order of their shard.

    `table` has the columns of DOCUMENT_SCHEMA that some fact set reads. Everything else is made on first use, and
    kept: texts are looked at once, however many facts are measured of them. Rows are found by offsets: what row i
    has of `values` is values[offsets[i]:offsets[i + 1]].
    """

    table: pa.Table

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    def column(self, name: str) -> Any:
        """A column as one Arrow array."""
        column = self.table.column(name)
        # Chunks are put together only where there are several: a text of 100 MB is not copied.
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    @cached_property
    def _content(self) -> tuple[Bytes, Offsets]:
        names = self.table.schema.names
        text = self.column("text") if "text" in names else None
        if text is not None and ("payload" not in names or text.null_count < len(text)):
            return buffers_of(text)
        return buffers_of(self.column("payload"))

    @property
    def data(self) -> Bytes:
        """The bytes of all rows: of `text`, or of `payload` where there is no text."""
        return self._content[0]

    @property
    def offsets(self) -> Offsets:
        """Where the bytes of each row lie in `data`."""
        return self._content[1]

    @cached_property
    def _words(self) -> tuple[Hashes, Offsets, Bytes, Offsets]:
        return words_and_text(self.data, self.offsets)

    @property
    def words(self) -> Hashes:
        """All words, marks among them (odd hashes), as `words_of` gives them."""
        return self._words[0]

    @property
    def starts(self) -> Offsets:
        """Where the words of each row lie in `words`."""
        return self._words[1]

    @property
    def normalised(self) -> tuple[Bytes, Offsets]:
        """The words proper in lower case, one space between them, as UTF-8: (bytes, offsets)."""
        return self._words[2], self._words[3]

    @cached_property
    def proper(self) -> tuple[Hashes, Offsets]:
        """The words proper, without the marks: (hashes, starts)."""
        return proper_words(self.words, self.starts)

    @cached_property
    def shingles(self) -> tuple[Hashes, Offsets]:
        """The word 5-grams: (hashes, starts); of a row of one to four words, one shingle of them all."""
        return ngrams(*self.proper, SHINGLE, whole=True)
