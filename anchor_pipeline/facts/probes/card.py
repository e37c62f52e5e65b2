"""The card of a probe: what it was made from and how. It lies beside the model and is part of its digest."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.errors import DamagedData

FORMAT = 1
CARD = "card.json"

ProbeKind = Literal["words", "characters", "kenlm", "causal"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingSource(_Record):
    """A source whose documents a probe was trained on."""

    name: str
    snapshot: str
    """Digest of the snapshot."""
    documents: int
    units: int
    """Words or characters, without begin and end of the texts."""


class OrderCard(_Record):
    """One order of an n-gram model."""

    ngrams: int
    discounts: tuple[float, float, float]
    fallback: bool
    """Little or artificial text: the discounts are the fixed ones."""


class Card(_Record):
    """What is known of a probe. No times: the same training gives the same card."""

    format: int = FORMAT
    kind: ProbeKind
    order: int = 0
    """Units of the longest n-gram; 0 where it is no n-gram model."""
    vocabulary: int = 0
    """Units that are known, without the class of the unknown and the end of text."""
    unknown_types: int = 0
    """Different units of the training text that are in the class of the unknown."""
    min_counts: tuple[int, ...] = ()
    orders: tuple[OrderCard, ...] = ()
    documents: int = 0
    units: int = 0
    share: float = 1.0
    """Which part of the documents it was trained on (split.py); the others may calibrate it."""
    cycle: str = ""
    sources: tuple[TrainingSource, ...] = ()
    files: dict[str, str] = {}
    """SHA-256 of the files of a model that was made elsewhere."""
    settings: dict[str, str] = {}
    package: str
    """Version of anchor_pipeline that made it."""

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return canonical_json(self.model_dump(mode="json"))


def read_card(data: bytes) -> Card:
    """The card of these bytes. DamagedData if they are none, or of a later format."""
    try:
        card = Card.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DamagedData(f"{CARD}: {where}: {first['msg']}; put the probe back from a copy") from None
    if card.format != FORMAT:
        raise DamagedData(f"{CARD}: format {card.format} is not known, only {FORMAT}; use the version that made it")
    return card
