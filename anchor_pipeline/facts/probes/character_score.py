"""The scoring kernel of character probes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.characters import decode
from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.strings import Bytes, Offsets
from anchor_pipeline.facts.probes.character_tables import ID_BITS, CharacterTables, Steps, line_of
from anchor_pipeline.facts.probes.lines import STEP, VALUE_BITS, Parts, find_all
from anchor_pipeline.facts.probes.ngrams import Keys, id_bits
from anchor_pipeline.facts.probes.table import slot_of

Alphabet = NDArray[np.uint32]

_BLOCK = 4096
_ONE, _TWO = np.uint64(1), np.uint64(2)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_MEMO_BITS = 13
_MEMO_SHIFT = np.uint64(64 - _MEMO_BITS)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_VALUE_BITS = np.uint64(VALUE_BITS)
_STEPS = (_ONE << _VALUE_BITS) - _ONE


@kernel
def count_characters(data: Bytes, offsets: Offsets, seen: Offsets) -> None:
    """Add to seen[c] how often code point c occurs in the rows."""
    at, end = offsets[0], offsets[-1]
    while at < end:
        code: int = np.int64(data[at])  # type: ignore[assignment]
        if code < 128:
            at += 1
        else:
            code, at = decode(data, at)
        seen[code] += 1


@kernel
def character_ids(data: Bytes, offsets: Offsets, alphabet: Alphabet, out: NDArray[np.int64], starts: Offsets) -> None:
    """The id of every character, row after row; `alphabet` holds the id of every code point."""
    found = 0
    starts[0] = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            code: int = np.int64(data[at])  # type: ignore[assignment]
            if code < 128:
                at += 1
            else:
                code, at = decode(data, at)
            out[found] = alphabet[code]
            found += 1
        starts[row + 1] = found


@kernel
def score_characters(
    data: Bytes, offsets: Offsets, tables: CharacterTables
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bits and predicted characters of each row.

    A block of characters at a time: first all are looked for among the n-grams of frequent characters. Nearly every
    one of ordinary text is there, where it lies does not hang on the one before, and nothing is guessed by the
    processor: so many lookups are under way at once. What is not there is put down, and settled after the block.
    """
    rows = len(offsets) - 1
    total, predicted = np.zeros(rows), np.zeros(rows, np.int64)
    missed, short_missed = np.empty(_BLOCK + 1, np.uint64), np.empty(_BLOCK + 1, np.uint64)
    # What was worked out at length before, the last one in each place.
    known, cost = np.zeros(1 << _MEMO_BITS, np.uint64), np.zeros(1 << _MEMO_BITS)
    alphabet, lines = tables.alphabet, tables.lines
    shift, short_shift = np.uint64(id_bits(tables.order)), tables.short_bits
    whole = _ALL >> (np.uint64(64) - np.uint64(tables.order) * shift)
    key_bits = np.uint64(tables.order) * short_shift
    short_whole = (_ONE << key_bits) - _ONE
    for row in range(rows):
        key, short, bits, units, missing = np.uint64(2), np.uint64(0), 0.0, np.uint64(0), np.uint64(0)
        steps = np.uint64(0)
        at, end, done = np.uint64(offsets[row]), np.uint64(offsets[row + 1]), False
        while not done:
            stop, many = min(end, at + np.uint64(_BLOCK)), np.uint64(0)
            last = stop == end
            while at < stop or last:
                if at >= stop:
                    entry = np.uint64(alphabet[len(alphabet) - 1])
                    last, done = False, True
                elif data[at] < 128:
                    entry = np.uint64(alphabet[data[at]])
                    at += _ONE
                else:
                    code, after = decode(data, np.int64(at))  # type: ignore[arg-type]  # a plain int to the kernel
                    entry = np.uint64(alphabet[code])
                    at = np.uint64(after)
                key = ((key << shift) | (entry & ((_ONE << ID_BITS) - _ONE))) & whole
                short = ((short << short_shift) | (entry >> ID_BITS)) & short_whole
                units += _ONE
                place, rest = line_of(short, key_bits, tables.line_shift)
                line = lines[place]
                first, second = line & np.uint64(0xFFFFFFFF), line >> np.uint64(32)
                found = first if first >> _VALUE_BITS == rest else np.uint64(0)
                found |= second if second >> _VALUE_BITS == rest else np.uint64(0)
                found &= _STEPS
                # Written down in any case, and kept if it was not found.
                missed[many], short_missed[many] = key, short
                many += np.uint64(found == 0)
                steps += found
            missing += many
            bits += _settle(missed, short_missed, many, tables, known, cost)
        # What is found is 1 above the cost (lines.quantised).
        total[row] = np.float64(steps - (units - missing)) * STEP + bits
        predicted[row] = units
    return total, predicted


@kernel
def _settle(
    missed: Keys, short_missed: Keys, many: np.uint64, tables: CharacterTables, known: Keys, cost: NDArray[np.float64]
) -> float:
    """What n-grams cost that are in no line; `missed` and `short_missed` are written over."""
    order, bits = tables.order, tables.short_bits
    key_bits = np.uint64(order) * bits
    # One in every short id, to see whether one of them is 0.
    ones = ((_ONE << key_bits) - _ONE) // ((_ONE << bits) - _ONE)
    tops = ones << (bits - _ONE)
    frequent, others = np.uint64(0), np.uint64(0)
    for i in range(many):
        key, short = missed[i], short_missed[i]
        rare = np.uint64(((short - ones) & ~short & tops != 0) | (order < 3))
        # Written down on both lists, and kept on one.
        missed[others], short_missed[frequent] = key, short
        others += rare
        frequent += _ONE - rare
    in_more, frequent = _look(short_missed[:frequent], key_bits, tables.more)
    in_rare, others = _look(missed[:others], np.uint64(order * id_bits(order)), tables.rare)
    steps = in_more + in_rare
    steps += _shorter_costs(short_missed[:frequent], tables.shorter, tables.dense, bits, key_bits - bits)
    long = _back_off_all(missed[:others], tables.table, tables.table_shift, order, known, cost)
    return np.float64(steps) * STEP + long


@kernel
def _look(keys: Keys, key_bits: np.uint64, table: Parts) -> tuple[Any, Any]:
    """(sum of the costs of those in the table, in steps; how many are not: they are moved to the front)."""
    found = np.empty(len(keys), np.uint64)
    find_all(keys, key_bits, table, found, np.empty(len(keys), np.uint32))
    steps, left = np.uint64(0), np.uint64(0)
    for i in range(len(keys)):
        there = np.uint64(found[i] != 0)
        steps += found[i] - there
        keys[left] = keys[i]
        left += _ONE - there
    return steps, left


@kernel
def _shorter_costs(keys: Keys, shorter: Parts, dense: Steps, bits: np.uint64, key_bits: np.uint64) -> Any:
    """The costs of n-grams of frequent characters, in steps: from those of one and two units less."""
    many, whole = len(keys), (_ONE << key_bits) - _ONE
    asked, found, waiting = np.empty(2 * many, np.uint64), np.empty(2 * many, np.uint64), np.empty(2 * many, np.uint32)
    for i in range(many):
        asked[2 * i], asked[2 * i + 1] = keys[i] >> bits, keys[i] & whole
    find_all(asked, key_bits, shorter, found, waiting)
    within, steps = whole >> bits, np.uint64(0)
    for i in range(many):
        key, context, suffix = keys[i], found[2 * i], found[2 * i + 1]
        # Both ways are added up, whichever is taken: the processor need not guess.
        least = np.uint64(dense[_TWO * ((key >> bits) & within) + _ONE]) + np.uint64(dense[_TWO * (key & within)])
        backoff = (context >> _VALUE_BITS) - _ONE if context else np.uint64(0)
        steps += backoff + ((suffix & _STEPS) - _ONE if suffix else least)
    return steps


@kernel
def _back_off_all(
    keys: Keys, table: Keys, table_shift: np.uint64, order: int, known: Keys, cost: NDArray[np.float64]
) -> float:
    """The costs of n-grams that are not there: the backoffs of the contexts until a shorter one is there.

    `known` and `cost` are the n-grams worked out before, the last one in each place.
    """
    values, shift, sum_ = table.view(np.float32), np.uint64(id_bits(order)), 0.0
    for i in range(len(keys)):
        key = keys[i]
        slot = (key * _SPREAD) >> _MEMO_SHIFT
        if known[slot] == key:
            sum_ += cost[slot]
            continue
        length, bits = order, 0.0
        while length > 1 and key >> (np.uint64(length - 1) * shift) == 0:  # a text that has just begun
            length -= 1
        for k in range(length, 0, -1):
            part = key & (_ALL >> (np.uint64(64) - np.uint64(k) * shift))
            if k < order:
                place = _place(part, table, table_shift)
                if place:
                    bits += np.float64(values[place])
                    break
            if k > 1:
                place = _place(part >> shift, table, table_shift)
                if place:
                    bits += np.float64(values[place + 1])
        known[slot], cost[slot] = key, bits
        sum_ += bits
    return sum_


@kernel
def _place(key: np.uint64, table: Keys, table_shift: np.uint64) -> int:
    """Where the cost of an n-gram stands among the 32-bit floats of the table, its backoff behind it; 0 if nowhere."""
    mask = np.uint64(len(table) // 2 - 1)
    slot = slot_of(key, table_shift)
    while table[np.uint64(2) * slot] != key:
        if not table[np.uint64(2) * slot]:
            return 0
        slot = (slot + np.uint64(1)) & mask
    return np.int64(np.uint64(4) * slot + np.uint64(2))  # type: ignore[return-value]
