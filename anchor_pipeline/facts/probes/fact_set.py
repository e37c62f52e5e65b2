"""The facts of a probe: bits and units of every text, in a fact set of its own for each probe in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from anchor_pipeline.corpus.register import active
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.probes.probe import probe_of

PROBE_SCHEMA = pa.schema([pa.field("bits", pa.float64()), pa.field("units", pa.int32())])
"""−log2 p of the text with its end; how many words, characters or tokens that is, the end among them."""


@dataclass(frozen=True)
class MeasureProbe:
    """Measures with a probe that it opens on first use, in whatever process that is."""

    address: str
    digest: str

    def __call__(self, batch: Batch) -> list[Any]:
        """The columns of PROBE_SCHEMA."""
        bits, units = probe_of(Store.at(self.address), self.digest).measure(batch)
        return [pa.array(bits), pa.array(np.minimum(units, np.iinfo(np.int32).max), pa.int32())]


def probe_key(digest: str) -> str:
    """The key of the fact set of a probe."""
    return f"probe-{digest[:12]}"


def probe_set(store: Store, digest: str) -> FactSet:
    """The fact set of one probe of the store."""
    return FactSet(probe_key(digest), "text", PROBE_SCHEMA, MeasureProbe(store.address_of("."), digest))


def probe_sets(store: Store, cycle: str) -> list[FactSet]:
    """Those of the probes in use in a cycle."""
    return [probe_set(store, entry.digest) for entry in active(store, "probe", cycle)]
