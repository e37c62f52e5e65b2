"""Digests that bind a verdict to what it was made from: the policy and the selection."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from anchor_pipeline.corpus.register import KINDS, active
from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.fact_sets import fact_sets
from anchor_pipeline.facts.media.sets import SETS
from anchor_pipeline.project import Project
from anchor_pipeline.project.policy import RULES
from anchor_pipeline.project.units import Duration
from anchor_pipeline.rules.expected import feeding

_SOURCE_PARTS = (
    "kind",
    "domain",
    "modality",
    "steward",
    "signed_off",
    "sampling_plan",
    "hold_out",
    "terms",
    "consent",
    "risk",
    "generator",
)
"""What rules ask of a source; where its data lies does not decide a verdict."""

_BATCH = 65_536


def policy_digest(project: Project, stage: str) -> str:
    """SHA-256, hexadecimal, of the canonical JSON of everything declared that decides a stage's verdict."""
    declared = project.stages[stage]
    scopes = {"": None, **{name: name for name in declared.domains}}
    return canonical_digest(
        {
            "format": 1,
            "stage": stage,
            "declared": plain(declared, leave_out=("rules", "description")),
            "rules": {
                rule: {key: plain(project.setting(rule, stage=stage, domain=name)) for key, name in scopes.items()}
                for rule in RULES
            },
            "windows": {name: str(project.domains[name].window) for name in declared.domains},
            "sources": {
                name: {part: plain(getattr(source, part)) for part in _SOURCE_PARTS}
                for name, source in feeding(project, stage).items()
            },
            "seed": project.seed,
            "tokens": project.tokens,
            "cycle": plain(project.cycle),
        }
    )


def facts_digest(store: Store, cycle: str) -> str:
    """SHA-256, hexadecimal, of what the facts of a cycle are measured by: the fact sets, and the models in use."""
    models = {kind: [entry.digest for entry in active(store, kind, cycle)] for kind in KINDS}
    # Those of images are named whether or not this machine can measure them: a verdict is the same everywhere.
    sets = {facts.key for facts in (*fact_sets(store, cycle), *SETS.values())}
    return canonical_digest({"sets": sorted(sets), "models": models})


def plain(value: Any, leave_out: tuple[str, ...] = ()) -> Any:
    """A declared value as JSON has it, without loss: shares as `3/20`, durations as written, dates as ISO 8601."""
    if isinstance(value, BaseModel):
        names = [name for name in type(value).model_fields if name not in leave_out]
        return {name: plain(getattr(value, name), leave_out) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(part, leave_out) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, leave_out) for part in value]
    if isinstance(value, (Fraction, Duration)):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical spelling")


DIGESTED = ("doc_id", "digest", "epoch")
"""Columns of a selection, and of a mix, that the selection digest is taken of."""


def selection_digest(path: Path) -> str:
    """SHA-256, hexadecimal, over `doc_id NUL digest NUL epoch newline` of every row, in order.

    Depends on the rows alone, not on how the Parquet file is laid out or compressed. DamagedData if it is no
    selection.
    """
    sha = hashlib.sha256()
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH, columns=list(DIGESTED)):
            sha.update(digested_bytes(batch))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DamagedData(f"{path}: cannot be read as a selection ({error}); select again") from None
    return sha.hexdigest()


def digested_bytes(batch: pa.RecordBatch) -> memoryview:
    """What the selection digest is taken of, for some rows. KeyError, ArrowException if they are not of a selection."""
    doc_id, digest, epoch = (pc.cast(batch.column(name), pa.string()) for name in DIGESTED)
    lines = pc.binary_join_element_wise(doc_id, "\0", digest, "\0", epoch, "\n", "")
    if lines.null_count:
        raise pa.ArrowInvalid("a row has no doc_id, digest or epoch")
    return _bytes(lines)


def _bytes(strings: pa.StringArray) -> memoryview:
    """The content of a string array, one after the other, without a copy."""
    _, offsets, data = strings.buffers()
    bounds = memoryview(offsets).cast("i")
    first, last = bounds[strings.offset], bounds[strings.offset + len(strings)]
    return memoryview(data)[first:last] if last > first else memoryview(b"")
