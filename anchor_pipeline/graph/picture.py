"""What the drawn lineage graph shows: nodes in columns, edges between them, and how much each stands for.

Plain data without a database, so that it can be filled by hand. Nothing is left out of a picture silently: what is too
much for one page is merged into a node that says how many it stands for (`bounded`), and its edges with it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

COLUMNS = ("raw", "source", "document", "corpus", "selection", "mix", "export")
"""From left to right. `raw` holds raw files, and generators, which are where synthetic text comes from."""

EDGE_KINDS = {
    "read": "was read into",
    "generated": "wrote",
    "parent": "is what was made from",
    "holds": "holds",
    "assembled": "was taken into",
    "drawn": "was drawn from for",
    "released": "was released as",
    "exported": "was exported to",
}
"""What an edge says, from tail to head; `parent` is read from the parent to what was made from it."""

MOST_NODES: Mapping[str, int] = {"raw": 6000, "source": 6000, "document": 2000, "mix": 400, "export": 1000}
_MOST_OTHERS = 400


@dataclass(frozen=True)
class Count:
    """How much something stands for. `tokens` is by modality, as the column `tokens` counts (audio: milliseconds)."""

    documents: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    """How many of those that were added up have no record of their amount: the true sum may be larger."""

    def __add__(self, other: Count) -> Count:
        names = sorted({*self.tokens, *other.tokens})
        tokens = {name: self.tokens.get(name, 0) + other.tokens.get(name, 0) for name in names}
        return Count(self.documents + other.documents, tokens, self.unknown + other.unknown)


UNKNOWN = Count(unknown=1)
"""Nothing is recorded of how much it is."""


@dataclass(frozen=True)
class Node:
    """Something that data went through, or came from."""

    column: str
    name: str
    """Names it within its column; never shown."""
    label: str
    """What people read; untrusted, of any length."""
    count: Count
    kind: str = ""
    """A finer word than the column's: `generator`, or empty."""
    note: str = ""
    """A remark in a few words: `replaced`, `not released`."""
    picked: Count | None = None
    """The part of `count` that belongs to what the picture was asked for; None if none does."""
    sources: frozenset[str] | None = None
    """Names of the sources whose documents it holds, of selections, mixes and exports; None if that is not recorded."""
    stands_for: int = 1
    """More than 1: so many nodes that are too much for one page, merged."""

    @property
    def key(self) -> str:
        """Names it in the page and its address: 16 hexadecimal digits, whatever the name holds."""
        name = f"{self.column}\0{self.name}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(name).hexdigest()[:16]


@dataclass(frozen=True)
class Edge:
    """What came of what. `tail` and `head` are (column, name) of nodes."""

    tail: tuple[str, str]
    head: tuple[str, str]
    kind: str
    count: Count
    picked: Count | None = None


@dataclass(frozen=True)
class Picture:
    """A graph to be drawn. The nodes of a column come in order of importance: the first ones are drawn first."""

    title: str
    """What it shows, such as `release sft/2021-07`."""
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    focus: tuple[str, str] | None = None
    """The node that was asked for."""
    remarks: tuple[str, ...] = ()
    """Sentences on what the figures do and do not say."""

    def column(self, name: str) -> list[Node]:
        """The nodes of a column, in their order."""
        return [node for node in self.nodes if node.column == name]


_DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """A text without characters that cannot be shown or that reorder what stands around them, in one line."""
    clean = text.encode("utf-8", "replace").decode()
    return "".join("\N{REPLACEMENT CHARACTER}" if _unfit(one) else one for one in clean)


def _unfit(character: str) -> bool:
    # Directions that a text sets for what follows it; letters that run from right to left are as good as others.
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTIONS


def checked(picture: Picture) -> Picture:
    """The picture with labels that can be shown; ValueError if two nodes are one, or an edge has no end."""
    known = {(node.column, node.name) for node in picture.nodes}
    if len(known) != len(picture.nodes):
        raise ValueError("two nodes of the picture have the same column and name")
    for edge in picture.edges:
        if edge.tail not in known or edge.head not in known:
            raise ValueError(f"an edge of the picture ends at nothing: {edge.tail} -> {edge.head}")
    nodes = sorted(picture.nodes, key=lambda node: COLUMNS.index(node.column))
    return replace(
        picture,
        nodes=tuple(replace(node, label=plain(node.label), note=plain(node.note)) for node in nodes),
        edges=_merged(picture.edges),
    )


def bounded(picture: Picture, most: Mapping[str, int] = MOST_NODES) -> Picture:
    """The picture with no more than `most` nodes in a column; what is more, and its edges, merged into one each.

    What was asked for, and all that belongs to it, goes before the rest.
    """
    nodes: list[Node] = []
    moved: dict[tuple[str, str], tuple[str, str]] = {}
    for column in COLUMNS:
        here = sorted(
            picture.column(column), key=lambda node: ((column, node.name) != picture.focus, node.picked is None)
        )
        limit = most.get(column, _MOST_OTHERS)
        kept, rest = (here, []) if len(here) <= limit else (here[: limit - 1], here[limit - 1 :])
        nodes += kept
        if rest:
            one = _merged_node(column, rest)
            nodes.append(one)
            moved |= {(column, node.name): (column, one.name) for node in rest}
    edges = (
        replace(edge, tail=moved.get(edge.tail, edge.tail), head=moved.get(edge.head, edge.head))
        for edge in picture.edges
    )
    return checked(replace(picture, nodes=tuple(nodes), edges=tuple(edges)))


def _merged_node(column: str, nodes: list[Node]) -> Node:
    sources = [node.sources for node in nodes]
    return Node(
        column,
        "\0rest",
        f"{sum(node.stands_for for node in nodes):,} that are not in this page",
        sum((node.count for node in nodes), Count()),
        note="too many for one page; ask for one of them on the command line",
        picked=total(node.picked for node in nodes),
        sources=None if None in sources else frozenset().union(*(one for one in sources if one is not None)),
        stands_for=sum(node.stands_for for node in nodes),
    )


def total(counts: Iterable[Count | None]) -> Count | None:
    """The sum of those that are not None; None if all are."""
    known = [count for count in counts if count is not None]
    return sum(known, Count()) if known else None


def _merged(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Edges of one kind between the same two nodes, added up; sorted."""
    found: dict[tuple[tuple[str, str], tuple[str, str], str], Edge] = {}
    for edge in edges:
        at = (edge.tail, edge.head, edge.kind)
        before = found.get(at)
        if before is not None:
            edge = replace(edge, count=before.count + edge.count, picked=total((before.picked, edge.picked)))
        found[at] = edge
    return tuple(found[at] for at in sorted(found))
