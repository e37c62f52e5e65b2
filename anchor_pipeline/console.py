"""What a person sees while a build runs: a live line where one watches, plain lines otherwise. All on stderr."""

from __future__ import annotations

import time

from rich.console import Console
from rich.status import Status

from anchor_pipeline.observer import Intent, Outcome


class Progress:
    """Tells the steps of a build as they begin and end."""

    required = False

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = None
        self._begun = 0.0

    def opened(self, intent: Intent) -> None:
        self._begun = time.monotonic()
        if self.console.is_terminal:
            self._status = self.console.status(intent.run.job)
            self._status.start()

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        said = "nothing new" if outcome.reused else self._amounts(outcome)
        self._say(intent, "done", said)

    def failed(self, intent: Intent, outcome: Outcome) -> None:
        reason = str(outcome.error).splitlines() or [type(outcome.error).__name__]
        self._say(intent, "failed", reason[0])

    def _say(self, intent: Intent, state: str, said: str) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        seconds = time.monotonic() - self._begun
        self.console.print(
            f"{intent.run.job:<32} {state:<7} {seconds:6.1f} s  {said}", markup=False, highlight=False, soft_wrap=True
        )

    @staticmethod
    def _amounts(outcome: Outcome) -> str:
        rows = [f"{artefact.rows:,} documents" for artefact in outcome.outputs if artefact.rows is not None]
        return ", ".join(rows)
