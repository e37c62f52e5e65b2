"""What a synthetic shard was made from: the shards that hold the documents which its documents name as parents.

A parent is named by a whole document id (`<source>/<id>`) or by the id within its source, as in rules/ancestry.py: whole
ids win, and an id that several sources have stands for none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.snapshot import SourceSnapshot, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.credentials.shards import MOST_NAMED, credential_name, kind_of
from anchor_pipeline.custody.credentials.sidecar import Descent, Parent
from anchor_pipeline.project import Project

Sidecar = Callable[[str], bytes | None]


class Ancestors:
    """Where the documents of a project lie, as far as its sources have been read; looked up when first asked."""

    def __init__(self, project: Project, store: Store) -> None:
        self._project, self._store = project, store
        self._snapshots: dict[str, SourceSnapshot | None] = {}

    def descent(self, shard: str, source: str) -> Descent:
        """What the documents of a shard were made from. A shard is no parent of itself."""
        table = pq.read_table(self._store.local_shard(shard), columns=["parents", "generator"])
        names = set(pc.unique(pc.list_flatten(table.column("parents"))).to_pylist()) - {None}
        generators = sorted(set(pc.unique(table.column("generator")).to_pylist()) - {None})
        found, unknown = self._located(names)
        parents = tuple(self._parent(parent, of, source) for parent, of in sorted(found.items()) if parent != shard)
        human = [one for one in parents if not one.nested]
        if len(human) > MOST_NAMED:
            # Those that are nested have to be there; the others are told by their number.
            parents, unknown = tuple(one for one in parents if one.nested), unknown + len(human)
        return Descent(parents, unknown, tuple(generators[:MOST_NAMED]))

    def _parent(self, shard: str, of: str, source: str) -> Parent:
        # Shards of one source are made together, so none can carry the credential of another.
        nested = of != source and kind_of(self._project.sources[of].kind) == "c2pa"
        sidecar = self._store.find(credential_name(shard, "c2pa")) if nested else None
        content = None if sidecar is None else self._store.local_shard(shard).read_bytes()
        return Parent(shard, of, nested, sidecar, content)

    def _located(self, names: Iterable[str]) -> tuple[dict[str, str], int]:
        """Source by shard of the documents of these names, and how many names no document has, or several."""
        whole: dict[str, tuple[str, str]] = {}
        bare: dict[str, set[tuple[str, str]]] = {}
        wanted = pa.array(sorted(set(names)), pa.string())
        for source in self._project.sources if len(wanted) else ():
            for shard in self._shards(source):
                ids = pq.read_table(self._store.local_shard(shard), columns=["doc_id"]).column("doc_id")
                short = pc.utf8_slice_codeunits(ids, len(source) + 1)
                for name in _among(ids, wanted):
                    whole[name] = (shard, source)
                for name in _among(short, wanted):
                    bare.setdefault(name, set()).add((shard, source))
        meant: Mapping[str, tuple[str, str]] = {
            **{name: next(iter(places)) for name, places in bare.items() if len(places) == 1},
            **whole,
        }
        return dict(meant.values()), len(wanted) - len(meant)

    def _shards(self, source: str) -> list[str]:
        if source not in self._snapshots:
            self._snapshots[source] = read_snapshot(self._store, source)
        snapshot = self._snapshots[source]
        return [] if snapshot is None else snapshot.shards


def _among(ids: Any, wanted: Any) -> list[str]:
    found: list[str] = ids.filter(pc.is_in(ids, wanted)).to_pylist()
    return found
