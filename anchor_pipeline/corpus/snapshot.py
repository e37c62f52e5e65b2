"""A snapshot: which shards make up a source, and what became of every row of every raw file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.store import Shard, Store


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RawFile(_Record):
    """A raw file as it was read. read = kept + quarantined; rows that `where` leaves out are not read."""

    path: str
    size: int
    version: str
    """Modification time or entity tag: tells without reading whether the file has changed."""
    sha256: str
    unit: str
    """The unit whose shards hold its rows."""
    read: int
    filtered: int
    quarantined: dict[str, int]


class Unit(_Record):
    """Raw files that were ingested together, and the shards that came of them."""

    id: str
    files: tuple[str, ...]
    """Paths at the time. Rows of a file that is no longer in the snapshot under this unit do not count."""
    shards: tuple[Shard, ...]
    quarantine: str | None = None
    """Where in the store the quarantined rows lie."""


class Unreadable(_Record):
    """A raw file that could not be read at all."""

    path: str
    offset: str | None
    """Where it broke: byte or row."""
    message: str


class SourceSnapshot(_Record):
    """The state of a source after an ingest."""

    source: str
    settings: str
    """Digest of the declaration's parts that decide what the shards hold."""
    files: tuple[RawFile, ...] = ()
    units: tuple[Unit, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def read(self) -> int:
        """Rows read from raw files."""
        return sum(file.read for file in self.files)

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows quarantined at ingest, by reason, sorted."""
        counts: Counter[str] = Counter()
        for file in self.files:
            counts.update(file.quarantined)
        return dict(sorted(counts.items()))

    @property
    def filtered(self) -> int:
        """Rows left out by `where`."""
        return sum(file.filtered for file in self.files)

    @property
    def digest(self) -> str:
        """What the source holds, whenever and in however many goes it was read."""
        files = [file.model_dump(exclude={"version", "unit"}) for file in self.files]
        broken = [entry.model_dump() for entry in self.unreadable]
        return canonical_digest({"settings": self.settings, "files": files, "unreadable": broken})

    @property
    def shards(self) -> list[str]:
        """Digests of all shards, sorted, each once."""
        return sorted({shard.digest for unit in self.units for shard in unit.shards})

    def masked(self) -> list[tuple[str, str]]:
        """(shard digest, raw file) pairs whose rows are of a file that has since changed or vanished."""
        valid = {(file.unit, file.path) for file in self.files}
        current: set[tuple[str, str]] = set()
        stale: set[tuple[str, str]] = set()
        for unit in self.units:
            for path in unit.files:
                pairs = current if (unit.id, path) in valid else stale
                pairs.update((shard.digest, path) for shard in unit.shards)
        return sorted(stale - current)


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: one spelling, fit to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def canonical_digest(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def write_snapshot(store: Store, snapshot: SourceSnapshot) -> None:
    """Make `snapshot` the current one of its source."""
    store.write(f"sources/{snapshot.source}/snapshot.json", canonical_json(snapshot.model_dump(mode="json")))


def read_snapshot(store: Store, source: str) -> SourceSnapshot | None:
    """The current snapshot of a source, or None if it was never ingested."""
    data = store.find(f"sources/{source}/snapshot.json")
    return None if data is None else SourceSnapshot.model_validate_json(data)
