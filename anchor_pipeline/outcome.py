"""What a build or plan came to, stage by stage: for people as lines, for programs as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from anchor_pipeline import steps
from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.ingest.data_docs import newest_validation
from anchor_pipeline.mix.selection import ModalityPlan, Selection
from anchor_pipeline.observer import Intent, Outcome
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.explain import explain, summary
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import RuleCounts, Verdict


class StageDocument(BaseModel):
    """One stage in the output of `anchor build --json`."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    status: Literal["pass", "fail"]
    findings: list[Finding]
    release: str | None
    """Folder or URL of the released mix."""
    digest: str | None = None
    """Its mix digest."""
    rules: RuleCounts | None = None
    """How many rules were declared and evaluated, and which are off or not available."""
    plans: dict[str, ModalityPlan] = {}
    """By modality."""
    error: str | None = None
    """Why there is no verdict: a step before it failed."""


class BuildDocument(BaseModel):
    """The output of `anchor build --json` and `anchor plan --json`."""

    model_config = ConfigDict(extra="forbid")

    project: str
    cycle: str
    verdicts: list[StageDocument]
    unreadable: dict[str, list[str]] = {}
    """By source: raw files that could not be read."""
    expectations: dict[str, list[str]] = {}
    """By source: expectations on its metadata that fail, quarantine rows or could not be evaluated."""
    errors: list[str] = []


@dataclass(frozen=True)
class StageResult:
    """What became of one stage in this run."""

    stage: str
    selection: Selection | None
    verdict: Verdict | None
    release: str | None
    digest: str | None = None


class Watcher:
    """Notes which steps of this run completed, and the errors of those that failed, unless a retry completed."""

    required = False

    def __init__(self) -> None:
        self.completed_jobs: set[str] = set()
        self._errors: dict[str, BaseException] = {}

    @property
    def errors(self) -> list[BaseException]:
        """The last error of each step that did not complete after it."""
        return list(self._errors.values())

    def opened(self, intent: Intent) -> None:
        """Nothing to note yet."""

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        self.completed_jobs.add(intent.run.job)
        self._errors.pop(intent.run.job, None)

    def failed(self, intent: Intent, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._errors[intent.run.job] = outcome.error


@dataclass(frozen=True)
class Results:
    """What became of all stages asked for."""

    project: str
    cycle: Cycle
    stages: list[StageResult]
    unreadable: dict[str, list[str]]
    expectations: dict[str, list[str]]
    errors: list[BaseException]

    def to_json(self) -> dict[str, Any]:
        """A BuildDocument."""
        return BuildDocument(
            project=self.project,
            cycle=self.cycle.key,
            verdicts=[_document(result, self.errors) for result in self.stages],
            unreadable=self.unreadable,
            expectations=self.expectations,
            errors=[str(error) for error in self.errors],
        ).model_dump(mode="json")

    @property
    def exit_code(self) -> int:
        """0 released, 1 refused by rules, 2 wrong declaration, 3 damaged or unreadable data."""
        codes = {getattr(error, "exit_code", 3) for error in self.errors}
        if 2 in codes:
            return 2
        if 3 in codes or self.unreadable:
            return 3
        passed = all(result.verdict is not None and result.verdict.status == "pass" for result in self.stages)
        return 0 if passed and not codes else 1


def results(place: steps.Workplace, cycle: Cycle, stages: Iterable[str], watcher: Watcher) -> Results:
    """Read what this run has left in the store; what an earlier run left does not count."""
    found = []
    for stage in stages:
        selected = f"selection/{stage}" in watcher.completed_jobs
        released = f"mix/{stage}" in watcher.completed_jobs
        release = steps.released_mix(place, stage, cycle) if released else None
        found.append(
            StageResult(
                stage,
                steps.current_selection(place, stage, cycle) if selected else None,
                steps.current_verdict(place, stage, cycle) if selected else None,
                release.location if release else None,
                release.digest if release else None,
            )
        )
    unreadable, expectations = {}, {}
    for name in place.project.sources:
        if f"sources/{name}" in watcher.completed_jobs:
            broken = [entry.message for entry in steps.current_snapshot(place, name).unreadable]
            unreadable.update({name: broken} if broken else {})
            validation = newest_validation(place.store, name)
            told = [one.line for one in validation.results if one.line] if validation else []
            expectations.update({name: told} if told else {})
    return Results(place.project.project, cycle, found, unreadable, expectations, watcher.errors)


def _document(result: StageResult, errors: list[BaseException]) -> StageDocument:
    verdict = result.verdict
    if verdict is None:
        error = "; ".join(str(one) for one in errors) or "a step before the selection did not run"
        return StageDocument(stage=result.stage, status="fail", findings=[], release=None, error=error)
    return StageDocument(
        stage=result.stage,
        status=verdict.status,
        findings=list(verdict.findings),
        release=result.release,
        digest=result.digest,
        rules=verdict.rules,
        plans=result.selection.plans if result.selection else {},
    )


def build_lines(found: Results) -> list[str]:
    """What a person reads after a build."""
    lines = []
    for result in found.stages:
        lines += ["", f"{result.stage} {found.cycle.key}: {_headline(result)}"]
        if result.verdict is not None and (result.release is None or result.verdict.status != "pass"):
            lines += [f"  {line}" for line in explain(result.verdict)]
            lines += [f"  {line}" for line in _missing(result)]
        if result.release is not None:
            lines += [f"  {result.release}"]
    return [*lines, *_trouble(found)]


def plan_lines(found: Results) -> list[str]:
    """What a person reads after `anchor plan`."""
    lines = []
    for result in found.stages:
        lines += ["", f"{result.stage} {found.cycle.key}"]
        for modality, plan in (result.selection.plans if result.selection else {}).items():
            scale, unit = AMOUNT_SCALE[modality], AMOUNT_UNITS[modality]
            state = "lawful" if plan.lawful else "NOT LAWFUL"
            lines.append(f"  {modality}: {plan.drawn / scale:,.6g} of {plan.target / scale:,.6g} {unit}, {state}")
            lacking = {one.message for one in plan.missing}
            lines += [f"    {message}" for message in plan.messages if message not in lacking]
        lines += [f"    {line}" for line in _missing(result)]
        if result.verdict is not None:
            lines += [f"  {line}" for line in (summary(result.verdict), *explain(result.verdict))]
    return [*lines, *_trouble(found)]


def _headline(result: StageResult) -> str:
    if result.verdict is None:
        return "not built: a step before it failed"
    return summary(result.verdict)


def _missing(result: StageResult) -> list[str]:
    plans = result.selection.plans.values() if result.selection else ()
    return [f"missing: {one.message}" for plan in plans for one in plan.missing]


def _trouble(found: Results) -> list[str]:
    lines = [f"unreadable: {name}: {message}" for name, all_ in found.unreadable.items() for message in all_]
    lines += [f"expectation: {name}: {message}" for name, all_ in found.expectations.items() for message in all_]
    # A refusal is told with its stage; other errors were not said yet.
    lines += [f"error: {error}" for error in found.errors if getattr(error, "exit_code", 3) != 1]
    return ["", *lines] if lines else []


def build_schema() -> dict[str, Any]:
    """JSON Schema of `anchor build --json`."""
    return BuildDocument.model_json_schema(mode="serialization")
