"""Every validation of a source that had other results, and which cycles saw it. Nothing of it is ever overwritten.

data_docs/<source>/<key>.json           a validation (SourceValidation); its page <key>.html lies beside it
data_docs/<source>/seen/<name>.json     that a cycle saw it; the name is number.cycle.key

Cycles are in the order in which builds saw them, without the time of day. A cycle counts again if it sees something
else than it last did. The names alone tell all, so that listing a folder is enough; and two processes that take the
same number at once write two names, so that neither is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.ingest.expectation_models import SourceValidation

FOLDER = "data_docs"
_NO_CYCLE = "-"


@dataclass(frozen=True, order=True)
class Sighting:
    """That a cycle saw a validation."""

    number: int
    cycle: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.number:06}.{self.cycle}.{self.key}.json"


@dataclass(frozen=True)
class Past:
    """A validation and the cycles that saw it, each once, in the order of their last sight of it."""

    key: str
    cycles: tuple[str, ...]
    """Empty if it was only looked at."""


def sightings(store: Store, source: str) -> list[Sighting]:
    """All sightings, the oldest first."""
    found = []
    for name in store.list(f"{FOLDER}/{source}/seen"):
        parts = name.split(".")
        if len(parts) == 4 and parts[0].isdecimal() and parts[3] == "json":
            found.append(Sighting(int(parts[0]), parts[1], parts[2]))
    return sorted(found)


def record_sighting(store: Store, source: str, key: str, cycle: str | None) -> bool:
    """Note that `cycle` saw the validation; says whether that was new. None is noted if nobody has seen it yet."""
    seen = sightings(store, source)
    if cycle is None and any(one.key == key for one in seen):
        return False
    mine = [one.key for one in seen if one.cycle == (cycle or _NO_CYCLE)]
    if mine and mine[-1] == key:
        return False
    sighting = Sighting(seen[-1].number + 1 if seen else 1, cycle or _NO_CYCLE, key)
    content = {"cycle": cycle, "key": key, "number": sighting.number}
    store.write_new(f"{FOLDER}/{source}/seen/{sighting.name}", canonical_json(content))
    return True


def history(seen: Sequence[Sighting]) -> list[Past]:
    """The validations, the one seen last first."""
    cycles: dict[str, list[str]] = {}
    for one in seen:
        known = cycles.pop(one.key, [])
        # What was seen again moves to the end.
        cycles[one.key] = [*(cycle for cycle in known if cycle != one.cycle), one.cycle]
    return [Past(key, tuple(cycle for cycle in of if cycle != _NO_CYCLE)) for key, of in reversed(list(cycles.items()))]


def read_validation(store: Store, source: str, key: str) -> SourceValidation | None:
    """A validation by its key; None if its record is not there or damaged."""
    return read_record(store, f"{FOLDER}/{source}/{key}.json")


def read_record(store: Store, name: str) -> SourceValidation | None:
    """The validation that a file of the store holds; None if it is not there or damaged."""
    try:
        data = store.find(name)
        return None if data is None else SourceValidation.model_validate_json(data)
    except (ValidationError, DamagedData):
        return None
