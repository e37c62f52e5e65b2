"""The record of a selection: how it was planned, what was drawn, and where it lies."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Missing(_Record):
    """What a domain lacks for the whole target."""

    domain: str
    what: str
    tokens: int
    message: str


class ModalityPlan(_Record):
    """The plan of one modality, in the unit of the column `tokens`."""

    target: int
    most: int
    """The most that the rules admit of what is there."""
    drawn: int
    lawful: bool
    """Whether the drawn documents keep every limit that the planner knows."""
    messages: tuple[str, ...]
    """What binds, with shadow prices; or why there is no lawful mix."""
    missing: tuple[Missing, ...] = ()


class DomainWeights(_Record):
    """How close the synthetic texts of a domain are to its anchors; see facts.weighting."""

    anchors: int
    synthetic: int
    weighed: bool
    """False: either side has too few documents."""
    discarded: int = 0
    """Synthetic documents left out as too far from every anchor."""
    effective: float | None = None
    """Effective sample size of the others: as many equally weighted ones would carry as much."""
    threshold: float | None = None
    """Cosine similarity to the nearest anchor below which a document is too far."""


class Selection(_Record):
    """A selection of documents for one stage and cycle. A lawless one is kept too, to show why it is refused."""

    stage: str
    cycle: str
    inputs: str
    """Digest of what it was made from."""
    digest: str
    """Digest of the ordered documents; see rules.verdict.selection_digest."""
    rows: int
    tokens: dict[str, int]
    """Drawn amount by modality."""
    plans: dict[str, ModalityPlan]
    left_out: dict[str, dict[str, int]]
    """Kept documents that the stage may not use: by source and reason."""
    weights: dict[str, DomainWeights] = {}
    """By domain, where the stage declares `weighting`."""


def selection_table_name(stage: str, cycle: str) -> str:
    """The name of the table of chosen documents in the store."""
    return f"selection/{stage}/{cycle}/selection.parquet"


def selection_table(store: Store, stage: str, cycle: str) -> Path:
    """Where the chosen documents can be read, in training order (rules.evidence.SELECTION_SCHEMA)."""
    return store.local(selection_table_name(stage, cycle))


def write_selection(store: Store, selection: Selection) -> None:
    """Keep the record; the table is in place before it."""
    name = f"selection/{selection.stage}/{selection.cycle}/selection.json"
    store.write(name, canonical_json(selection.model_dump(mode="json")))


def read_selection(store: Store, stage: str, cycle: str) -> Selection | None:
    """The current selection, or None if there is none."""
    data = store.find(f"selection/{stage}/{cycle}/selection.json")
    return None if data is None else Selection.model_validate_json(data)
