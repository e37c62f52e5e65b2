"""The tables that the kernel of character probes looks into: small ones, since caches decide how fast it is.

The most frequent characters have short ids besides: 63 of them, of 6 bits, where the order is 5. An n-gram of such
characters alone has a key of at most 30 bits, and with its cost fits into 32: `lines` has two n-grams of the highest
order in 64 bits, one line. The key is mixed by an odd product, a bijection; its high bits say which line, the rest of
it stands above the cost. So one place in memory is looked at and nothing is mistaken for something else. The most
frequent n-grams have the first choice of lines; what finds none is in `more`.

What is in no line backs off to `shorter` (one unit less; lines.py) and from there to `dense`: for every sequence of
two units less the cost and the backoff, all shorter orders worked in. N-grams with a rare character are in `rare` and
`table` (table.py), by the ids and keys of ngrams.py. Costs are in steps of 2 ** −14 bits, as in lines.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.facts.probes.kneser_ney import Level
from anchor_pipeline.facts.probes.lines import STEP, VALUE_BITS, Parts, build_lines, quantised
from anchor_pipeline.facts.probes.ngram_model import NgramModel
from anchor_pipeline.facts.probes.ngrams import BEGIN, END, FIRST, UNKNOWN, Keys
from anchor_pipeline.facts.probes.table import build_table, shift_of, zeros_at_lines

CODE_POINTS = 0x110000

ID_BITS = np.uint64(20)
"""Of an entry of the alphabet the low bits are the id (ngrams.py), those above the short id, 0 where it has none."""

_KEY_BITS = 30
_MOST_SHORT_BITS = 10
_LEAST_LINE_BITS = 4
_FILL = 1.2
"""N-grams for the two places of a line on average, at most: a denser table is faster than one with more room."""

_ODD = np.uint64(0x9E3779B97F4A7C15)

Steps = NDArray[np.uint32]


class CharacterTables(NamedTuple):
    """What the kernel takes."""

    alphabet: Steps
    """The ids of every code point, and behind them those of the end of text."""
    order: int
    short_bits: np.uint64
    lines: Keys
    line_shift: np.uint64
    more: Parts
    shorter: Parts
    dense: Steps
    """Cost and backoff of each sequence of short ids."""
    rare: Parts
    table: Keys
    table_shift: np.uint64


def alphabet_of(vocabulary: Keys) -> Steps:
    """The id of every code point."""
    alphabet = np.full(CODE_POINTS, UNKNOWN, np.uint32)
    alphabet[vocabulary.astype(np.int64)] = np.arange(FIRST, FIRST + len(vocabulary))
    return alphabet


def build_character_tables(model: NgramModel) -> CharacterTables:
    """The tables of a model."""
    order, top = model.order, model.levels[-1]
    short_bits = min(_MOST_SHORT_BITS, _KEY_BITS // order)
    short = _short_ids(model.levels[0], short_bits)
    ids = np.append(alphabet_of(model.vocabulary), np.uint32(END))
    keys = _short_keys(top.keys, order, model.id_bits, short, short_bits)
    lines, line_bits, left = _build_lines(keys, top, order * short_bits)
    values = quantised(top.bits)
    # There is no `shorter` of these, so that they are all looked for by their long keys.
    others = (keys == 0) | (left & (order < 3))
    left &= order > 2
    more = build_lines(keys[left], values[left], top.seen[left], order * short_bits, VALUE_BITS)
    rare = build_lines(top.keys[others], values[others], top.seen[others], order * model.id_bits, VALUE_BITS)
    table = build_table(model.levels[:-1])
    return CharacterTables(
        ids | (short[ids] << np.uint32(ID_BITS)), order, np.uint64(short_bits),
        lines, np.uint64(order * short_bits - line_bits), more.parts,
        _build_shorter(model, short, short_bits), _build_dense(model, short, short_bits),
        rare.parts, table, shift_of(table),
    )  # fmt: skip


def _short_ids(first: Level, bits: int) -> Steps:
    """The short id of each id, 0 for those that have none: the most frequent have one."""
    seen = first.seen.astype(np.int64)
    seen[first.keys == BEGIN] = -1  # never predicted, and only seen where texts begin
    often = np.argsort(-seen, kind="stable")[: (1 << bits) - 1]
    often = often[seen[often] >= 0]
    short = np.zeros(int(first.keys[-1]) + 1, np.uint32)
    short[first.keys[often].astype(np.int64)] = np.arange(1, len(often) + 1)
    return short


def _short_keys(keys: Keys, units: int, id_bits: int, short: Steps, short_bits: int) -> Keys:
    """The n-grams of `units` units by short ids; 0 where one has none."""
    found, whole = np.zeros(len(keys), np.uint64), np.ones(len(keys), np.bool_)
    for place in range(units - 1, -1, -1):
        ids = (keys >> np.uint64(place * id_bits)) & np.uint64((1 << id_bits) - 1)
        each = short[ids.astype(np.int64)]
        found = (found << np.uint64(short_bits)) | each
        whole &= each > 0
    return np.where(whole, found, np.uint64(0))


def _build_lines(keys: Keys, top: Level, key_bits: int) -> tuple[Keys, int, NDArray[np.bool_]]:
    """(lines, binary logarithm of how many, which n-grams have a key but no place)."""
    needed = int(np.ceil(np.log2(max(1, int(np.count_nonzero(keys))) / _FILL)))
    line_bits = min(key_bits, max(_LEAST_LINE_BITS, key_bits + VALUE_BITS - 32, needed))
    lines, left, values = zeros_at_lines(1 << line_bits), keys > 0, quantised(top.bits)
    often = np.argsort(-top.seen.astype(np.int64), kind="stable")
    _fill(lines, np.uint64(key_bits), np.uint64(key_bits - line_bits), keys, values, often[left[often]], left)
    return lines, line_bits, left


def _build_shorter(model: NgramModel, short: Steps, short_bits: int) -> Parts:
    level = model.levels[-2] if model.order > 2 else Level.empty()
    keys = _short_keys(level.keys, model.order - 1, model.id_bits, short, short_bits)
    there = keys > 0
    both = quantised(level.bits) | (quantised(level.backoff) << np.uint64(VALUE_BITS))
    bits = max(1, (model.order - 1) * short_bits)
    return build_lines(keys[there], both[there], level.seen[there], bits, 2 * VALUE_BITS).parts


def _build_dense(model: NgramModel, short: Steps, short_bits: int) -> Steps:
    costs, backoffs = np.zeros(1), np.zeros(1)
    for k, level in enumerate(model.levels[: max(0, model.order - 2)], 1):
        # Of an n-gram that is not there: the backoff of its context, and what it costs without its first unit.
        context = np.arange(1 << (k * short_bits)) >> short_bits
        suffix = np.arange(1 << (k * short_bits)) & ((1 << ((k - 1) * short_bits)) - 1)
        costs, backoffs = backoffs[context] + costs[suffix], np.zeros(len(context))
        keys = _short_keys(level.keys, k, model.id_bits, short, short_bits)
        there = keys > 0
        places = keys[there].astype(np.int64)
        costs[places], backoffs[places] = level.bits[there], level.backoff[there]
    steps = np.rint(np.stack([costs, np.maximum(backoffs, 0.0)], axis=1) / STEP)
    dense = zeros_at_lines(len(costs)).view(np.uint32)
    dense[:] = steps.ravel()
    return dense


@kernel(inline="always")
def line_of(key: np.uint64, key_bits: np.uint64, line_shift: np.uint64) -> tuple[np.uint64, np.uint64]:
    """(line of a short key, the rest of it)."""
    spread = (key * _ODD) & ((np.uint64(1) << key_bits) - np.uint64(1))
    return spread >> line_shift, spread & ((np.uint64(1) << line_shift) - np.uint64(1))


@kernel
def _fill(
    lines: Keys,
    key_bits: np.uint64,
    line_shift: np.uint64,
    keys: Keys,
    values: Keys,
    often: NDArray[np.intp],
    left: NDArray[np.bool_],
) -> None:
    """Put the n-grams, in the order `often`, into their lines; left[i] stays true where there was no room."""
    for i in often:
        line, rest = line_of(keys[i], key_bits, line_shift)
        entry = (rest << np.uint64(VALUE_BITS)) | values[i]
        if lines[line] == 0:
            lines[line] = entry
            left[i] = False
        elif lines[line] >> np.uint64(32) == 0:
            lines[line] |= entry << np.uint64(32)
            left[i] = False
