"""The tables under a drawn lineage graph: the same boxes and lines, and what is folded into them, one by one.

pages/lineage/table.js makes the same rows in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass

from anchor_pipeline.graph.captions import HEADINGS, NOUNS, exact, exact_amounts, name_of, nouns, what_is
from anchor_pipeline.graph.folding import Box, Line, Path, View, asked_path
from anchor_pipeline.graph.picture import COLUMNS, EDGE_KINDS, Count, Edge, Node, Picture


@dataclass(frozen=True)
class Row:
    """A row of a table, as texts."""

    key: str
    """Of the box; empty for lines and for what is folded."""
    heads: tuple[str, ...]
    """A name; or tail, what the line says, and head."""
    what: str
    documents: str
    amount: str
    part: str
    """How much of it belongs to what was asked for."""
    path: str
    """`yes` on the selected path."""
    members: tuple[Row, ...] = ()
    """What is folded."""
    label: str = ""
    """What `members` are, such as `212 sources`."""


@dataclass(frozen=True)
class Section:
    """A table of boxes."""

    column: str
    heading: str
    rows: tuple[Row, ...]


def sections(picture: Picture, view: View) -> tuple[Section, ...]:
    """The tables of the boxes, by column."""
    return tuple(
        Section(column, HEADINGS[column], rows)
        for column in COLUMNS
        if (rows := tuple(_box(picture, box) for box in view.boxes if box.column == column))
    )


def connections(picture: Picture, view: View) -> tuple[Row, ...]:
    """The table of the lines."""
    path = asked_path(picture)
    at = {(node.column, node.name): node for node in picture.nodes}
    return tuple(_line(picture, view, line, path, at) for line in view.lines)


def summary(picture: Picture, view: View) -> str:
    """How much is drawn one by one and how much is folded: nothing else is in the picture, and nothing is missing."""
    folds = [box for box in view.boxes if box.folded or box.stands_for > 1]
    folded = sum(box.stands_for for box in folds)
    every = sum(node.stands_for for node in picture.nodes)
    bundles = [line for line in view.lines if len(line.members) > 1]
    bundled = sum(len(line.members) for line in bundles)
    if not folds and not bundles:
        return f"All {every:,} nodes and {len(picture.edges):,} connections are drawn one by one."
    single, all_lines = len(view.lines) - len(bundles), len(picture.edges)
    return (
        f"{every - folded:,} of {every:,} nodes are drawn one by one, {folded:,} are folded into {len(folds):,} "
        f"counted boxes. {single:,} of {all_lines:,} connections are lines of their own, {bundled:,} are added up in "
        f"{len(bundles):,} lines."
    )


def _box(picture: Picture, box: Box) -> Row:
    nodes = [picture.nodes[number] for number in box.members]
    members = tuple(_node(node, box.on_path) for node in nodes) if box.folded else ()
    return Row(
        box.key,
        (name_of(picture, box),),
        what_is(picture, box),
        *_figures(box.count),
        _part(box.picked),
        "yes" if box.on_path else "",
        members,
        f"{box.stands_for:,} {nouns(nodes)}" if box.folded else "",
    )


def _node(node: Node, on_path: bool) -> Row:
    word = NOUNS[node.kind or node.column][node.stands_for > 1]
    what = f"{word}, {node.note}" if node.note else word
    return Row("", (node.label,), what, *_figures(node.count), _part(node.picked), "yes" if on_path else "")


def _line(picture: Picture, view: View, line: Line, path: Path, at: dict[tuple[str, str], Node]) -> Row:
    tail, head = view.boxes[line.tail], view.boxes[line.head]
    edges = [picture.edges[number] for number in line.members]
    members = tuple(
        _edge(edge, at, number in path.edges) for number, edge in zip(line.members, edges, strict=True)
    ) if len(edges) > 1 else ()  # fmt: skip
    return Row(
        "",
        (name_of(picture, tail), EDGE_KINDS[line.kind], name_of(picture, head)),
        "",
        *_figures(line.count),
        _part(line.picked),
        "yes" if line.on_path else "",
        members,
        f"{len(edges):,} connections" if members else "",
    )


def _edge(edge: Edge, at: dict[tuple[str, str], Node], on_path: bool) -> Row:
    heads = (at[edge.tail].label, EDGE_KINDS[edge.kind], at[edge.head].label)
    return Row("", heads, "", *_figures(edge.count), _part(edge.picked), "yes" if on_path else "")


def _figures(count: Count) -> tuple[str, str]:
    if count.unknown and not count.documents:
        return "not recorded", "not recorded"
    least = "at least " if count.unknown else ""
    return f"{least}{count.documents:,}", ", ".join(f"{least}{one}" for one in exact_amounts(count)) or "none"


def _part(count: Count | None) -> str:
    return "" if count is None else exact(count)
