"""Records of recalls: which documents must not be used, why, and what held them when that was decided.

recalls/<id>.json              the decision (canonical JSON); `id` is the beginning of its SHA-256
recalls/<id>.tombstones.gz     the content digests of all documents it is about, one a line, sorted; never content
recalls/<id>.lift.json         the decision to lift it again
recalls/<id>.receipt.json      what came of it, and .receipt.md for people
recalls/<id>.erasure.json      that its content was erased from the store (erasures.py), and .erasure.md

They lie in the store and beside project.yaml: recall_files.py keeps the two alike.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.errors import DamagedData

FOLDER = "recalls"
ID_DIGITS = 12
MOST_BYTES = 1 << 26
"""Of a record; a longer one is not read."""

By = Literal["document", "source", "licence", "generator", "shard"]
Action = Literal["recall", "quarantine", "weight"]

BY_DIGEST = frozenset({"document", "shard", "generator"})
"""Targets whose documents stay out by their content digests, whatever they are called and wherever copies lie."""

REASONS: dict[Action, str] = {
    "recall": "recalled",
    "quarantine": "quarantined_lineage",
    "weight": "down_weighted",
}
"""Why a row is quarantined in a corpus."""

_NAME = re.compile(rf"([0-9a-f]{{{ID_DIGITS}}})\.json", re.ASCII)
_WEIGHT = re.compile(r"0\.[0-9]{1,6}", re.ASCII)


def plain(text: str, most: int = 2000) -> str:
    """Text from a file that anybody may have written, fit for a terminal: no control characters, not too long."""
    shown = "".join(" " if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") else one for one in text[:most])
    return shown.strip()


def _must_be_plain(text: str) -> str:
    if not text or plain(text) != text:
        raise ValueError("expected 1 to 2000 characters in one line, without control characters around or in it")
    return text


Plain = Annotated[str, AfterValidator(_must_be_plain)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{ID_DIGITS}}}$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Time = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(_Record):
    """What is kept in a file of its own, in one spelling."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.encoded()).hexdigest()

    def encoded(self) -> bytes:
        """The bytes of the file."""
        return canonical_json(self.model_dump(mode="json"))


D = TypeVar("D", bound=Decision)


class Target(_Record):
    """What a recall is about: all documents with this id, source, licence or generator, or in this shard."""

    by: By
    value: Annotated[str, Field(min_length=1, max_length=4096)]

    def __str__(self) -> str:
        return f"{self.by} {plain(self.value, 200)}"


class Tombstones(_Record):
    """The content digests that the recall was about: how many, and the SHA-256 of the list (each with a newline)."""

    count: Count
    sha256: Digest


class AffectedRelease(_Record):
    """A release that holds documents of a recall."""

    stage: str
    cycle: str
    revision: Count
    digest: Digest
    """The mix digest."""
    documents: Count
    """Recalled documents in it, each once."""
    tokens: dict[str, Count]
    """Recalled tokens by modality, every pass counted."""


class AffectedExport(_Record):
    """An export of such a release."""

    name: str
    uri: str | None
    release: Digest
    """Mix digest of what was exported."""


class RecallRecord(Decision):
    """The decision. What it affects is what the lineage knew then; what is found later is in the receipt."""

    format: Literal[1]
    project: str
    what: Target
    action: Action
    weight: str | None
    """Of `weight`: the share of the documents that may still be drawn, a decimal."""
    reason: Plain
    at: Time
    by: Plain
    tombstones: Tombstones
    releases: tuple[AffectedRelease, ...]
    exports: tuple[AffectedExport, ...]

    @model_validator(mode="after")
    def _weighted(self) -> RecallRecord:
        weighted = self.weight is not None
        if weighted != (self.action == "weight") or (weighted and _WEIGHT.fullmatch(self.weight or "") is None):
            raise ValueError("a weight (0.… with up to six places) belongs to the action `weight`, and to no other")
        return self

    @property
    def id(self) -> str:
        """What the recall is called."""
        return self.digest[:ID_DIGITS]

    @property
    def share(self) -> Decimal:
        """The share of its documents that may still be used."""
        return Decimal(self.weight) if self.weight is not None else Decimal(0)


class Lift(Decision):
    """The decision that a recall does not stand any more."""

    format: Literal[1]
    recall: Id
    reason: Plain
    at: Time
    by: Plain


def generator_is(generator: str, value: str) -> bool:
    """Whether a document's generator (`name@version`) is meant: named whole, or by its name for all versions."""
    return generator == value or generator.partition("@")[0] == value


def record_name(id: str) -> str:
    """The name of a record, in either folder."""
    return f"{FOLDER}/{id}.json"


def lift_name(id: str) -> str:
    """The name of the decision to lift one."""
    return f"{FOLDER}/{id}.lift.json"


def tombstones_name(id: str) -> str:
    """The name of its list of content digests."""
    return f"{FOLDER}/{id}.tombstones.gz"


def receipt_name(id: str, suffix: str = "json") -> str:
    """The name of its receipt."""
    return f"{FOLDER}/{id}.receipt.{suffix}"


def ids_among(names: list[str]) -> list[str]:
    """The recalls whose records are among the names of a folder, sorted; other files are passed over."""
    return sorted(match[1] for match in map(_NAME.fullmatch, names) if match)


def parse_record(data: bytes, id: str, where: str) -> RecallRecord:
    """The record in `data`; DamagedData unless it is the one that its name promises, in its one spelling."""
    remedy = (
        "restore it from a backup, or from the other copy (one lies in recalls/ of the store, one beside project.yaml)"
    )
    return parse_decision(
        RecallRecord, data, lambda one: one.id == id, f"{where}: is not the record of a recall", remedy
    )


def parse_lift(data: bytes, id: str, where: str) -> Lift:
    """The lift in `data`; DamagedData unless it is one of that recall."""
    trouble = f"{where}: is not the lift of that recall"
    return parse_decision(Lift, data, lambda one: one.recall == id, trouble, "restore or remove it")


def parse_decision(kind: type[D], data: bytes, fits: Callable[[D], bool], trouble: str, remedy: str) -> D:
    """The decision in `data`; DamagedData unless it is one that fits, in its one spelling."""
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"longer than {MOST_BYTES} bytes")
        decision = kind.model_validate_json(data)
        if decision.encoded() != data or not fits(decision):
            raise ValueError("its content is not the one that its name stands for, or was altered")
    except (ValueError, ValidationError, RecursionError) as error:
        raise DamagedData(f"{trouble} ({_first_problem(error)}); {remedy}") from None
    return decision


def receipt_releases(data: bytes) -> frozenset[str]:
    """The mix digests that a receipt names; none for what is no receipt. It only ever adds to those of the record."""
    try:
        found = json.loads(data[:MOST_BYTES])
        return frozenset(str(one["digest"]) for one in found["releases"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def _first_problem(error: Exception) -> str:
    """What is wrong with a record, in a few words."""
    if isinstance(error, ValidationError):
        told = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, told['loc'])) or 'JSON'}: {told['msg']}"
    return str(error)
