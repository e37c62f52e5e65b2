"""Delivery beside a build: a thread that sends what the steps record, and never holds the build up.

with Courier(store) as courier:
    ...  # courier is an observer of the steps
print(courier.left_behind())
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from anchor_pipeline.errors import AnchorError, UsageError
from anchor_pipeline.lineage.answers import Answer
from anchor_pipeline.lineage.collector import Collector, find_collector
from anchor_pipeline.lineage.delivery import deliver
from anchor_pipeline.lineage.receipts import Receipts, count
from anchor_pipeline.lineage.waiting import backoff

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.observer import Intent, Outcome

_log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds that the end of a build waits for the last events, at most."""

STALL = 0.5
"""Seconds of it that one request may take: a collector that hangs is not waited for."""

STALL_AGAIN = 0.1
"""The same, when the collector gave trouble before."""

_ROUND = 60.0
_REST = 0.02


class Courier:
    """An observer that has events delivered as soon as they are recorded."""

    required = False

    def __init__(self, store: Store) -> None:
        self.store = store
        self.error: str | None = None
        """Why the last attempt did not deliver everything."""
        self.configured = False
        self._given_up = False
        self._sending_since: float | None = None
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lineage-courier", daemon=True)

    def __enter__(self) -> Courier:
        try:
            self._collector = find_collector()
        except UsageError as error:
            self.configured, self.error = True, str(error)
            return self
        if isinstance(self._collector, Collector):
            self.configured = True
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._news.set()
        limit = time.monotonic() + GRACE
        stall = STALL_AGAIN if self.error else STALL
        while self._thread.is_alive() and time.monotonic() < limit:
            since = self._sending_since
            if since is not None and time.monotonic() - since > stall:
                self.error = self.error or "it has not answered yet"
                break
            self._thread.join(0.01)
        if self._thread.is_alive():
            # It ends with its next event, and notes what it has delivered.
            self._given_up = True
            self._thread.join(0.1)

    def opened(self, intent: Intent) -> None:
        """A START event was recorded."""
        self._news.set()

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        """The last events of a run were recorded."""
        self._news.set()

    failed = completed

    def left_behind(self) -> tuple[int, str]:
        """How many events wait for a configured collector, and why; 0 if none does."""
        if not self.configured:
            return 0, ""
        try:
            left = count(Receipts(self.store).pending())
        except (OSError, AnchorError) as error:
            _log.warning("lineage: what waits for the collector cannot be told (%s)", error)
            return 0, ""
        return left, self.error or "there was no time left"

    def send(self, event: dict[str, Any], seconds: float) -> Answer:
        """Pass an event to the collector, noting since when it has had it."""
        assert isinstance(self._collector, Collector)
        if self._given_up:
            return Answer("later", "there was no time left", reached=False)
        begun = self._sending_since = time.monotonic()
        try:
            return self._collector.send(event, seconds)
        finally:
            self._sending_since = None
            # A long backlog must not take a processor from the build: a quarter of one at most.
            self._closing.wait(min(_REST, 3 * (time.monotonic() - begun)))

    def _work(self) -> None:
        failures = 0
        while True:
            closing = self._closing.is_set()
            self._news.clear()
            try:
                self.error = deliver(self.store, deadline=_ROUND, collector=self, stop=self._closing).error
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
            # One whole round after the end of the build, for its last events.
            if closing:
                return
            failures = failures + 1 if self.error else 0
            if failures:
                self._closing.wait(backoff(failures, 1.0))
            elif not self._closing.is_set():
                self._news.wait()
