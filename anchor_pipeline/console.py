"""What a person sees while a build runs: a progress bar where one watches, plain lines otherwise. All on stderr."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from anchor_pipeline.observer import Intent, Outcome


class Progress:
    """Tells the steps of a build as they begin and end; `steps` is how many there will be."""

    required = False

    def __init__(self, console: Console, steps: int) -> None:
        self.console = console
        self._begun = 0.0
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=steps)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def opened(self, intent: Intent) -> None:
        """Show which step runs."""
        self._begun = time.monotonic()
        self._bar.update(self._task, description=intent.run.job, refresh=True)

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        """Say what the step made."""
        self._say(intent, "done", "nothing new" if outcome.reused else _amounts(outcome))

    def failed(self, intent: Intent, outcome: Outcome) -> None:
        """Say why the step failed."""
        reason = str(outcome.error).splitlines() or [type(outcome.error).__name__]
        self._say(intent, "failed", reason[0])

    def _say(self, intent: Intent, state: str, said: str) -> None:
        self._bar.update(self._task, advance=1, refresh=True)
        seconds = time.monotonic() - self._begun
        line = f"{intent.run.job:<32} {state:<7} {seconds:6.1f} s  {said}"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _amounts(outcome: Outcome) -> str:
    return ", ".join(f"{artefact.rows:,} documents" for artefact in outcome.outputs if artefact.rows is not None)
