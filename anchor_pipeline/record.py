"""The one seam every step passes: whatever reads or makes data does so inside `recorder.step(...)`.

    recorder = Recorder(store, project="assistant")
    with recorder.step("sources/peps", cycle=cycle, inputs=[Artefact("raw/peps/peps.jsonl")]) as step:
        ...
        step.output(Artefact("sources/peps", digest=snapshot.digest, rows=1200))

The observers hear of the intent before the body runs, and of its outcome afterwards. Without others the only
observer writes OpenLineage events. One that is `required` (a signed ledger) can stop a step; the rest cannot.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from anchor_pipeline import __version__
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.lineage.ids import ticks_of, uuid7
from anchor_pipeline.lineage.naming import namespace_of
from anchor_pipeline.lineage.outbox import OpenLineageFile
from anchor_pipeline.observer import Artefact, CodeLocation, Intent, Observer, Outcome, RunRef

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.project.cycles import Cycle
    from anchor_pipeline.rules.finding import Finding

__all__ = ["Artefact", "Intent", "Observer", "Outcome", "Recorder", "RunRef", "Step"]

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Recorder:
    """Opens the steps of one project. `observers` replaces the default one; required ones are told first."""

    def __init__(
        self,
        store: Store,
        project: str,
        observers: Sequence[Observer] | None = None,
        *,
        policy: str | None = None,
        code: CodeLocation | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        chosen: Sequence[Observer] = [OpenLineageFile(store)] if observers is None else observers
        # Required ones first: whoever comes after them must not have been told of what they then refuse.
        self.observers = tuple(sorted(chosen, key=lambda observer: not observer.required))
        self.project = project
        self.policy = policy
        self.code = code
        self.clock = clock

    def step(
        self,
        name: str,
        *,
        cycle: Cycle | None = None,
        inputs: Iterable[Artefact] = (),
        outputs: Iterable[Artefact] = (),
        parent: RunRef | None = None,
        description: str | None = None,
    ) -> Step:
        """A step to be run in a `with` block. `inputs` and `outputs` are those known beforehand (planned)."""
        at = self.clock()
        root = (parent.root or parent) if parent else None
        run = RunRef(str(uuid7(ticks_of(at))), name, namespace_of(self.project), root)
        intent = Intent(
            self.project,
            run,
            parent,
            at,
            __version__,
            self.policy,
            cycle,
            tuple(inputs),
            tuple(outputs),
            description,
            self.code,
        )
        return Step(self, intent)


class Step:
    """A step that runs: what it finds, makes and learns is told here. An error passes through unchanged."""

    def __init__(self, recorder: Recorder, intent: Intent) -> None:
        self.intent = intent
        self._recorder = recorder
        self._state = "new"
        self._inputs = {artefact.name: artefact for artefact in intent.inputs}
        self._outputs: dict[str, Artefact] = {}
        self._checks: dict[str, tuple[Finding, ...]] = {}
        self._reused = False
        self._credentials: dict[str, int | str] | None = None

    @property
    def run(self) -> RunRef:
        """The run itself, for steps within it to name as their parent."""
        return self.intent.run

    def input(self, artefact: Artefact) -> None:
        """An input found while running, or more about a known one."""
        self._running()
        self._inputs[artefact.name] = artefact

    def output(self, artefact: Artefact) -> None:
        """An output that is now in place."""
        self._running()
        self._outputs[artefact.name] = artefact

    def findings(self, findings: Iterable[Finding], of: str | None = None) -> None:
        """Outcomes of checks on dataset `of`; by default the selection of their stage, if the step has to do with it.

        Otherwise it is the dataset that the step is named for.
        """
        self._running()
        for finding in findings:
            selection = f"selection/{finding.stage}"
            known = selection in self._inputs or selection in self._outputs
            name = of or (selection if known else self.intent.run.job)
            self._checks[name] = (*self._checks.get(name, ()), finding)

    def credentials(self, bundle: Mapping[str, int | str]) -> None:
        """The credentials of the shards that the step made or drew from: `count` and the `sha256` of their list."""
        self._running()
        self._credentials = dict(bundle)

    def reused(self) -> None:
        """Nothing had to be done: the outputs were there already."""
        self._running()
        self._reused = True

    def __enter__(self) -> Step:
        if self._state != "new":
            raise RuntimeError(f"step {self.run.job} was entered before; ask the recorder for a new one")
        self._state = "running"
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._state = "over"
        if error is None:
            self._complete()
        else:
            self._fail(self._recorder.observers, error)

    def _running(self) -> None:
        if self._state != "running":
            raise RuntimeError(f"step {self.run.job} does not run; tell it of data inside its `with` block")

    def _open(self) -> None:
        told: list[Observer] = []
        for observer in self._recorder.observers:
            try:
                observer.opened(self.intent)
            except Exception as error:
                if observer.required:
                    self._state = "over"
                    stop = self._unrecorded("was not run: its intent", observer, error)
                    self._fail(told, stop)
                    raise stop from error
                self._warn("start", observer, error)
            except BaseException as interrupt:
                # This one may have taken the intent down already.
                self._state = "over"
                self._fail([*told, observer], interrupt)
                raise
            told.append(observer)

    def _complete(self) -> None:
        outcome = self._outcome(None)
        observers = self._recorder.observers
        for place, observer in enumerate(observers):
            try:
                observer.completed(self.intent, outcome)
            except Exception as error:
                if observer.required:
                    stop = self._unrecorded("does not count: its completion", observer, error)
                    self._fail(observers[place + 1 :], stop)
                    raise stop from error
                self._warn("completion", observer, error)
            except BaseException as interrupt:
                self._fail(observers[place + 1 :], interrupt)
                raise

    def _fail(self, observers: Iterable[Observer], error: BaseException) -> None:
        # Never raises for an observer's sake: the error on its way out is the one that matters.
        outcome = self._outcome(error)
        for observer in observers:
            try:
                observer.failed(self.intent, outcome)
            except Exception as trouble:
                self._warn("failure", observer, trouble)

    def _outcome(self, error: BaseException | None) -> Outcome:
        outcome = Outcome(
            state="complete",
            # A clock set back must not make a step end before it began.
            at=max(self._recorder.clock(), self.intent.at),
            inputs=tuple(self._inputs.values()),
            outputs=tuple(self._outputs.values()),
            checks=dict(self._checks),
            reused=self._reused,
            credentials=self._credentials,
        )
        if error is None:
            return outcome
        return replace(outcome, state="fail" if isinstance(error, Exception) else "abort", error=error)

    def _unrecorded(self, what: str, observer: Observer, error: Exception) -> AnchorError:
        return AnchorError(
            f"step {self.run.job} {what} could not be recorded by {type(observer).__name__} "
            f"({error}); put that right and run the step again"
        )

    def _warn(self, what: str, observer: Observer, error: Exception) -> None:
        text = "the %s of step %s could not be recorded by %s (%s: %s); the step itself is not affected"
        _log.warning(text, what, self.run.job, type(observer).__name__, type(error).__name__, error)
