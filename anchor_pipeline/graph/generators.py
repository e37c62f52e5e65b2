"""What each line of generators has written, over how many generations, and how much of it feeds on itself.

The generation of a document is how many of the documents on a way from it up to where it began were generated, the
longest way counted, itself included: 0 for people's text, 1 for what a generator made of it. In a circle that holds
generated text there is no longest way. A document feeds its line on itself if a document among its ancestors is of
the same line: see rules.self_feeding, which judges what a mix draws.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from anchor_pipeline.graph.links import all_links, arrays, named
from anchor_pipeline.graph.paths import Names, Paths
from anchor_pipeline.graph.tables import GENERATED, LINE

UNDECLARED = "not declared"
ENDLESS = 2**31
"""A generation beyond all others: below a circle."""

_BITS = 63

_WRITTEN = f"""
    CREATE OR REPLACE TEMP TABLE written AS
    SELECT key, min(name) AS name, min(modality) AS modality, max(tokens) AS tokens,
        min(coalesce({LINE}, '{UNDECLARED}')) AS line, min(generator) AS version
    FROM documents WHERE {GENERATED} GROUP BY key
"""
_SIMPLE = """
    SELECT line, modality, count(*), sum(tokens)::BIGINT, list_sort(list_distinct(list(version)))
    FROM written GROUP BY ALL ORDER BY ALL
"""
_DERIVED = """
    SELECT line, modality, name, tokens FROM written WHERE name IN (SELECT name FROM _above) ORDER BY ALL
"""
_NODES = f"""
    SELECT name, coalesce(min({LINE}), '') AS line, bool_or({GENERATED}) AS generated
    FROM documents WHERE name IN (SELECT name FROM _above) GROUP BY name ORDER BY name
"""


@dataclass(frozen=True)
class Generator:
    """A line of generators: all versions of one name, or of a family where no name is declared."""

    name: str
    modality: str
    versions: tuple[str, ...]
    documents: int
    """Contents, each once, however many shards hold it."""
    tokens: int
    self_fed_documents: int
    """With a document of the same line among their ancestors."""
    self_fed_tokens: int
    generation: int | None
    """The highest of its documents; None if one of them is below a circle, where there is no highest."""
    circular_documents: int
    """In or below a circle that holds generated text."""

    @property
    def self_feeding(self) -> float:
        """Share of its tokens that feeds on itself."""
        return self.self_fed_tokens / self.tokens if self.tokens else 0.0


@dataclass
class _Counts:
    self_fed_documents: int = 0
    self_fed_tokens: int = 0
    generation: int = 1
    circular: int = 0


def generators(connection: duckdb.DuckDBPyConnection) -> list[Generator]:
    """All lines, by name and modality. Parents that several documents may be count as each of them.

    Cost: one pass over all documents, and the whole graph of those with parents.
    """
    connection.execute(_WRITTEN)
    links = all_links(connection)
    paths = Paths.of(links.child, links.parent)
    counts: dict[tuple[str, str], _Counts] = defaultdict(_Counts)
    if len(paths.names):
        _count(connection, paths, counts)
    told = [
        Generator(
            line,
            modality,
            tuple(version for version in versions if version),
            documents,
            tokens,
            (found := counts[line, modality]).self_fed_documents,
            found.self_fed_tokens,
            None if found.circular else found.generation,
            found.circular,
        )
        for line, modality, documents, tokens, versions in connection.execute(_SIMPLE).fetchall()
    ]
    connection.execute("DROP TABLE written")
    return told


def _count(connection: duckdb.DuckDBPyConnection, paths: Paths, counts: dict[tuple[str, str], _Counts]) -> None:
    with named(connection, "_above", paths.names):
        lines, generated = _nodes(connection, paths.names)
        derived = arrays(connection, _DERIVED)
    component, circular = paths.circles()
    number = {line: index for index, line in enumerate(sorted(set(lines.tolist()) - {""}))}
    own = np.array([number.get(line, -1) for line in lines.tolist()], np.int64)
    depth = generations(paths, component, circular, generated)
    fed = feeds_itself(paths, component, circular, own, len(number))
    nodes = paths.numbers(derived["name"])
    for line, modality, tokens, node in zip(
        derived["line"].tolist(), derived["modality"].tolist(), derived["tokens"].tolist(), nodes.tolist(), strict=True
    ):
        found = counts[line, modality]
        if fed[node]:
            found.self_fed_documents += 1
            found.self_fed_tokens += tokens
        if depth[node] >= ENDLESS:
            found.circular += 1
        else:
            found.generation = max(found.generation, int(depth[node]))


def _nodes(connection: duckdb.DuckDBPyConnection, names: Names) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Line ('' if none) and whether it was generated, for each node; contents of one id together."""
    rows = arrays(connection, _NODES)
    lines, generated = np.full(len(names), "", object), np.zeros(len(names), bool)
    # A child is a document, and so is what a parent means: none of them is missing.
    where = np.searchsorted(names, rows["name"])
    lines[where], generated[where] = rows["line"], rows["generated"]
    return lines, generated


def generations(
    paths: Paths, component: npt.NDArray[np.int64], circular: npt.NDArray[np.bool_], generated: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Per node: the generation, ENDLESS or more in and below a circle that holds generated text."""
    size = int(component.max()) + 1
    weight = np.zeros(size, np.int64)
    np.maximum.at(weight, component, np.where(generated, np.where(circular, ENDLESS, 1), 0))
    depth = weight.copy()
    above = np.zeros(size, np.int64)
    for child, parent in paths.by_level(component):
        np.maximum.at(above, child, depth[parent])
        depth[child] = np.minimum(above[child] + weight[child], ENDLESS)
    return np.asarray(depth[component], np.int64)


def feeds_itself(
    paths: Paths,
    component: npt.NDArray[np.int64],
    circular: npt.NDArray[np.bool_],
    own: npt.NDArray[np.int64],
    lines: int,
) -> npt.NDArray[np.bool_]:
    """Per node: whether one of its ancestors is of its own line, `own` (a number below `lines`, or -1 for none)."""
    fed = np.zeros(len(own), bool)
    size = int(component.max()) + 1
    levels = list(paths.by_level(component))
    for first in range(0, lines, _BITS):
        here = (own >= first) & (own < first + _BITS)
        bit = np.where(here, np.int64(1) << np.where(here, own - first, 0), 0)
        within, above = np.zeros(size, np.int64), np.zeros(size, np.int64)
        np.bitwise_or.at(within, component, bit)
        np.bitwise_or.at(above, component[circular], bit[circular])
        for child, parent in levels:
            np.bitwise_or.at(above, child, above[parent] | within[parent])
        fed |= (above[component] & bit) != 0
    return fed
