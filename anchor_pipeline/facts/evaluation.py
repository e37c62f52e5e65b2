"""Overlap with evaluation sets: positions of a document at which n words in a row stand in a set too.

Brown et al. 2020 (Language Models are Few-Shot Learners, arXiv:2005.14165, appendix C) call a document contaminated
where it shares 13 words in a row with an evaluation set, less for short examples, never fewer than 8. So do we: words
are those of facts/words.py, marks left out, in lower case; an evaluation text of 8 words or more and fewer than n is
looked for as it stands, whole, anywhere in a document; of one shorter than 8, or of a document shorter than n, only
texts that are equal as a whole match. Compared are 64-bit hashes: a document position matches by chance with
probability (n-grams of the sets) / 2⁶³.

evaluation/<digest>/ in the store has the n-grams of the declared sets, and where each stands; the digest is of the
files and n.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.shingles import ngrams
from anchor_pipeline.facts.words import Hashes

SHORTEST = 8
"""Texts of fewer words are only compared with whole documents."""

EVALUATION_SCHEMA = pa.schema([pa.field("hits", pa.int32()), pa.field("entry", pa.int32())])
"""hits: positions that match; entry: the evaluation text of the first of them (row of `entries`), null if none."""

_FORMAT = 1
_TEXTS = 10_000
"""Evaluation texts are looked at so many at a time."""


class Text(Protocol):
    """An evaluation text and where it stands."""

    @property
    def uri(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def text(self) -> str: ...


def evaluation_digest(files: Iterable[tuple[str, str, str]], ngram: int) -> str:
    """The digest of sets: of the (uri, name, SHA-256) of their files and the length of n-grams."""
    return canonical_digest({"format": _FORMAT, "files": [list(file) for file in files], "ngram": ngram})


def keep_evaluation(store: Store, digest: str, texts: Iterable[Text], ngram: int) -> None:
    """Keep the n-grams of the sets of that digest, unless they are there."""
    if store.exists(_grams_name(digest)):
        return
    uris: list[str] = []
    files: list[str] = []
    lines: list[int] = []
    grams: list[Hashes] = [np.zeros(0, np.uint64)]
    entries: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    words: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    waiting = iter(texts)
    while some := list(islice(waiting, _TEXTS)):
        hashes, rows, lengths = evaluation_grams([text.text for text in some], ngram)
        grams.append(hashes)
        words.append(lengths[rows].clip(max=ngram))
        entries.append((rows + len(lines)).astype(np.int32))
        uris += [text.uri for text in some]
        files += [text.file for text in some]
        lines += [text.line for text in some]
    gram, entry = np.concatenate(grams), np.concatenate(entries)
    gram, first = np.unique(gram, return_index=True)
    _write(store, _entries_name(digest), pa.table({"uri": uris, "file": files, "line": lines}))
    _write(
        store,
        _grams_name(digest),
        pa.table({"gram": gram, "entry": entry[first], "words": np.concatenate(words)[first]}),
    )


def evaluation_grams(texts: list[str], ngram: int) -> tuple[Hashes, NDArray[np.int64], NDArray[np.int64]]:
    """What to look for of evaluation texts: (hashes, the text that each is of, the number of words of each text)."""
    words, starts = Batch(pa.table({"text": pa.array(texts, pa.large_string())})).proper
    hashes, edges = ngrams(words, starts, ngram, whole=True)
    return hashes, np.repeat(np.arange(len(texts)), np.diff(edges)), np.diff(starts)


def evaluation_entries(store: Store, digest: str) -> pa.Table:
    """Where evaluation texts stand: columns uri, file, line."""
    return pq.read_table(io.BytesIO(store.read(_entries_name(digest))))


def evaluation_set(store: Store, digest: str, ngram: int) -> FactSet:
    """The fact set of sets that are kept."""
    measure = _Overlap(store.address_of("").rstrip("/"), digest, ngram)
    return FactSet(f"eval-{digest[:12]}", "text", EVALUATION_SCHEMA, measure)


@dataclass(frozen=True)
class _Overlap:
    """The measure; the n-grams are read on first use in a process."""

    address: str
    digest: str
    ngram: int

    def __call__(self, batch: Batch) -> list[Any]:
        known = _known(self.address, self.digest)
        hits = np.zeros(batch.rows, np.int32)
        entry = np.full(batch.rows, -1, np.int32)
        words = np.diff(batch.proper[1])
        # Where whole texts of that length are looked for anywhere, a document of it is no second hit as a whole.
        looked_for = (words >= SHORTEST) & (words < self.ngram)
        for size in sorted({size for size in known.sizes if SHORTEST <= size < self.ngram} | {self.ngram}):
            whole = size == self.ngram
            hashes, edges = ngrams(*batch.proper, size, whole=whole)
            _look(hashes, edges, looked_for & whole, known.filter, known.keys, known.entries, hits, entry)
        return [pa.array(hits), pa.array(entry, mask=entry < 0)]


@dataclass(frozen=True)
class _Known:
    """N-grams of evaluation sets in an open-addressed table at most half full, behind a filter of 16 bits for each."""

    filter: NDArray[np.uint8]
    keys: Hashes
    """0: nothing here."""
    entries: NDArray[np.int32]
    sizes: frozenset[int]


@lru_cache(maxsize=4)
def _known(address: str, digest: str) -> _Known:
    table = pq.read_table(io.BytesIO(Store.at(address).read(_grams_name(digest))))
    grams = table.column("gram").to_numpy()
    bits = max(6, int(2 * len(grams)).bit_length())
    keys, entries = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
    filter = np.zeros(1 << bits, np.uint8)
    _fill(grams, table.column("entry").to_numpy(), filter, keys, entries)
    return _Known(filter, keys, entries, frozenset(table.column("words").unique().to_pylist()))


@kernel
def _fill(
    grams: Hashes, of: NDArray[np.int32], filter: NDArray[np.uint8], keys: Hashes, entries: NDArray[np.int32]
) -> None:
    slots = np.uint64(len(keys) - 1)
    bits = np.uint64(len(filter) * 8 - 1)
    for at in range(len(grams)):
        gram = grams[at] | np.uint64(1 << 63)
        bit = (gram >> np.uint64(20)) & bits
        filter[bit >> np.uint64(3)] |= np.uint8(1) << np.uint8(bit & np.uint64(7))
        slot = gram & slots
        while keys[slot] != 0:
            slot = (slot + np.uint64(1)) & slots
        keys[slot] = gram
        entries[slot] = of[at]


@kernel
def _look(
    hashes: Hashes, edges: Offsets, skip: NDArray[np.bool_], filter: NDArray[np.uint8], keys: Hashes,
    entries: NDArray[np.int32], hits: NDArray[np.int32], entry: NDArray[np.int32],
) -> None:  # fmt: skip
    """Count the hashes of each row that are in the table, and keep the entry of the first."""
    slots = np.uint64(len(keys) - 1)
    bits = np.uint64(len(filter) * 8 - 1)
    for row in range(len(edges) - 1):
        if skip[row]:
            continue
        for at in range(edges[row], edges[row + 1]):
            # The highest bit marks a slot as taken; 63 of 64 are compared.
            gram = hashes[at] | np.uint64(1 << 63)
            bit = (gram >> np.uint64(20)) & bits
            if not (filter[bit >> np.uint64(3)] >> np.uint8(bit & np.uint64(7))) & np.uint8(1):
                continue
            slot = gram & slots
            while keys[slot] != 0 and keys[slot] != gram:
                slot = (slot + np.uint64(1)) & slots
            if keys[slot] == gram:
                hits[row] += 1
                if entry[row] < 0:
                    entry[row] = entries[slot]


def _grams_name(digest: str) -> str:
    return f"evaluation/{digest}/grams.parquet"


def _entries_name(digest: str) -> str:
    return f"evaluation/{digest}/entries.parquet"


def _write(store: Store, name: str, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    store.write(name, buffer.getvalue())
