"""Runs whose events a collector answered with an error: when each is tried again, and the last thing that went wrong.

    lineage/waiting.json

A run that fails is left alone for longer and longer, and fresh runs go first, so that a collector that stumbles over
one event does not keep all others from being delivered. Losing this file costs nothing but a few attempts.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anchor_pipeline.errors import DamagedData

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

WAITING = "lineage/waiting.json"

LONGEST = 300.0
"""Seconds that a run is left alone at most."""


class Waiting:
    """The runs of one store that wait for their next attempt."""

    def __init__(self, store: Store, pause: float) -> None:
        self.store = store
        self.pause = pause
        self.runs: dict[str, dict[str, Any]] = {}
        self.last: dict[str, str] | None = None
        self._before = b""
        self._read()

    def _read(self) -> None:
        try:
            self._before = self.store.find(WAITING) or b""
            if not self._before:
                return
            document = json.loads(self._before)
            runs = {str(run): entry for run, entry in document["runs"].items() if float(entry["until"]) > 0}
            self.last = document["last"]
        except (ValueError, TypeError, KeyError, AttributeError, DamagedData):
            return
        # A clock that was wrong once must not hold a run back for years.
        now = time.time()
        self.runs = {run: {**entry, "until": min(entry["until"], now + LONGEST)} for run, entry in runs.items()}

    def failed(self, run: str, reason: str) -> None:
        """The run is to be left alone for a while, each time about four times as long."""
        failures = int(self.runs.get(run, {}).get("failures", 0)) + 1
        wait = backoff(failures, self.pause * 2, factor=4.0)
        self.runs[run] = {"failures": failures, "until": time.time() + wait, "reason": reason}

    def settled(self, run: str) -> None:
        """The collector takes events of the run."""
        self.runs.pop(run, None)

    def not_due(self) -> set[str]:
        """Runs that it is too early to try again."""
        now = time.time()
        return {run for run, entry in self.runs.items() if entry["until"] > now}

    def seconds(self) -> float:
        """Until the next run is due; 0 if none waits."""
        return max(0.0, min((entry["until"] for entry in self.runs.values()), default=0.0) - time.time())

    def said(self, error: str | None) -> None:
        """What went wrong last; None when all went well."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.last = None if error is None else {"at": now, "reason": error}

    def save(self, runs: Iterable[str] | None = None) -> None:
        """Write it down, if anything is new. Of `runs` only, where given: others are no longer pending."""
        keep = self.runs if runs is None else {run: self.runs[run] for run in runs if run in self.runs}
        data = json.dumps({"last": self.last, "runs": keep}, indent=1, sort_keys=True).encode()
        if data != self._before and (keep or self.last or self._before):
            self.store.write(WAITING, data)
            self._before = data


def backoff(failures: int, first: float, factor: float = 2.0) -> float:
    """Seconds to wait after so many failures in a row, with jitter so that deliverers do not come all at once."""
    return min(LONGEST, first * factor ** min(failures - 1, 30)) * random.uniform(0.5, 1.5)
