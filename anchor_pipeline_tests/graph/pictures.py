"""Pictures made up by hand, of any size."""

from __future__ import annotations

import random

from anchor_pipeline.graph.picture import Count, Edge, Node, Picture, checked, total

RELEASES = 4


def made_up(sources: int, *, seed: int = 5, asked: bool = True, label: str = "source-{}") -> Picture:
    """`sources` sources, a third of them synthetic, and four releases of which the first draws on a sample of them.

    `asked`: the picture is that of this release, with what belongs to it.
    """
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(sources)]
    sizes = {name: chance.randrange(20, 200_000) for name in names}
    held = {
        cycle: {name: chance.randrange(1, sizes[name]) for name in chance.sample(names, max(1, sources * share // 4))}
        for cycle, share in zip(range(2020, 2020 + RELEASES), (3, 2, 4, 1), strict=True)
    }
    drawn = held[2020] if asked else {}
    nodes, edges = _origins(names, sizes, drawn, label)
    for cycle, of in held.items():
        _downstream(nodes, edges, cycle, of, sizes, asked=asked and cycle == 2020)
    for child, parent in zip(names[1::7], names[::7], strict=False):
        here = _picked(drawn.get(child))
        edges.append(Edge(("source", parent), ("source", child), "parent", _text(5), here and _text(3)))
    focus = ("mix", "sft/2020") if asked else None
    return checked(Picture("release sft/2020" if asked else "the whole project", tuple(nodes), tuple(edges), focus))


def _origins(
    names: list[str], sizes: dict[str, int], drawn: dict[str, int], label: str
) -> tuple[list[Node], list[Edge]]:
    nodes, edges = [], []
    for number, name in enumerate(sorted(names, key=lambda name: (name not in drawn, -sizes[name], name))):
        count, picked = _text(sizes[name]), _picked(drawn.get(name))
        nodes.append(Node("source", name, label.format(name), count, picked=picked))
        nodes.append(Node("raw", f"{name}/a", f"{name}/2020.jsonl", count, picked=picked))
        edges.append(Edge(("raw", f"{name}/a"), ("source", name), "read", count, picked))
        if number % 3 == 0:
            maker = f"scribe{number % 5}@1"
            if not any(node.name == maker for node in nodes):
                nodes.append(Node("raw", maker, maker, Count(), kind="generator", picked=_text(1) if drawn else None))
            edges.append(Edge(("raw", maker), ("source", name), "generated", count, picked))
    return nodes, edges


def _downstream(
    nodes: list[Node], edges: list[Edge], cycle: int, of: dict[str, int], sizes: dict[str, int], *, asked: bool
) -> None:
    drawn = total(_text(number) for number in of.values()) or Count()
    picked, held = drawn if asked else None, frozenset(of)
    kept = sum((_text(number) for number in sizes.values()), Count())
    nodes.append(Node("corpus", str(cycle), str(cycle), kept, picked=picked))
    for name, size in sizes.items():
        edges.append(
            Edge(
                ("source", name),
                ("corpus", str(cycle)),
                "assembled",
                _text(size),
                _picked(of.get(name)) if asked else None,
            )
        )
    stage = f"sft/{cycle}"
    nodes.append(Node("selection", stage, f"sft {cycle}", drawn, picked=picked, sources=held))
    nodes.append(Node("mix", stage, f"sft {cycle}", drawn, picked=picked, sources=held))
    nodes.append(Node("export", stage, f"jsonl of {cycle}", Count(unknown=1), picked=picked, sources=held))
    edges.append(Edge(("corpus", str(cycle)), ("selection", stage), "drawn", drawn, picked))
    edges.append(Edge(("selection", stage), ("mix", stage), "released", drawn, picked))
    edges.append(Edge(("mix", stage), ("export", stage), "exported", drawn, picked))


def _text(number: int) -> Count:
    return Count(number, {"text": number * 37, "audio": number * 1001 if number % 11 == 0 else 0})


def _picked(number: int | None) -> Count | None:
    return None if number is None else _text(number)
