"""Fact sets: what is measured together and kept in one file per shard; and the list of those that a cycle needs.

A new set is a module with a function `(store, cycle) -> list[FactSet]`, and a line in `_SETS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.batch import Batch

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


@dataclass(frozen=True)
class FactSet:
    """Columns that are measured together. Another way to measure them is another key, never the same one.

    A fact set goes to worker processes by pickle. So `measure` is a function of a module, or an instance of a frozen
    dataclass with `__call__` that says where its model lies (address of the store, digest) and opens it on first use.
    """

    key: str
    """Folder under facts/, with the version or the digest of the model in it: text-1, probe-0123456789ab."""
    modality: str
    """Only rows of this modality are measured; all others get nulls."""
    schema: pa.Schema
    """Its columns, one row per row of the shard."""
    measure: Callable[[Batch], list[Any]]
    """Arrow arrays in the order of `schema`, one entry per row of the batch. The same bytes for the same batch."""
    reads: tuple[str, ...] = ("text",)
    """Columns of DOCUMENT_SCHEMA that `measure` looks at."""

    def __post_init__(self) -> None:
        if _KEY.fullmatch(self.key) is None:
            raise ValueError(f"{self.key!r} cannot be the key of a fact set: use small letters, digits, - and _")


_SETS = {
    "text": "anchor_pipeline.facts.text:text_sets",
    "probe": "anchor_pipeline.facts.probes.fact_set:probe_sets",
    "origin": "anchor_pipeline.facts.origin.fact_set:origin_sets",
    "media": "anchor_pipeline.facts.media.sets:media_sets",
}
"""Name of each kind of set, and the function that lists those of a cycle; imported when it is asked for."""


def fact_sets(store: Store, cycle: str, only: Iterable[str] | None = None) -> list[FactSet]:
    """The fact sets of a cycle (its key): those of every cycle, and those of the models in use in it.

    `only` names the kinds that are wanted. UsageError if there is no such kind.
    """
    wanted = list(_SETS) if only is None else list(only)
    unknown = sorted(set(wanted) - set(_SETS))
    if unknown:
        raise UsageError(f"there is no kind of facts {unknown[0]!r}; there are {', '.join(sorted(_SETS))}")
    found: list[FactSet] = []
    for name in wanted:
        module, _, function = _SETS[name].partition(":")
        found.extend(getattr(import_module(module), function)(store, cycle))
    return found
