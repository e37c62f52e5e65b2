"""What synthetic shards were made from: the shards that hold the documents which their documents name as parents.

A parent is named by a whole document id (`<source>/<id>`) or by the id within its source, as in rules/ancestry.py:
whole ids win, and an id that several documents have stands for none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.snapshot import read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.credentials.shards import MOST_NAMED, kind_of
from anchor_pipeline.custody.credentials.sidecar import Descent, Parent
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.project import Project

_Places = dict[str, set[tuple[str, str]]]
"""Shard and source of the documents that a name may mean."""


def descents(project: Project, store: Store, shards: Sequence[str], source: str) -> dict[str, Descent]:
    """What each of these shards of one source was made from, as far as the sources of the project have been read.

    Ids are looked up in the sources that they name; only if that finds nothing, in all of them.
    """
    named: dict[str, set[str]] = {}
    generators: dict[str, list[str]] = {}
    for shard in shards:
        own = _read(store, shard, "parents", "generator")
        named[shard] = _distinct(pc.list_flatten(own.column("parents")))
        generators[shard] = sorted(_distinct(own.column("generator")))
    places = _places(project, store, set().union(*named.values()))
    found = {}
    for shard in shards:
        meant = [places[name] for name in named[shard] if len(places.get(name, ())) == 1]
        of = dict(place for one in meant for place in one if place[0] != shard)
        # Shards of one source are made together, so none can carry the credential of another.
        parents = [
            Parent(parent, origin, origin != source and kind_of(project.sources[origin].kind) == "c2pa")
            for parent, origin in sorted(of.items())
        ]
        others = [parent for parent in parents if not parent.nested]
        if len(others) > MOST_NAMED:
            parents, more = [parent for parent in parents if parent.nested], len(others)
        else:
            more = 0
        unknown = len(named[shard]) - len(meant)
        found[shard] = Descent(tuple(parents), more, unknown, tuple(generators[shard][:MOST_NAMED]))
    return found


def _places(project: Project, store: Store, names: set[str]) -> _Places:
    places: _Places = {}
    for source in project.sources:
        whole = [name for name in names if name.startswith(f"{source}/")]
        _look_up(store, source, whole, 0, places)
    rest = sorted(names - places.keys())
    for source in project.sources:
        _look_up(store, source, rest, len(source) + 1, places)
    return places


def _look_up(store: Store, source: str, names: Sequence[str], skipped: int, places: _Places) -> None:
    """Note where a source has documents of these names, the first `skipped` characters of their ids left out."""
    wanted = pa.array(sorted(names), pa.string()) if names else None
    snapshot = read_snapshot(store, source) if names else None
    for shard in snapshot.shards if snapshot is not None else ():
        ids = pc.utf8_slice_codeunits(_read(store, shard, "doc_id").column("doc_id"), skipped)
        for name in ids.filter(pc.is_in(ids, wanted)).to_pylist():
            places.setdefault(name, set()).add((shard, source))


def _read(store: Store, shard: str, *columns: str) -> Any:
    try:
        with pq.ParquetFile(store.local_shard(shard)) as file:
            # A column or two: threads would cost more than they save.
            return file.read(list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(
            f"shard {shard}: cannot be read ({str(error)[:200]}); restore it, or ingest its source again"
        ) from None


def _distinct(column: Any) -> set[str]:
    values: set[str] = set(pc.unique(column).to_pylist()) - {None}
    return values
