"""Delivery of the outbox to the configured collector: at least once, in order within each run.

    deliver(store, deadline=40)

The events of a run wait for its earlier ones; other runs go on. A collector that does not answer is left alone after
a few attempts; one that answers with errors is tried with other runs first. A build does not call this on its way:
a thread beside it does (background.py), or a sensor, or `anchor lineage flush`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from anchor_pipeline.errors import AnchorError, DamagedData, UsageError
from anchor_pipeline.lineage.answers import Answer
from anchor_pipeline.lineage.collector import NoCollector, find_collector
from anchor_pipeline.lineage.outbox import Batch, read_batch
from anchor_pipeline.lineage.receipts import Receipts, Rejected, count
from anchor_pipeline.lineage.waiting import Waiting, backoff

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

PAUSE = 0.5
"""Seconds before the second attempt; each further one waits twice as long."""

_PATIENCE = 5
"""So many attempts without a success between them, and the collector is left alone."""

_WORTH_WAITING = 5.0
"""Seconds that one call waits, at most, for a run to be due again."""


class Sender(Protocol):
    """Offers an event once; Collector is one."""

    def send(self, event: dict[str, Any], seconds: float) -> Answer:
        """Offer the event and wait for so many seconds at most."""


@dataclass(frozen=True)
class Delivered:
    """What one call came to, in events."""

    sent: int = 0
    pending: int = 0
    """Left for the next time."""
    rejected: int = 0
    """Refused for good, in this call."""
    error: str | None = None
    """Why some are left."""


def deliver(
    store: Store,
    *,
    deadline: float,
    collector: Sender | None = None,
    everything: bool = False,
    eager: bool = False,
    pause: float = PAUSE,
    stop: threading.Event | None = None,
) -> Delivered:
    """Send what the collector has not got yet. Nothing happens if none is configured.

    Args:
        store: whose outbox.
        deadline: seconds after which it gives up, also in the middle of a request.
        collector: where to; by default the one that openlineage-python's configuration names.
        everything: send all events again, as to a new collector.
        eager: look into every day, and try again at once what lately failed.
        pause: seconds before a second attempt.
        stop: once it is set, the first failure ends the call.

    Does not raise for trouble with the collector, its configuration or the storage: that is the result's `error`.

    """
    until = time.monotonic() + deadline
    try:
        found = collector or find_collector()
    except UsageError as error:
        return Delivered(error=str(error))
    if isinstance(found, NoCollector):
        return Delivered()
    call = _Call(store, found, until, pause, stop or threading.Event())
    try:
        call.run(everything=everything, eager=eager)
    except (OSError, AnchorError) as error:
        call.error = f"the store: {error}"
    return Delivered(call.sent, call.pending(), call.rejected, call.error)


class _Call:
    """One call of `deliver`."""

    def __init__(self, store: Store, collector: Sender, until: float, pause: float, stop: threading.Event) -> None:
        self.store, self.collector, self.until, self.pause, self.stop = store, collector, until, pause, stop
        self.receipts = Receipts(store)
        self.waiting = Waiting(store, pause)
        self.left: list[Batch] = []
        self.done: dict[str, set[int]] = {}
        """Events of batches that are not finished, by batch."""
        self.refused: dict[tuple[str, int], Rejected] = {}
        self.sent = self.rejected = self.failures = 0
        self.error: str | None = None

    def run(self, *, everything: bool, eager: bool) -> None:
        """Offer what is pending until all is sent, or there is an error."""
        if everything:
            self.refused = {(note.batch, note.event): note for note in self.receipts.rejected()}
        self.left = self.receipts.all() if everything else self.receipts.pending(thorough=eager)
        if eager or everything:
            self.waiting.runs.clear()
        try:
            # Runs that failed lately come last.
            self._offer_all(set(self.waiting.runs))
            while self.left and self.error is None:
                if not self._sleep(self.waiting.seconds(), _WORTH_WAITING):
                    break
                self._offer_all(self.waiting.not_due())
            if self.left and self.error is None:
                self.error = self._why_waiting()
        finally:
            self.receipts.save()
            self.waiting.said(self.error)
            self.waiting.save(None if self.left else ())

    def pending(self) -> int:
        """Events that are left."""
        return count(self.left) - sum(len(self.done.get(batch.id, ())) for batch in self.left)

    def _offer_all(self, blocked: set[str]) -> None:
        """Go through the batches once, in order, passing over runs that are blocked or become so."""
        batches, self.left = self.left, []
        for place, batch in enumerate(batches):
            try:
                finished = self.error is None and self._offer_batch(batch, blocked)
            except BaseException:
                self.left += batches[place:]
                raise
            if not finished:
                self.left.append(batch)

    def _offer_batch(self, batch: Batch, blocked: set[str]) -> bool:
        """Offer the events of a batch; says whether none is left."""
        try:
            events = read_batch(self.store, batch)
        except DamagedData as error:
            # What cannot be read cannot be sent, and must not stop the rest; status tells of it.
            for number in range(batch.count):
                self.receipts.reject(batch, number, {}, str(error))
            self.rejected += batch.count
            self.receipts.delivered(batch)
            return True
        done = self.done.setdefault(batch.id, set())
        for number, event in enumerate(events):
            run = event["run"]["runId"]
            if number in done or run in blocked:
                continue
            answer = self._offer(event)
            if self.error is not None:
                return False
            if answer.settled:
                self._settle(batch, number, event, answer)
                done.add(number)
                self.waiting.settled(run)
            else:
                self.waiting.failed(run, answer.reason)
                blocked.add(run)
        if len(done) < len(events):
            return False
        del self.done[batch.id]
        self.receipts.delivered(batch)
        return True

    def _settle(self, batch: Batch, number: int, event: dict[str, Any], answer: Answer) -> None:
        before = self.refused.get((batch.path, number))
        if answer.kind == "refused":
            self.rejected += 1
            self.receipts.reject(batch, number, event, answer.reason)
            return
        self.sent += 1
        if before is not None:
            self.receipts.resolve(before)

    def _offer(self, event: dict[str, Any]) -> Answer:
        """Offer an event; again and again while the collector does not answer. Sets `error` to end the call."""
        while True:
            seconds = self.until - time.monotonic()
            if seconds <= 0:
                self.error = "the time was over before all were sent"
                return Answer("later", self.error)
            answer = self.collector.send(event, seconds)
            if answer.settled:
                self.failures = 0
                return answer
            self.failures += 1
            wait = max(backoff(self.failures, self.pause), answer.wait or 0.0)
            hopeless = answer.kind == "misconfigured" or self.failures >= _PATIENCE
            if hopeless or not self._sleep(wait, self.until - time.monotonic()):
                if answer.reached and answer.kind == "later":
                    self.waiting.failed(event["run"]["runId"], answer.reason)
                self.error = answer.reason
                return answer
            if answer.reached and answer.wait is None:
                # It may be this event alone: other runs go on.
                return answer

    def _sleep(self, seconds: float, most: float) -> bool:
        """Wait; False, at once, if that would take too long or the call is to end."""
        if seconds > min(most, self.until - time.monotonic()):
            return False
        return not self.stop.wait(seconds)

    def _why_waiting(self) -> str:
        reasons: Collection[str] = [str(entry["reason"]) for entry in self.waiting.runs.values()]
        return next(iter(reasons), "some runs wait for their next attempt")
