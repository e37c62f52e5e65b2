"""Alerts as documents of the store: why a run brought no mix, in the words of the verdict, for people and machines.

    alerts/<run id>.json          what went wrong, and since when it is mended
    alerts/sent/<run id>-failed   one line per channel that was told (alert_delivery.py)

A document is never taken away: what was mended says so, by which run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.errors import AnchorError, DamagedData
from anchor_pipeline.rules.explain import line, summary
from anchor_pipeline.rules.verdict import Verdict

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

FOLDER = "alerts"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Refusal(_Record):
    """A stage whose mix was refused."""

    stage: str
    summary: str
    """`refused: 2 of 16 evaluated rules fail`"""
    reasons: tuple[str, ...]
    """One line per blocking finding: rule, place, observed, required, what is missing, and the remedy."""
    report: str | None = None
    """Path or URL of the stage's report."""


class Trouble(_Record):
    """A step that failed for another reason than a rule."""

    step: str
    message: str


class Alert(_Record):
    """A run that failed."""

    format: Literal[1] = 1
    project: str
    cycle: str | None
    job: str
    run: str
    run_url: str | None = None
    """Its page in the UI, where ANCHOR_UI_URL says where that is."""
    at: str
    """When the run ended, ISO 8601, UTC."""
    kind: Literal["refused", "error"]
    """`refused`: rules do not hold. `error`: something broke, whatever else was refused."""
    stages: tuple[str, ...]
    """The stages that the run was to build."""
    refused: tuple[Refusal, ...] = ()
    errors: tuple[Trouble, ...] = ()
    recovered_by: str | None = None
    """The later run that built the same stages of the same cycle."""

    @property
    def headline(self) -> str:
        """What a person reads first."""
        what = ", ".join(one.stage for one in self.refused) or ", ".join(self.stages) or self.job
        place = f"{self.project} {self.cycle or ''}".strip()
        if self.recovered_by:
            return f"{place}: {what} built again, all is well"
        return f"{place}: {what} {'refused' if self.kind == 'refused' else 'failed'}"

    @property
    def lines(self) -> list[str]:
        """What a person reads next: one line per reason."""
        said = [f"{one.step}: {one.message}" for one in self.errors]
        for one in self.refused:
            said += [f"{one.stage} {one.summary}", *(f"  {reason}" for reason in one.reasons)]
            said += [f"  report: {one.report}"] if one.report else []
        ending = f"mended by run {self.recovered_by}" if self.recovered_by else f"run {self.run_url or self.run}"
        return [*said, ending]


def refusal_of(stage: str, verdict: Verdict, report: str | None) -> Refusal:
    """The refusal that a verdict pronounces."""
    reasons = tuple(line(finding) for finding in verdict.findings if finding.refuses)
    return Refusal(stage=stage, summary=summary(verdict), reasons=reasons, report=report)


def write_alert(store: Store, alert: Alert) -> None:
    """Keep an alert, durably; the same run again replaces it."""
    store.write(_name(alert.run), canonical_json(alert.model_dump(mode="json")))


def read_alert(store: Store, run: str) -> Alert | None:
    """The alert of a run, if there is one. DamagedData if it cannot be read."""
    data = store.find(_name(run))
    if data is None:
        return None
    try:
        return Alert.model_validate_json(data)
    except ValueError:
        raise DamagedData(f"{_name(run)}: is not an alert; move it away") from None


def alerts(store: Store) -> list[Alert]:
    """All alerts, oldest first. What cannot be read is passed over: it must not keep the others from being told."""
    found = []
    for name in store.list(FOLDER):
        if name.endswith(".json"):
            try:
                alert = read_alert(store, name.removesuffix(".json"))
            except AnchorError:
                continue
            found += [alert] if alert else []
    return sorted(found, key=lambda one: (one.at, one.run))


def iso(timestamp: float | None) -> str:
    """A time of Dagster's (seconds since 1970) in ISO 8601, UTC."""
    return datetime.fromtimestamp(timestamp or 0.0, UTC).isoformat(timespec="microseconds")


def _name(run: str) -> str:
    return f"{FOLDER}/{run}.json"
