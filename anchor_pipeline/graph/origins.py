"""Where the tokens of a release come from in the end: people, generators, or nobody knows.

The tokens of a document that was made from others are split equally among its parents, theirs among theirs, and so
on up to documents that name no parents. Those are origins: of a person's text its source, of a generator's text the
generator. What cannot be followed is unknown, with the reason: parents that no recorded document bears, ids that
several documents bear, circles, authorship that nobody stated, documents of which only the release is left.

So for a document d of t tokens and the set P(d) of its parents, t is what the release holds of it, and each p of
P(d) gets t / |P(d)| more: a walk upwards that chooses a parent at random ends at each origin with that probability.
Amounts of different modalities have different units and are never added.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt

from anchor_pipeline.errors import UsageError
from anchor_pipeline.graph.links import Links, all_links, arrays, named
from anchor_pipeline.graph.paths import Names, Paths
from anchor_pipeline.graph.questions import as_keys
from anchor_pipeline.graph.tables import GENERATED, LINE

Kind = Literal["human", "generator", "unknown"]

DANGLING = "parents that are not recorded"
AMBIGUOUS = "parents that several documents may be"
CIRCLE = "made from itself"
UNRECORDED = "documents that are not recorded"
UNSTATED = "authorship not stated"

_LABEL = f"""
    CASE WHEN {GENERATED} THEN 'generator' WHEN authorship LIKE 'human%' THEN 'human' ELSE 'unknown' END AS kind,
    CASE WHEN {GENERATED} THEN coalesce({LINE}, 'not declared') WHEN authorship LIKE 'human%' THEN source
        ELSE '{UNSTATED}' END AS origin
"""
_HELD = f"""
    CREATE OR REPLACE TEMP TABLE held AS
    WITH one AS (
        SELECT key, any_value(name) AS name, min(modality) AS modality, min({{label}}) AS label
        FROM (SELECT key, name, modality, {_LABEL} FROM documents WHERE key IN (
            SELECT key FROM members WHERE release = $release
        )) GROUP BY key
    )
    SELECT m.tokens, one.name, coalesce(one.modality, '') AS modality, label.kind, label.origin,
        one.name IN (SELECT child_name FROM parents) AS derived
    FROM members AS m LEFT JOIN one USING (key) WHERE m.release = $release
""".replace("{label}", "struct_pack(kind := kind, origin := origin)")
_PLAIN = """
    SELECT modality, kind, origin, sum(tokens)::BIGINT FROM held WHERE derived IS NOT true GROUP BY ALL ORDER BY ALL
"""
_DERIVED = "SELECT modality, name, sum(tokens)::DOUBLE AS tokens FROM held WHERE derived GROUP BY ALL ORDER BY ALL"
_ROOTS = f"""
    SELECT name, min(struct_pack(kind := kind, origin := origin)) AS label
    FROM (SELECT name, {_LABEL} FROM documents WHERE name IN (SELECT name FROM _roots)) GROUP BY name ORDER BY name
"""

_Labels = dict[tuple[str, Kind, str], float]


@dataclass(frozen=True)
class Origin:
    """What a release holds of one origin."""

    modality: str
    kind: Kind
    name: str
    """A source, a line of generators, or why it is not known."""
    tokens: float
    """In the unit of the modality's `tokens`; a part of a token where a document has several parents."""
    share: float
    """Of the release's tokens of that modality."""


Origins = tuple[Origin, ...]


def origins(connection: duckdb.DuckDBPyConnection, release: int) -> Origins:
    """The ultimate origins of a release, by modality, kind and falling tokens. UsageError if there is none.

    Cost: one pass over the keys of all documents, and if the release holds documents with parents, the whole graph.
    """
    if not connection.execute("SELECT 1 FROM releases WHERE release = ?", [release]).fetchall():
        raise UsageError(f"the graph has no release of number {release}")
    connection.execute(_HELD, {"release": release})
    found: _Labels = defaultdict(float)
    for modality, kind, origin, tokens in connection.execute(_PLAIN).fetchall():
        found[modality, kind or "unknown", origin or UNRECORDED] += tokens
    derived = arrays(connection, _DERIVED)
    if len(derived["name"]):
        _follow(connection, derived, found)
    connection.execute("DROP TABLE held")
    whole: dict[str, float] = defaultdict(float)
    for (modality, _, _), tokens in sorted(found.items()):
        whole[modality] += tokens
    told = [
        Origin(*key, tokens=round(tokens, 6), share=tokens / whole[key[0]] if whole[key[0]] else 0.0)
        for key, tokens in found.items()
    ]
    return tuple(sorted(told, key=lambda one: (one.modality, one.kind, -one.tokens, one.name)))


def _follow(connection: duckdb.DuckDBPyConnection, derived: dict[str, npt.NDArray[Any]], found: _Labels) -> None:
    """Add what documents with parents come from."""
    walk = _Walk(all_links(connection), as_keys(derived["name"]))
    ended: dict[str, npt.NDArray[np.float64]] = {}
    for modality in sorted(set(derived["modality"].tolist())):
        here = derived["modality"] == modality
        ended[modality] = walk.split(derived["name"][here], derived["tokens"][here])
        for reason, tokens in zip((DANGLING, AMBIGUOUS, CIRCLE), walk.lost, strict=True):
            if tokens:
                found[modality, "unknown", reason] += tokens
    roots = np.flatnonzero(np.any([arrived > 0 for arrived in ended.values()], axis=0))
    with named(connection, "_roots", walk.paths.names[roots]):
        labels = {name: (label["kind"], label["origin"]) for name, label in connection.execute(_ROOTS).fetchall()}
    for modality, arrived in ended.items():
        for root in roots[arrived[roots] > 0]:
            kind, origin = labels[int(walk.paths.names[root])]
            found[modality, kind, origin] += float(arrived[root])


class _Walk:
    """The way up from some documents, prepared for amounts to be split along it."""

    def __init__(self, links: Links, start: Names) -> None:
        whole = Paths.of(links.child, links.parent, np.concatenate([start, links.dangling]))
        # Only what is above these documents; the rest of the graph costs nothing further.
        near = whole.names[whole.reached(whole.numbers(start), down=False)]
        sure = links.certain & np.isin(links.child, near)
        self.paths = Paths.of(links.child[sure], links.parent[sure], near)
        size = len(self.paths.names)
        self._dangling = self._counted(links.dangling, size)
        self._ambiguous = self._counted(links.ambiguous, size)
        component, self._circular = self.paths.circles()
        self._levels = list(self._ordered(component))
        self._degree = np.bincount(self.paths.child, minlength=size) + self._dangling + self._ambiguous
        self.lost: tuple[float, float, float] = (0.0, 0.0, 0.0)
        """Of the last split: tokens that ended at dangling parents, at ambiguous ones, in circles."""

    def split(self, names: Names, tokens: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Tokens that arrive at each node without parents; elsewhere 0."""
        amount = np.zeros(len(self.paths.names))
        amount[self.paths.numbers(names)] = tokens
        for edges in self._levels:
            child, parent = self.paths.child[edges], self.paths.parent[edges]
            np.add.at(amount, parent, amount[child] / self._degree[child])
        free = ~self._circular
        each = np.divide(amount, self._degree, out=np.zeros_like(amount), where=self._degree > 0)
        self.lost = (
            float(np.sum((each * self._dangling)[free])),
            float(np.sum((each * self._ambiguous)[free])),
            float(np.sum(amount[self._circular])),
        )
        return np.where((self._degree == 0) & free, amount, 0.0)

    def _counted(self, names: Names, size: int) -> npt.NDArray[np.int64]:
        here = self.paths.numbers(names)
        known = here[(here < size) & (self.paths.names[np.minimum(here, size - 1)] == names)]
        return np.bincount(known, minlength=size)

    def _ordered(self, component: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """Edges in groups, children first; what is in a circle passes nothing on."""
        level = np.zeros(int(component.max()) + 1, np.int64)
        for number, (child, _) in enumerate(self.paths.by_level(component), start=1):
            level[child] = number
        edges = np.flatnonzero(~self._circular[self.paths.child])
        depth = level[component[self.paths.child[edges]]]
        order = np.argsort(-depth, kind="stable")
        cuts = np.flatnonzero(np.diff(depth[order])) + 1
        return np.split(edges[order], cuts)
