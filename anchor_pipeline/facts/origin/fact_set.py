"""The fact set of an origin detector: one score per text, and whether the text is long enough for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.register import active
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.origin.model import open_detector

SCHEMA = pa.schema([pa.field("score", pa.float32()), pa.field("judged", pa.bool_())])
"""`score`: log-odds that the model wrote the text, at even odds beforehand."""


@dataclass(frozen=True)
class MeasureOrigin:
    """Scores batches; says where the detector lies, and opens it in the process that measures."""

    address: str
    digest: str

    def __call__(self, batch: Batch) -> list[Any]:
        """The columns of SCHEMA."""
        detector = open_detector(Store.at(self.address), self.digest)
        scores, judged = detector.score(batch.data, batch.offsets, batch.words, batch.starts)
        return [pa.array(scores), pa.array(judged)]


def origin_key(digest: str) -> str:
    """The key of the facts of a detector."""
    return f"origin-{digest[:12]}"


def origin_set(store: Store, digest: str) -> FactSet:
    """The fact set of one detector."""
    return FactSet(origin_key(digest), "text", SCHEMA, MeasureOrigin(store.address_of("."), digest))


def origin_sets(store: Store, cycle: str) -> list[FactSet]:
    """Those of the detectors in use in a cycle."""
    return [origin_set(store, entry.digest) for entry in active(store, "origin", cycle)]
