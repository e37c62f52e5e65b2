"""What became of the events in the outbox: delivered, or refused for good.

    lineage/delivered/2025-06-30.json     ids of the delivered batches of that day, sorted
    lineage/delivered/2025-06-30.closed   the day is over, and nothing of it is left
    lineage/rejected/<id>-<event>.json    an event that a collector refused, with its reason

Delivery is at least once: a note that is lost, or lost to another deliverer who wrote at the same time, means that
events are sent again, never that one is not sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from anchor_pipeline.errors import DamagedData
from anchor_pipeline.lineage.outbox import Batch, batches_of, days

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

DELIVERED = "lineage/delivered"
REJECTED = "lineage/rejected"

_SAVE_SECONDS = 2.0
"""What a killed deliverer sent in so many seconds is sent again."""

_CLOSE_DAYS = 7
"""Nothing is recorded with a time so long ago, unless a clock is wrong."""


@dataclass(frozen=True)
class Rejected:
    """An event that a collector will not take as it is."""

    batch: str
    """Path of its file."""
    event: int
    """Which of the events in it, from 0."""
    run: str
    job: str
    type: str
    reason: str
    at: str
    """When it was refused."""
    resolved: bool = False
    """A collector has taken it after all."""


class Receipts:
    """Notes on the batches of one store; kept in memory and saved from time to time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._new: dict[str, set[str]] = {}
        self._over: set[str] = set()
        self._saved = time.monotonic()

    def all(self) -> list[Batch]:
        """Every batch, in order."""
        return [batch for day in days(self.store) for batch in batches_of(self.store, day)]

    def pending(self, *, thorough: bool = False) -> list[Batch]:
        """Batches that were not delivered, in order. Closed days are looked at only when `thorough`."""
        names = set(self.store.list(DELIVERED))
        pending: list[Batch] = []
        for day in days(self.store):
            if f"{day}.closed" in names and not thorough:
                continue
            done = self._delivered(day) if f"{day}.json" in names else set()
            left = [batch for batch in batches_of(self.store, day) if batch.id not in done]
            pending += left
            if not left and f"{day}.closed" not in names and _is_old(day):
                self._over.add(day)
        return pending

    def delivered(self, batch: Batch) -> None:
        """Note that nothing of the batch is left to send."""
        self._new.setdefault(batch.day, set()).add(batch.id)
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write down what was noted."""
        for day, ids in self._new.items():
            # Read again, for another deliverer may have written since.
            before = self._delivered(day)
            if not ids <= before:
                self.store.write(f"{DELIVERED}/{day}.json", _json(sorted(before | ids)))
        for day in self._over:
            self.store.write(f"{DELIVERED}/{day}.closed", b"")
        self._new.clear()
        self._over.clear()
        self._saved = time.monotonic()

    def reject(self, batch: Batch, event: int, content: dict[str, Any], reason: str) -> None:
        """Note that an event was refused for good. It stays in its batch."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        run, job = (content.get(part) or {} for part in ("run", "job"))
        note = Rejected(
            batch.path,
            event,
            run.get("runId", ""),
            job.get("name", ""),
            content.get("eventType", ""),
            reason,
            now,
        )
        self.store.write(f"{REJECTED}/{batch.id}-{event}.json", _json(asdict(note)))

    def resolve(self, note: Rejected) -> None:
        """Note that a refused event was taken after all."""
        name = f"{REJECTED}/{note.batch.rpartition('/')[2][:36]}-{note.event}.json"
        self.store.write(name, _json({**asdict(note), "resolved": True}))

    def rejected(self) -> list[Rejected]:
        """Events that are refused, in order."""
        notes = [self._note(name) for name in self.store.list(REJECTED)]
        return [note for note in notes if note is not None and not note.resolved]

    def _note(self, name: str) -> Rejected | None:
        if not name.endswith(".json"):
            return None
        try:
            return Rejected(**json.loads(self.store.read(f"{REJECTED}/{name}")))
        except (ValueError, TypeError):
            raise DamagedData(f"{REJECTED}/{name}: is not a note on a refused event; move it away") from None

    def _delivered(self, day: str) -> set[str]:
        try:
            data = self.store.find(f"{DELIVERED}/{day}.json")
            return set() if data is None else {str(id) for id in json.loads(data)}
        except (ValueError, TypeError, DamagedData):
            # Sending a day's events again mends it.
            return set()


def count(batches: Iterable[Batch]) -> int:
    """Number of events in the batches."""
    return sum(batch.count for batch in batches)


def _is_old(day: str) -> bool:
    return day < f"{datetime.now(UTC) - timedelta(days=_CLOSE_DAYS):%Y-%m-%d}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace")
