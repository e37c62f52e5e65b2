"""What lies in the outbox, what became of it, and whether the collector answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anchor_pipeline.errors import UsageError
from anchor_pipeline.lineage.collector import NoCollector, find_collector
from anchor_pipeline.lineage.receipts import Receipts, Rejected, count
from anchor_pipeline.lineage.waiting import Waiting

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

_REACH_SECONDS = 3.0


@dataclass(frozen=True)
class Status:
    """The state of a store's outbox, in events."""

    collector: str | None
    """Its address, without credentials; None if there is none."""
    said: str
    """How it answers; or why there is none."""
    reachable: bool | None
    """None if that cannot be asked."""
    kept: int
    delivered: int
    pending: int
    rejected: tuple[Rejected, ...]
    oldest: datetime | None
    """When the oldest pending event was recorded."""
    last_error: dict[str, str] | None
    """`at` and `reason` of the last delivery that left something behind."""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        age = (datetime.now(UTC) - self.oldest).total_seconds() if self.oldest else None
        return {
            "collector": {"address": self.collector, "reachable": self.reachable, "said": self.said},
            "events": {
                "kept": self.kept,
                "delivered": self.delivered,
                "pending": self.pending,
                "rejected": len(self.rejected),
            },
            "oldest_pending": {
                "at": self.oldest.isoformat(timespec="seconds") if self.oldest else None,
                "age_seconds": None if age is None else round(max(0.0, age)),
            },
            "last_error": self.last_error,
            "rejected": [
                {key: value for key, value in vars(note).items() if key != "resolved"} for note in self.rejected
            ],
        }


def status_of(store: Store) -> Status:
    """Look at the outbox, and ask the collector for a sign of life. Nothing is sent and nothing is written."""
    address, said, reachable = _collector()
    receipts = Receipts(store)
    everything, pending = count(receipts.all()), receipts.pending(thorough=True)
    rejected = tuple(receipts.rejected())
    waiting = count(pending)
    return Status(
        collector=address,
        said=said,
        reachable=reachable,
        kept=everything,
        delivered=everything - waiting - len(rejected),
        pending=waiting,
        rejected=rejected,
        oldest=pending[0].at if pending else None,
        last_error=Waiting(store, 1.0).last if pending else None,
    )


def _collector() -> tuple[str | None, str, bool | None]:
    try:
        found = find_collector()
    except UsageError as error:
        return None, str(error), False
    if isinstance(found, NoCollector):
        return None, found.reason, None
    answer = found.reach(_REACH_SECONDS)
    found.close()
    if answer is None:
        return found.address, "whether it answers is not known before something is sent", None
    if answer.reached:
        return found.address, "it answers", True
    return found.address, answer.reason, False
