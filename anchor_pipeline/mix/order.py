"""The order of the mix: every prefix holds the shares, so a job that stops early was trained on a lawful mix.

WF2Q, worst-case fair weighted fair queueing (Bennett & Zhang, "WF2Q: worst-case fair weighted fair queueing",
INFOCOM 1996), with a cell as a flow, a document as a packet and tokens as time: after T of S tokens, a cell
with S_c tokens should have had S_c/S * T of them. Among the documents at the heads of the cells that would
have *started* by now in that ideal (cumulative before / S_c <= T/S), the one that would *finish* first is next.

Guarantee, after every document: a cell is ahead of its ideal by at most its own longest document, and behind
by at most the longest document of the mix (test_order checks both, exactly). Sorting by start, by finish or by
midpoint alone does not give this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.mix.cells import Cell, canonical

Ints = npt.NDArray[np.int64]


def merge_order(
    cell_of_item: npt.NDArray[np.int32], tokens_of_item: npt.NDArray[np.int64], cells: Sequence[Cell]
) -> Ints:
    """Positions of the items in the order in which the mix holds them.

    Args:
        cell_of_item: per item, the index of its cell in `cells`. The items of one cell appear in its draw order;
            items of different cells may lie in any arrangement.
        tokens_of_item: per item, its tokens, 0 or more.
        cells: all cells; ties are broken by their identities, so the order in which they are given is irrelevant.

    Returns:
        A permutation of range(len(cell_of_item)).

    """
    if len(cell_of_item) != len(tokens_of_item):
        raise ValueError(f"{len(cell_of_item)} cells for {len(tokens_of_item)} token counts; expected one each")
    items = len(cell_of_item)
    if items == 0:
        return np.zeros(0, np.int64)
    if int(cell_of_item.min()) < 0 or int(cell_of_item.max()) >= len(cells):
        raise ValueError(f"an item names a cell outside 0..{len(cells) - 1}")
    if int(tokens_of_item.min()) < 0:
        raise ValueError("an item has a negative token count; expected 0 or more")
    rank = np.empty(len(cells), dtype=np.int32)
    rank[canonical(cells)] = np.arange(len(cells), dtype=np.int32)
    cell = rank[cell_of_item]
    grouped = None if bool(np.all(cell[1:] >= cell[:-1])) else np.argsort(cell, kind="stable")
    tokens = np.ascontiguousarray(tokens_of_item if grouped is None else tokens_of_item[grouped], dtype=np.int64)
    counts = np.bincount(cell, minlength=len(cells))
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    merged: Ints = _merge(first, tokens)
    return merged if grouped is None else grouped[merged]


@kernel
def _product(a: np.int64, b: np.int64) -> tuple[np.uint64, np.uint64]:
    """The product of 0 <= a, b < 2**63 as (high, low) 64-bit halves: token counts of 1e12 overflow one word."""
    low = np.uint64(0xFFFFFFFF)
    a0, a1 = np.uint64(a) & low, np.uint64(a) >> np.uint64(32)
    b0, b1 = np.uint64(b) & low, np.uint64(b) >> np.uint64(32)
    middle = a1 * b0 + ((a0 * b0) >> np.uint64(32))
    other = a0 * b1 + (middle & low)
    return a1 * b1 + (middle >> np.uint64(32)) + (other >> np.uint64(32)), np.uint64(a) * np.uint64(b)


@kernel
def _compare(a: np.int64, b: np.int64, c: np.int64, d: np.int64) -> int:
    """Sign of a/b - c/d, exactly."""
    high1, low1 = _product(a, d)
    high2, low2 = _product(c, b)
    if high1 != high2:
        return -1 if high1 < high2 else 1
    if low1 != low2:
        return -1 if low1 < low2 else 1
    return 0


@kernel
def _before(x: int, y: int, at: Ints, total: Ints) -> bool:
    """Whether cell x's position, as a fraction of its total, comes before cell y's; ties by cell."""
    sign = _compare(at[x], total[x], at[y], total[y])
    return sign < 0 or (sign == 0 and x < y)


@kernel
def _push(heap: Ints, size: int, cell: int, at: Ints, total: Ints) -> None:
    i = size
    while i > 0 and _before(cell, heap[(i - 1) // 2], at, total):
        heap[i] = heap[(i - 1) // 2]
        i = (i - 1) // 2
    heap[i] = cell


@kernel
def _pop(heap: Ints, size: int, at: Ints, total: Ints) -> int:
    top = heap[0]
    last = heap[size - 1]
    i = 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and _before(heap[child + 1], heap[child], at, total):
            child += 1
        if not _before(heap[child], last, at, total):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last
    return int(top)


@kernel
def _merge(first: Ints, tokens: Ints) -> Ints:
    """WF2Q over items grouped by cell: cell c holds items first[c] to first[c + 1]."""
    cells = first.size - 1
    head = first[:-1].copy()
    start, finish, total = np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.zeros(cells, np.int64)
    waiting, ready = np.empty(cells, np.int64), np.empty(cells, np.int64)
    waits, readies = 0, 0
    whole = np.int64(0)
    for c in range(cells):
        for i in range(first[c], first[c + 1]):
            total[c] += tokens[i]
        whole += total[c]
        if first[c] < first[c + 1]:
            if total[c] == 0:  # a cell of empty documents has no share; it comes when all others are done
                start[c], total[c] = 1, 1
            _push(waiting, waits, c, start, total)
            waits += 1
    if whole == 0:
        whole = np.int64(1)
    emitted = np.int64(0)
    out = np.empty(tokens.size, np.int64)
    for n in range(tokens.size):
        # Some waiting cell has always started by now: the starts sum to what was emitted.
        while waits > 0 and _compare(start[waiting[0]], total[waiting[0]], emitted, whole) <= 0:
            c = _pop(waiting, waits, start, total)
            waits -= 1
            finish[c] = start[c] + tokens[head[c]]
            _push(ready, readies, c, finish, total)
            readies += 1
        if readies == 0:  # only where no document of the mix has any token
            c = _pop(waiting, waits, start, total)
            waits -= 1
        else:
            c = _pop(ready, readies, finish, total)
            readies -= 1
        out[n] = head[c]
        emitted += tokens[head[c]]
        start[c] += tokens[head[c]]
        head[c] += 1
        if head[c] < first[c + 1]:
            _push(waiting, waits, c, start, total)
            waits += 1
    return out
