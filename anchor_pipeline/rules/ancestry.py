"""The ancestry of documents, from the parents they declare.

A parent is named by a whole document id (`<source>/<id>`) or by the id within its source. Whole ids win; an id
that several sources have stands for all of them in the graph of what is possible, and for none in the graph of
what is certain. Ids that no document of the corpus has may be looked up among those recorded earlier; what is not
found there either is counted and given no ancestry.

Memory and time are linear in the documents that declare parents and in those they name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from anchor_pipeline.rules.query import literal

_CHILDREN = """
    SELECT doc_id, generator, family, authorship, parents FROM read_parquet($file)
    WHERE len(parents) > 0 ORDER BY ALL
"""
_NAMED = """
    WITH documents AS (
        SELECT doc_id, substr(doc_id, instr(doc_id, '/') + 1) AS id, generator, family, authorship
        FROM read_parquet($file)
    )
    SELECT name, doc_id, generator, family, authorship, true AS whole FROM named JOIN documents ON doc_id = name
    UNION ALL
    SELECT name, doc_id, generator, family, authorship, false FROM named JOIN documents ON id = name
    ORDER BY ALL
"""


@dataclass
class Ancestry:
    """A graph from documents to their declared parents; nodes are numbered."""

    number: dict[str, int] = field(default_factory=dict)
    """Node by document id."""
    line: list[int] = field(default_factory=list)
    """Per node: a bit for the line of generators that wrote it, 0 if none or unknown."""
    generated: list[bool] = field(default_factory=list)
    certain: list[tuple[int, ...]] = field(default_factory=list)
    """Per node: its parents."""
    possible: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Parents of nodes that name one ambiguously: with every document that may be meant."""
    ambiguous: list[str] = field(default_factory=list)
    """Names that several documents bear."""
    unknown: list[str] = field(default_factory=list)
    """Names that no known document bears."""
    recorded: list[str] = field(default_factory=list)
    """Names that no document of the corpus bears, but one that was recorded earlier."""

    def parents(self, *, possible: bool) -> list[tuple[int, ...]]:
        """Per node: its parents, those certain or all possible ones."""
        return [self.possible.get(node, own) if possible else own for node, own in enumerate(self.certain)]


@dataclass(frozen=True)
class Recorded:
    """A document that the corpus does not hold, as it was recorded when a shard of it was written."""

    doc_id: str
    generator: str | None
    family: str | None
    authorship: str
    parents: tuple[str, ...]


Recall = Callable[[Sequence[str]], Sequence[Recorded]]
"""Gives the recorded documents that names may mean, with everything they were made from."""


@dataclass
class _Meanings:
    """Which nodes a name may mean."""

    nodes: dict[str, list[int]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    """Names that are whole ids."""

    def add(self, name: str, node: int, is_whole: bool) -> None:
        """One more; a whole id puts an end to what was meant by it as a bare one."""
        if is_whole and name not in self.whole:
            self.whole.add(name)
            self.nodes[name] = []
        # A document may have several rows: what was read twice, or had the same id and other content.
        if (is_whole or name not in self.whole) and node not in self.nodes.setdefault(name, []):
            self.nodes[name].append(node)

    def of(self, name: str, child: int) -> list[int]:
        """What a parent of `child` may mean."""
        # No document is its own parent: a bare id that it shares with its original names the original.
        return [node for node in self.nodes.get(name, []) if node != child or name in self.whole]


@dataclass(frozen=True)
class Descent:
    """What a walk through the ancestry found, per node."""

    depth: list[int]
    """Generations between the document and human text, counted up to a limit."""
    fed: list[bool]
    """Whether the ancestry, the document included, passes twice through one line of generators."""


def read_ancestry(connection: duckdb.DuckDBPyConnection, documents: Path, recall: Recall | None = None) -> Ancestry:
    """The ancestry declared in a corpus table, and that of parents which only `recall` knows."""
    graph, lines = Ancestry(), dict[str, int]()
    file = {"file": literal(documents)}
    children: list[tuple[int, list[str]]] = []
    for doc_id, generator, family, authorship, parents in _rows(connection, _CHILDREN, file):
        node = _node(graph, lines, doc_id, generator, family, authorship)
        children.append((node, [parent for parent in dict.fromkeys(parents) if parent is not None]))
    here = _Meanings()
    _look_up(connection, file, (name for _, listed in children for name in listed), graph, lines, here)
    earlier = _Meanings()
    lost = sorted({name for node, listed in children for name in listed if not here.of(name, node)})
    if recall is not None and lost:
        found = recall(lost)
        names = [name for one in found for name in (one.doc_id, *one.parents)]
        _look_up(connection, file, names, graph, lines, here)
        children += _recalled(graph, lines, [one for one in found if one.doc_id not in here.whole], earlier)
    _resolve(graph, children, here, earlier)
    return graph


def _look_up(
    connection: duckdb.DuckDBPyConnection,
    file: dict[str, str],
    names: Iterable[str],
    graph: Ancestry,
    lines: dict[str, int],
    meanings: _Meanings,
) -> None:
    """Add what names mean in the corpus."""
    connection.register("named", pa.table({"name": pa.array(dict.fromkeys(names), pa.string())}))
    for name, doc_id, generator, family, authorship, is_whole in _rows(connection, _NAMED, file):
        meanings.add(name, _node(graph, lines, doc_id, generator, family, authorship), is_whole)


def _recalled(
    graph: Ancestry, lines: dict[str, int], found: Iterable[Recorded], meanings: _Meanings
) -> list[tuple[int, list[str]]]:
    """Add documents that the corpus does not hold; gives them with their parents."""
    children = []
    for one in found:
        node = _node(graph, lines, one.doc_id, one.generator, one.family, one.authorship)
        meanings.add(one.doc_id, node, True)
        meanings.add(one.doc_id.partition("/")[2], node, False)
        children.append((node, list(one.parents)))
    return children


def _resolve(graph: Ancestry, children: list[tuple[int, list[str]]], here: _Meanings, earlier: _Meanings) -> None:
    """Connect documents with their parents: those of the corpus, or else those that were recorded earlier."""
    unclear: set[str] = set()
    unknown: set[str] = set()
    recorded: set[str] = set()
    for node, listed in children:
        certain: list[int] = []
        possible: list[int] = []
        for name in listed:
            candidates = here.of(name, node)
            if not candidates and (candidates := earlier.of(name, node)):
                recorded.add(name)
            if len(candidates) == 1:
                certain += candidates
            else:
                possible += candidates
                (unclear if candidates else unknown).add(name)
        _connect(graph, node, certain, possible)
    graph.unknown, graph.ambiguous, graph.recorded = sorted(unknown), sorted(unclear), sorted(recorded)


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, file: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(sql, file)
    while batch := cursor.fetchmany(10_000):
        yield from batch


def _node(graph: Ancestry, lines: dict[str, int], *document: object) -> int:
    doc_id, generator, family, authorship = (str(value) if value is not None else "" for value in document)
    node = graph.number.setdefault(doc_id, len(graph.number))
    if node == len(graph.line):
        # A line is a generator whatever its version: a model trained on its predecessor's output feeds itself.
        line = generator.split("@")[0] or family
        graph.line.append(lines.setdefault(line, 1 << len(lines)) if line else 0)
        graph.generated.append(authorship == "synthetic" or bool(line))
        graph.certain.append(())
    return node


def _connect(graph: Ancestry, node: int, certain: list[int], possible: list[int]) -> None:
    graph.certain[node] = tuple(dict.fromkeys([*graph.certain[node], *certain]))
    if possible or node in graph.possible:
        before = graph.possible.get(node, ())
        graph.possible[node] = tuple(dict.fromkeys([*before, *graph.certain[node], *possible]))


def walk(graph: Ancestry, parents: list[tuple[int, ...]], limit: int) -> Descent:
    """Depth (up to `limit`) and self-feeding of every node, ancestors first; circles end, for all values only grow."""
    size = len(parents)
    children: list[list[int]] = [[] for _ in range(size)]
    waiting = [len(own) for own in parents]
    for node, own in enumerate(parents):
        for parent in own:
            children[parent].append(node)
    above = [0] * size
    descent = Descent([0] * size, [False] * size)
    queue = deque(node for node in range(size) if not waiting[node])
    ordered = 0
    while queue:
        node = queue.popleft()
        ordered += 1
        _update(graph, parents, above, descent, node, limit)
        for child in children[node]:
            waiting[child] -= 1
            if not waiting[child]:
                queue.append(child)
    if ordered < size:
        _settle(graph, parents, children, above, descent, limit, [node for node in range(size) if waiting[node]])
    return descent


def _settle(
    graph: Ancestry,
    parents: list[tuple[int, ...]],
    children: list[list[int]],
    above: list[int],
    descent: Descent,
    limit: int,
    circular: list[int],
) -> None:
    """Nodes in circles and below them: update until nothing changes."""
    queue, queued = deque(circular), set(circular)
    while queue:
        node = queue.popleft()
        queued.discard(node)
        if _update(graph, parents, above, descent, node, limit):
            fresh = [child for child in children[node] if child not in queued]
            queue.extend(fresh)
            queued.update(fresh)


def _update(
    graph: Ancestry, parents: list[tuple[int, ...]], above: list[int], descent: Descent, node: int, limit: int
) -> bool:
    """Recompute a node from its parents; says whether anything changed."""
    lines, depth, fed = 0, 0, False
    for parent in parents[node]:
        lines |= above[parent] | graph.line[parent]
        depth = max(depth, descent.depth[parent])
        fed = fed or descent.fed[parent]
    depth = min(limit, depth + graph.generated[node])
    fed = fed or bool(lines & graph.line[node])
    changed = (lines, depth, fed) != (above[node], descent.depth[node], descent.fed[node])
    above[node], descent.depth[node], descent.fed[node] = lines, depth, fed
    return changed
