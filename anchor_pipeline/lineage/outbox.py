"""The outbox: OpenLineage events as files of the store, on the disk before the step goes on.

    lineage/events/2025-06-30/0197c0de-…-3.jsonl

One file for what is recorded at once, named by a UUIDv7 and the number of events in it; names sort in the order of
recording. A file is never changed. What was delivered is noted beside it (receipts.py); who delivers is delivery.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from anchor_pipeline.errors import DamagedData
from anchor_pipeline.lineage.ids import Rising, time_of
from anchor_pipeline.observer import Intent, LedgerEntry, Outcome

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

    from anchor_pipeline.corpus.store import Store

EVENTS = "lineage/events"

EntriesOf = Callable[[str], Sequence[LedgerEntry]]
"""What the ledger of custody holds of a run, by its id; asked when the ledger has taken the event down."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})-(?P<count>\d+)\.jsonl")


class OpenLineageFile:
    """An observer that keeps events in the store. A step goes on without it, but not silently."""

    required = False

    def __init__(self, store: Store, custody: EntriesOf | None = None) -> None:
        self.store = store
        self._custody = custody or (lambda run: ())
        # All events of a run pass through one observer, so this keeps their order.
        self._ids = Rising()

    def opened(self, intent: Intent) -> None:
        """Keep the START event."""
        # openlineage-python takes a quarter of a CPU-second to import: only when something is recorded.
        from anchor_pipeline.lineage.events import opening

        write_batch(self.store, opening(intent, self._custody(intent.run.id)), self._ids.next(intent.at))

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        """Keep the COMPLETE event, and those of the checks."""
        from anchor_pipeline.lineage.events import closing

        entries = self._custody(intent.run.id)
        write_batch(self.store, closing(intent, outcome, str(self.store.root), entries), self._ids.next(outcome.at))

    failed = completed


@dataclass(frozen=True, order=True)
class Batch:
    """A file of events; its name alone says when it was recorded and how many there are."""

    day: str
    id: str
    count: int

    @property
    def path(self) -> str:
        """Where it lies in the store."""
        return f"{EVENTS}/{self.day}/{self.id}-{self.count}.jsonl"

    @property
    def at(self) -> datetime:
        """When it was recorded."""
        return time_of(UUID(self.id))


def write_batch(store: Store, events: list[RunEvent], id: UUID) -> Batch:
    """Keep events durably: all of them or none. OSError or Unavailable if the storage refuses."""
    batch = Batch(f"{time_of(id):%Y-%m-%d}", str(id), len(events))
    store.write(batch.path, b"".join(_line(event) for event in events))
    return batch


def days(store: Store) -> list[str]:
    """Days on which something was recorded, in order."""
    return [name for name in store.list(EVENTS) if _DAY.fullmatch(name)]


def batches_of(store: Store, day: str) -> list[Batch]:
    """The batches of a day, in order. Files that are not ours are passed over."""
    found = (_NAME.fullmatch(name) for name in store.list(f"{EVENTS}/{day}"))
    return sorted(Batch(day, match["id"], int(match["count"])) for match in found if match)


def read_batch(store: Store, batch: Batch) -> list[dict[str, Any]]:
    """The events of a batch. DamagedData if they are not all there."""
    data = store.read(batch.path)
    try:
        events = [json.loads(line) for line in data.splitlines()]
        if len(events) != batch.count or not all(isinstance(event["run"]["runId"], str) for event in events):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise DamagedData(
            f"{batch.path}: does not hold the {batch.count} events that were written; "
            "restore it from a backup, or move it away"
        ) from None
    return events


def read_events(store: Store) -> Iterator[dict[str, Any]]:
    """All events kept so far, in the order they were recorded. DamagedData if a file cannot be read."""
    for day in days(store):
        for batch in batches_of(store, day):
            yield from read_batch(store, batch)


def _line(event: RunEvent) -> bytes:
    from openlineage.client.serde import Serde

    text = json.dumps(Serde.to_dict(event), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A file name that is not UTF-8 comes as lone surrogates, which no JSON reader has to accept.
    return text.encode("utf-8", "replace") + b"\n"
