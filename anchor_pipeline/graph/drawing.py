"""The drawn lineage graph as SVG. pages/lineage/draw.js makes the same elements in the browser."""

from __future__ import annotations

from markupsafe import Markup

from anchor_pipeline.graph.captions import HEADINGS, lines_of, said_of_box, said_of_line
from anchor_pipeline.graph.folding import Box, Line, View
from anchor_pipeline.graph.layout import ACROSS, HEIGHT, WIDTH, Layout
from anchor_pipeline.graph.picture import Picture


def drawing(picture: Picture, view: View, places: Layout) -> Markup:
    """The SVG element. Every box is a link to its row in the table, so it can be reached and read without a mouse."""
    counts = {name: sum(box.stands_for for box in view.boxes if box.column == name) for name, _ in places.columns}
    heads = [_heading(name, left, counts[name]) for name, left in places.columns]
    lines = [_line(picture, view, places, line) for line in sorted(view.lines, key=lambda line: line.on_path)]
    boxes = [_box(picture, box, *places.places[number]) for number, box in enumerate(view.boxes)]
    return (
        Markup(
            '<svg id="picture" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="group" aria-label="{a}">'
        ).format(w=places.width, h=places.height, a=f"Lineage of {picture.title}")
        + Markup("").join([*heads, *lines, *boxes])
        + Markup("</svg>")
    )


def _heading(name: str, left: int, number: int) -> Markup:
    return Markup('<text class="head" x="{}" y="20">{} <tspan class="soft">{}</tspan></text>').format(
        left, HEADINGS[name], f"{number:,}"
    )


def _box(picture: Picture, box: Box, x: int, y: int) -> Markup:
    label, documents, amount = lines_of(picture, box)
    said = said_of_box(picture, box)
    texts = Markup("").join(
        Markup('<text class="{}" x="0" y="{}">{}</text>').format(style, down, text)
        for style, down, text in (("label", 19, label), ("figure", 35, documents), ("figure", 50, amount))
        if text
    )
    return Markup(
        '<a class="{}" href="#r-{}" data-key="{}" aria-label="{}"><title>{}</title>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="{}"></rect>'
        '<svg x="{}" y="{}" width="{}" height="{}">{}</svg></a>'
    ).format(
        *(class_of(picture, box), box.key, box.key, said, said, x, y, WIDTH, HEIGHT, _corner(picture, box)),
        # An inner svg cuts off what is too wide, whatever the letters.
        *(x + 9, y, WIDTH - 12, HEIGHT, texts),
    )


def class_of(picture: Picture, box: Box) -> str:
    """`box`, with `on` or `off`, `fold` or the kind of the node, `focus` and `recalled`, where they apply."""
    node = picture.nodes[box.members[0]]
    words = [
        "box",
        "on" if box.on_path else "off" if picture.focus else "",
        "fold" if box.folded else node.kind,
        "focus" if not box.folded and (node.column, node.name) == picture.focus else "",
        "recalled" if not box.folded and "recalled" in node.note else "",
    ]
    return " ".join(word for word in words if word)


def _corner(picture: Picture, box: Box) -> int:
    return 5 if box.folded or picture.nodes[box.members[0]].kind != "generator" else HEIGHT // 2


def _line(picture: Picture, view: View, places: Layout, line: Line) -> Markup:
    tail, head = view.boxes[line.tail], view.boxes[line.head]
    style = " ".join(
        one for one in ("line", line.kind, "on" if line.on_path else "off" if picture.focus else "") if one
    )
    said = said_of_line(picture, tail, head, line.kind, line.count, len(line.members))
    course = _course(places.places[line.tail], places.places[line.head], same=tail.column == head.column)
    return Markup('<path class="{}" d="{}" stroke-width="{}" aria-hidden="true"><title>{}</title></path>').format(
        style, course, _thickness(line), said
    )


def _thickness(line: Line) -> str:
    """1 for nothing, and a little more for every power of ten."""
    tenths = 10 + 3 * (len(str(line.count.documents)) - 1)
    return f"{tenths // 10}.{tenths % 10}"


def _course(tail: tuple[int, int], head: tuple[int, int], *, same: bool) -> str:
    """From the right side of a box to the left of another; within a column round its right side."""
    (x1, y1), (x2, y2) = tail, head
    if same:
        x, bulge = x1 + WIDTH, ACROSS - 8
        above, below = (y1 + HEIGHT // 2 - 8, y1 + HEIGHT // 2 + 8) if tail == head else (y1 + 20, y2 + HEIGHT - 20)
        arrow = f"M{x + 7} {below - 4}L{x} {below}L{x + 7} {below + 4}"
        return f"M{x} {above}C{x + bulge} {above} {x + bulge} {below} {x} {below}{arrow}"
    left, right, from_y, to_y = x1 + WIDTH, x2, y1 + HEIGHT // 2, y2 + HEIGHT // 2
    bend = (right - left) // 2
    return f"M{left} {from_y}C{left + bend} {from_y} {right - bend} {to_y} {right} {to_y}"
