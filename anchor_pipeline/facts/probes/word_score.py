"""The scoring kernel of word probes."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.strings import Offsets
from anchor_pipeline.facts.probes.ngrams import Keys
from anchor_pipeline.facts.probes.table import Costs, slot_of
from anchor_pipeline.facts.words import Hashes

_BLOCK = 1024


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def word_ids(words: Hashes, known: Keys, shift: np.uint64, out: NDArray[np.uint64]) -> None:
    """The id of every word; 1 where the vocabulary lacks it.

    `known` is a table as of table.py, with ids instead of costs.
    """
    mask = np.uint64(len(known) // 2 - 1)
    for i in range(len(words)):
        word = words[i]
        slot = slot_of(word, shift)
        while known[np.uint64(2) * slot] != word and known[np.uint64(2) * slot]:
            slot = (slot + np.uint64(1)) & mask
        out[i] = known[np.uint64(2) * slot + np.uint64(1)] if known[np.uint64(2) * slot] else np.uint64(1)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def score_words(
    words: Hashes,
    starts: Offsets,
    known: Keys,
    known_shift: np.uint64,
    table: Keys,
    table_shift: np.uint64,
    units: Costs,
    order: int,
    bits: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bits and predicted units of each row; `units` holds cost and backoff of every unigram by its id.

    From the unigram up, until an n-gram is not there: what is longer is not there either. The backoffs met on the way
    are those that the next unit needs, for they are of the contexts that end here.
    """
    rows = len(starts) - 1
    total, predicted = np.zeros(rows), np.zeros(rows, np.int64)
    values = table.view(np.float32)
    mask = np.uint64(len(table) // 2 - 1)
    shift = np.uint64(bits)
    one = np.uint64(1)
    before, after = np.zeros(order + 1), np.zeros(order + 1)
    block = np.empty(_BLOCK, np.uint64)
    for row in range(rows):
        context, length = np.uint64(2), 1
        before[:] = 0.0
        before[1] = units[2, 1]
        sum_, at, end = 0.0, starts[row], starts[row + 1]
        while at <= end:
            # The ids of many words at once: these lookups do not wait for each other.
            many = min(_BLOCK, end - at)
            word_ids(words[at : at + many], known, known_shift, block)
            if many < _BLOCK:
                block[many] = 3
                many += 1
            at += many
            for i in range(many):
                unit = block[i]
                cost = units[unit, 0]
                after[1] = units[unit, 1]
                key, place, found = unit, shift, 1
                rest = context
                while found < order and found <= length:
                    key |= (rest & ((one << shift) - one)) << place
                    rest >>= shift
                    place += shift
                    slot = slot_of(key, table_shift)
                    while table[slot << one] != key and table[slot << one]:
                        slot = (slot + one) & mask
                    if not table[slot << one]:
                        break
                    found += 1
                    cost = values[(slot << np.uint64(2)) + np.uint64(2)]
                    after[found] = values[(slot << np.uint64(2)) + np.uint64(3)]
                # `found` units match: every longer context that is known is left, at its price.
                for k in range(found, length + 1):
                    cost += before[k]
                sum_ += cost
                length = min(found, order - 1)
                before, after = after, before
                context = (context << shift) | unit
        total[row] = sum_
        predicted[row] = end - starts[row] + 1
    return total, predicted
