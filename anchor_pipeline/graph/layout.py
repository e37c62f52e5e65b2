"""Where the boxes of a drawn lineage graph stand: in columns, ordered such that few lines cross.

The layered drawing of Sugiyama, Tagawa and Toda (IEEE Trans. SMC 11, 1981) with its barycentre rule; the layers are the
columns, which are given. All lengths are CSS pixels, whole ones. The same view gives the same layout;
pages/lineage/layout.js does the same in the browser, step by step, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from anchor_pipeline.graph.folding import View
from anchor_pipeline.graph.picture import COLUMNS

WIDTH, HEIGHT = 148, 58
"""Of a box."""
ACROSS, DOWN = 62, 8
"""Between boxes."""
TOP, EDGE = 34, 8
"""Room for the headings, and at the margins."""

LOWEST_START = 200
"""A short column stands in the middle of the others, but no lower than this: it must be seen at once."""

SWEEPS = 5

FREE = ("raw", "source", "document", "export")
"""Columns that may be put in any order; the others keep that of time."""


@dataclass(frozen=True)
class Layout:
    """Left upper corners of the boxes of a view, by their number; columns that hold any, with their left margin."""

    places: tuple[tuple[int, int], ...]
    columns: tuple[tuple[str, int], ...]
    width: int
    height: int


def layout(view: View) -> Layout:
    """Where the boxes of a view stand."""
    columns = {
        column: list(numbers)
        for column, numbers in groupby(range(len(view.boxes)), key=lambda number: view.boxes[number].column)
    }
    names = [name for name in COLUMNS if name in columns]
    _order(view, columns, names)
    tallest = max((len(columns[name]) for name in names), default=0)
    places = [(0, 0)] * len(view.boxes)
    left = {name: EDGE + place * (WIDTH + ACROSS) for place, name in enumerate(names)}
    for name in names:
        spare = (tallest - len(columns[name])) * (HEIGHT + DOWN)
        start = TOP + min(spare // 2, LOWEST_START)
        for row, number in enumerate(columns[name]):
            places[number] = (left[name], start + row * (HEIGHT + DOWN))
    width = 2 * EDGE + len(names) * WIDTH + max(0, len(names) - 1) * ACROSS
    height = TOP + tallest * (HEIGHT + DOWN) + EDGE
    return Layout(tuple(places), tuple((name, left[name]) for name in names), width, height)


def _order(view: View, columns: dict[str, list[int]], names: list[str]) -> None:
    """Put the boxes of free columns at the mean place of what they are connected with, forth and back."""
    lower: list[list[int]] = [[] for _ in view.boxes]
    upper: list[list[int]] = [[] for _ in view.boxes]
    for line in view.lines:
        if view.boxes[line.tail].column != view.boxes[line.head].column:
            upper[line.head].append(line.tail)
            lower[line.tail].append(line.head)
    place = {number: row for name in names for row, number in enumerate(columns[name])}
    for sweep in range(SWEEPS):
        # To the left first: the sources stand in order of importance, and their raw files follow them.
        near, order = (lower, names[::-1]) if sweep % 2 == 0 else (upper, names)
        for name in order:
            if name not in FREE:
                continue
            means = {
                number: sum(place[one] for one in near[number]) / len(near[number]) if near[number] else place[number]
                for number in columns[name]
            }
            columns[name].sort(key=lambda number: (*_group(view, number), means[number], place[number]))
            place.update({number: row for row, number in enumerate(columns[name])})


def _group(view: View, number: int) -> tuple[bool, bool]:
    """The path stands above the rest, and a fold below what it continues."""
    box = view.boxes[number]
    return not box.on_path, box.folded
