"""The lineage graph as one HTML file: the picture, the same as tables, and a script to find one's way in it.

Without JavaScript there is the first picture, and everything in the tables. The content security policy names the one
script and the one style by their digests and allows nothing else, no network above all. The same picture gives the same
bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from anchor_pipeline import pages
from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.graph import captions
from anchor_pipeline.graph.drawing import drawing
from anchor_pipeline.graph.folding import view
from anchor_pipeline.graph.layout import layout
from anchor_pipeline.graph.listing import connections, sections, summary
from anchor_pipeline.graph.picture import COLUMNS, EDGE_KINDS, Count, Edge, Node, Picture, bounded

_FOLDER = Path(pages.__file__).parent
_SCRIPTS = ("counts", "captions", "reach", "fold", "layout", "draw", "table", "page")
"""In pages/lineage/, each after what it uses."""


def lineage_page(picture: Picture, project: str, *, about: str = "") -> bytes:
    """The page of a picture, UTF-8. `about`: a sentence on when and from what it was made."""
    picture = bounded(picture)
    shown = view(picture)
    script, style = _script(), _style()
    return pages.render(
        "lineage.html.j2",
        policy=Markup(_policy(script, style)),
        style=Markup(style),
        script=Markup(script),
        model=Markup(_embedded(_model(picture))),
        project=project,
        about=about,
        picture=picture,
        drawing=drawing(picture, shown, layout(shown)),
        summary=summary(picture, shown),
        sections=sections(picture, shown),
        connections=connections(picture, shown),
    )


def _model(picture: Picture) -> dict[str, Any]:
    """The picture as the script reads it; nodes and edges are arrays, for there may be thousands."""
    number = {(node.column, node.name): place for place, node in enumerate(picture.nodes)}
    names = {node.name: number[node.column, node.name] for node in picture.column("source")}
    return {
        "title": picture.title,
        "columns": COLUMNS,
        "headings": captions.HEADINGS,
        "nouns": captions.NOUNS,
        "says": EDGE_KINDS,
        "units": [[name, AMOUNT_UNITS[name], AMOUNT_SCALE[name]] for name in AMOUNT_UNITS],
        "focus": -1 if picture.focus is None else number[picture.focus],
        "nodes": [_node(node, names) for node in picture.nodes],
        "edges": [_edge(edge, number) for edge in picture.edges],
    }


def _node(node: Node, names: dict[str, int]) -> list[Any]:
    sources = None if node.sources is None else _ranges(sorted(names[one] for one in node.sources if one in names))
    counts = (_count(node.count), _count(node.picked))
    return [COLUMNS.index(node.column), node.key, node.label, node.kind, node.note, *counts, sources, node.stands_for]


def _edge(edge: Edge, number: dict[tuple[str, str], int]) -> list[Any]:
    return [number[edge.tail], number[edge.head], edge.kind, _count(edge.count), _count(edge.picked)]


def _count(count: Count | None) -> list[int] | int:
    """[documents, unknown, tokens of each modality …] without the zeros at its end; 0 for None."""
    if count is None:
        return 0
    numbers = [count.documents, count.unknown, *(count.tokens.get(name, 0) for name in AMOUNT_UNITS)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


def _ranges(numbers: list[int]) -> list[int]:
    """First, last, first, last … of runs of following numbers."""
    found: list[int] = []
    for one in numbers:
        if found and found[-1] == one - 1:
            found[-1] = one
        else:
            found += [one, one]
    return found


def _embedded(value: Any) -> str:
    """JSON that can stand in a script element: no tag or comment can begin in it."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _script() -> str:
    parts = [(_FOLDER / "lineage" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return _safe('"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n")


@cache
def _style() -> str:
    files = (_FOLDER / "style.css", _FOLDER / "lineage" / "style.css")
    return _safe("".join(file.read_text(encoding="utf-8") for file in files))


def _safe(text: str) -> str:
    if re.search(r"</(?:script|style)|<!--", text, re.IGNORECASE):
        raise ValueError("a script or style of the page holds an end tag or a comment of HTML")
    return text


def _policy(script: str, style: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_digest(script)}",
            f"style-src {_digest(style)}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    """As a content security policy names a script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
