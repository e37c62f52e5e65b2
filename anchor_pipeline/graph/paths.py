"""Arrays for walks through the graph of documents: circles first, then level by level from the roots.

Circles are found as strongly connected components (Tarjan; scipy.sparse.csgraph), and what is left has no circles.
Work and memory are linear in nodes and edges, plus some microseconds for each level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Names = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


_Number = TypeVar("_Number", bound=np.integer[Any])


def distinct(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Sorted, each once; NumPy's own way, over a hash table, takes several times as long for many."""
    ordered = np.sort(values)
    fresh = np.ones(len(ordered), bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered[fresh]


@dataclass(frozen=True)
class Paths:
    """Documents by number, and the edges between them, sorted by child and parent."""

    names: Names
    """By number; sorted."""
    child: Indices
    parent: Indices

    @staticmethod
    def of(child: Names, parent: Names, others: Names | None = None) -> Paths:
        """From names; `others` are nodes as well, even if no edge touches them."""
        parts = (child, parent) if others is None else (child, parent, others)
        names = distinct(np.concatenate(parts).astype(np.uint64))
        size = max(1, len(names))
        # Two numbers below 2³¹ in one, so that each edge is there once and they are sorted.
        edges = distinct(np.searchsorted(names, child).astype(np.int64) * size + np.searchsorted(names, parent))
        return Paths(names, edges // size, edges % size)

    def numbers(self, names: Names) -> Indices:
        """Numbers of nodes."""
        return np.searchsorted(self.names, names).astype(np.int64)

    def reached(self, start: Indices, *, down: bool) -> Indices:
        """Numbers of all nodes from which (`down`: to which) a path leads to (from) one of `start`; sorted, with it."""
        near, far = (self.parent, self.child) if down else (self.child, self.parent)
        rows = _Rows(near, far, len(self.names))
        seen = np.zeros(len(self.names), bool)
        seen[start] = True
        frontier = np.unique(start)
        while len(frontier):
            beyond = rows.of(frontier)
            frontier = np.unique(beyond[~seen[beyond]])
            seen[frontier] = True
        return np.flatnonzero(seen)

    def circles(self) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Per node: its component, and whether it lies in a circle (is among its own ancestors)."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        size = len(self.names)
        ones = np.ones(len(self.child), np.int8)
        matrix = coo_array((ones, (self.child, self.parent)), shape=(size, size)).tocsr()
        _, component = connected_components(matrix, directed=True, connection="strong")
        circular = np.bincount(component, minlength=1)[component] > 1 if size else np.zeros(0, bool)
        circular[self.child[self.child == self.parent]] = True
        return component.astype(np.int64), circular

    def by_level(self, component: Indices) -> Iterator[tuple[Indices, Indices]]:
        """Edges between components, as (child, parent) pairs of them, in groups: all parents of a group come before.

        A component that is nobody's child appears only as a parent.
        """
        child, parent = component[self.child], component[self.parent]
        between = child != parent
        child, parent = child[between], parent[between]
        if not len(child):
            return
        size = int(component.max()) + 1
        waiting = np.bincount(child, minlength=size)
        below = _Rows(parent, child, size)
        above = _Rows(child, parent, size)
        frontier = np.flatnonzero((waiting == 0) & (np.bincount(parent, minlength=size) > 0))
        while len(frontier):
            touched, times = np.unique(below.of(frontier), return_counts=True)
            waiting[touched] -= times
            frontier = touched[waiting[touched] == 0]
            if len(frontier):
                yield np.repeat(frontier, above.lengths(frontier)), above.of(frontier)


class _Rows:
    """For each node, the nodes at the other end of its edges."""

    def __init__(self, near: Indices, far: Indices, size: int) -> None:
        self._far = far[np.argsort(near, kind="stable")]
        self._start = np.concatenate([[0], np.cumsum(np.bincount(near, minlength=size))])

    def lengths(self, nodes: Indices) -> Indices:
        return np.asarray(self._start[nodes + 1] - self._start[nodes], np.int64)

    def of(self, nodes: Indices) -> Indices:
        """Those of several nodes, one after the other."""
        lengths = self.lengths(nodes)
        total = int(lengths.sum())
        before = np.repeat(self._start[nodes] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        found: Any = self._far[np.arange(total) + before]
        return np.asarray(found, np.int64)
