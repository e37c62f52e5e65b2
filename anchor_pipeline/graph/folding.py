"""Which boxes and lines of a picture are drawn, and which nodes are folded into one box that says how many they are.

Of every column the selected path comes first. What is more than fits stands in a folded box; its edges end there, added
up, so that every edge of the picture is in exactly one line. pages/lineage/fold.js does the same in the browser; a test
compares the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from anchor_pipeline.graph.picture import COLUMNS, Count, Edge, Node, Picture, total

DRAWN = 12
"""Nodes of a column that are drawn, of which more are unfolded on demand."""
DRAWN_ON_PATH = 16
"""The same for those on the selected path."""

PATH, OTHER = "path", "other"


@dataclass(frozen=True)
class Box:
    """A node, or a fold of several."""

    key: str
    """That of the node, or `fold-<column>-<path|other>`."""
    column: str
    members: tuple[int, ...]
    """Numbers of the nodes."""
    folded: bool
    on_path: bool
    count: Count
    picked: Count | None
    stands_for: int


@dataclass(frozen=True)
class Line:
    """All edges of one kind from one box to another."""

    tail: int
    head: int
    kind: str
    members: tuple[int, ...]
    """Numbers of the edges."""
    on_path: bool
    count: Count
    picked: Count | None


@dataclass(frozen=True)
class View:
    """A picture as it is drawn."""

    boxes: tuple[Box, ...]
    """Column by column; in a column the path first, each part followed by its fold."""
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Path:
    """What belongs to the selected node: numbers of nodes, and of edges."""

    nodes: frozenset[int]
    edges: frozenset[int]


def view(picture: Picture, limits: Mapping[str, int] | None = None) -> View:
    """What is drawn at first. `limits`: by `<column>-<path|other>`, how many nodes are drawn there instead."""
    path = asked_path(picture)
    boxes: list[Box] = []
    for column in COLUMNS:
        here = [number for number, node in enumerate(picture.nodes) if node.column == column]
        on_path = [number for number in here if number in path.nodes]
        others = [number for number in here if number not in path.nodes]
        limit = limits or {}
        shown = min(len(on_path), limit.get(f"{column}-{PATH}", DRAWN_ON_PATH))
        boxes += _part(picture, column, on_path, shown, PATH)
        boxes += _part(picture, column, others, limit.get(f"{column}-{OTHER}", max(0, DRAWN - shown)), OTHER)
    return View(tuple(boxes), _lines(picture, boxes, path))


def asked_path(picture: Picture) -> Path:
    """What the picture was asked for, by what was counted of it."""
    if picture.focus is None:
        return Path(frozenset(), frozenset())
    nodes = {n for n, node in enumerate(picture.nodes) if node.picked is not None or _name(node) == picture.focus}
    edges = {n for n, edge in enumerate(picture.edges) if edge.picked is not None}
    return Path(frozenset(nodes), frozenset(edges))


def _name(node: Node) -> tuple[str, str]:
    return node.column, node.name


def _part(picture: Picture, column: str, numbers: list[int], limit: int, part: str) -> list[Box]:
    """The first `limit` nodes as boxes, and a fold of the rest; a fold of one would take as much room as the one."""
    if len(numbers) == limit + 1:
        limit += 1
    shown, rest = numbers[:limit], numbers[limit:]
    boxes = [_box(picture, picture.nodes[n].key, column, [n], part) for n in shown]
    if rest:
        boxes.append(_box(picture, f"fold-{column}-{part}", column, rest, part, folded=True))
    return boxes


def _box(picture: Picture, key: str, column: str, members: list[int], part: str, *, folded: bool = False) -> Box:
    nodes = [picture.nodes[number] for number in members]
    return Box(
        key,
        column,
        tuple(members),
        folded,
        part == PATH,
        sum((node.count for node in nodes), Count()),
        total(node.picked for node in nodes),
        sum(node.stands_for for node in nodes),
    )


def _lines(picture: Picture, boxes: list[Box], path: Path) -> tuple[Line, ...]:
    at = {_name(picture.nodes[number]): place for place, box in enumerate(boxes) for number in box.members}
    grouped: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for number, edge in enumerate(picture.edges):
        grouped[at[edge.tail], at[edge.head], edge.kind].append(number)
    return tuple(_line(picture.edges, ends, members, path) for ends, members in sorted(grouped.items()))


def _line(edges: tuple[Edge, ...], ends: tuple[int, int, str], members: list[int], path: Path) -> Line:
    tail, head, kind = ends
    return Line(
        tail,
        head,
        kind,
        tuple(members),
        any(number in path.edges for number in members),
        sum((edges[number].count for number in members), Count()),
        total(edges[number].picked for number in members),
    )
