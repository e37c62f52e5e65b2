"""What stands beside the boxes and lines of a drawn lineage graph. pages/lineage/captions.js says the same words."""

from __future__ import annotations

from collections.abc import Iterable

from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.graph.folding import Box
from anchor_pipeline.graph.picture import EDGE_KINDS, Count, Node, Picture
from anchor_pipeline.rules.wording import amount

NOUNS = {
    "raw": ("raw file", "raw files"),
    "generator": ("generator", "generators"),
    "outside": ("origin outside the graph", "origins outside the graph"),
    "source": ("source", "sources"),
    "document": ("document", "documents"),
    "corpus": ("corpus", "corpora"),
    "selection": ("selection", "selections"),
    "mix": ("release", "releases"),
    "export": ("export", "exports"),
}
"""By kind of node, or by column: one, and several."""

HEADINGS = {
    "raw": "Where it begins",
    "source": "Sources",
    "document": "Documents",
    "corpus": "Corpora",
    "selection": "Selections",
    "mix": "Releases",
    "export": "Exports",
}

LABEL = 19
"""Characters of a label that fit into a box."""

_SHORT = ("corpus", "selection", "mix")
"""Columns whose labels are short enough to have a note behind them."""

_LARGE = (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))


def short(number: int) -> str:
    """A number of at most five characters or so, cut and not rounded: `9,999`, `10.0 k`, `3.1 M`."""
    for letter, size in _LARGE if number >= 10_000 else ():
        if number >= size:
            tenths = number * 10 // size
            return f"{tenths // 10}.{tenths % 10} {letter}" if tenths < 1000 else f"{tenths // 10:,} {letter}"
    return f"{number:,}"


def cut(text: str, most: int = LABEL) -> str:
    """The beginning of a text, by characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def exact(count: Count) -> str:
    """`60,000 documents, 3,100,000 tokens`, and what is not known of it."""
    if count.unknown and not count.documents:
        return "amount not recorded"
    parts = [f"{count.documents:,} {'document' if count.documents == 1 else 'documents'}"]
    text = ", ".join([*parts, *exact_amounts(count)])
    return f"at least {text}" if count.unknown else text


def exact_amounts(count: Count) -> list[str]:
    """`3,100,000 tokens`, of every modality that there is any of."""
    return [amount(count.tokens[name], name) for name in AMOUNT_UNITS if count.tokens.get(name)]


def nouns(nodes: Iterable[Node]) -> str:
    """What several nodes are: `raw files and generators`."""
    kinds = {node.kind or node.column for node in nodes}
    return " and ".join(NOUNS[kind][1] for kind in NOUNS if kind in kinds)


def name_of(picture: Picture, box: Box) -> str:
    """What a box is called: the whole label of its node, or how many nodes are folded."""
    nodes = [picture.nodes[number] for number in box.members]
    return f"… and {box.stands_for:,} more {nouns(nodes)}" if box.folded else nodes[0].label


def what_is(picture: Picture, box: Box) -> str:
    """`source`, `release, replaced`, `212 sources, folded`."""
    nodes = [picture.nodes[number] for number in box.members]
    if box.folded:
        return f"{box.stands_for:,} {nouns(nodes)}, folded"
    one = nodes[0]
    word = NOUNS[one.kind or one.column][one.stands_for > 1]
    return f"{word}, {one.note}" if one.note else word


def lines_of(picture: Picture, box: Box) -> tuple[str, str, str]:
    """The three lines in a box."""
    name, count, picked = name_of(picture, box), box.count, box.picked
    note = picture.nodes[box.members[0]].note if box.column in _SHORT else ""
    if box.folded:
        label = f"… {short(box.stands_for)} more {nouns(picture.nodes[number] for number in box.members)}"
    else:
        label = f"{name} · {note}" if note else name
    if count.unknown and not count.documents:
        return cut(label), "amount not recorded", ""
    least = "≥ " if count.unknown else ""
    part = "" if picked is None or picked == count else f"{short(picked.documents)} of "
    documents = f"{least}{part}{short(count.documents)} {'doc' if count.documents == 1 else 'docs'}"
    return cut(label), documents, _first_amount(count, None if picked == count else picked)


def _first_amount(count: Count, picked: Count | None) -> str:
    """The amount of the first modality, and how many modalities more there are."""
    there = [name for name in AMOUNT_UNITS if count.tokens.get(name)]
    if not there:
        return ""
    name = there[0]
    scale = AMOUNT_SCALE[name]
    part = "" if picked is None else f"{short(picked.tokens.get(name, 0) // scale)} of "
    more = f" +{len(there) - 1}" if len(there) > 1 else ""
    return f"{part}{short(count.tokens[name] // scale)} {AMOUNT_UNITS[name]}{more}"


def said_of_box(picture: Picture, box: Box) -> str:
    """A box in one sentence, as a screen reader says it."""
    path = ", on the selected path" if box.on_path else ""
    part = "" if box.picked is None else f"; of it {exact(box.picked)} for {picture.title}"
    return f"{name_of(picture, box)}: {what_is(picture, box)}{path}. {exact(box.count)}{part}"


def said_of_line(picture: Picture, tail: Box, head: Box, kind: str, count: Count, number: int) -> str:
    """A line in one sentence."""
    bundle = f" ({number:,} connections)" if number > 1 else ""
    return f"{name_of(picture, tail)} {EDGE_KINDS[kind]} {name_of(picture, head)}: {exact(count)}{bundle}"
