"""From a failed Dagster run to an alert: which stages were refused, and what else broke."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg

# The type of errors in events, which dagster does not export.
from dagster_shared.error import SerializableErrorInfo

from anchor_pipeline import steps
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.alerts.documents import Alert, Refusal, Trouble, iso, refusal_of
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.looks.links import link
from anchor_pipeline.orchestration.looks.tags import PROJECT, STAGE, stages_in
from anchor_pipeline.project.addresses import redacted
from anchor_pipeline.project.cycles import Cycle

UI_URL = "ANCHOR_UI_URL"
"""The variable: where people reach the Dagster UI, so that alerts can link to runs."""

_LATEST = 100
"""Successful runs of a cycle that are looked through."""

_EVENTS = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
_BY_RULES = {"Refused", "DagsterAssetCheckFailedError"}
"""Errors of steps that only pass on what a verdict says."""


def is_ours(blueprint: Blueprint, run: dg.DagsterRun) -> bool:
    """Whether a run is one of this project: by its tag, its job, or the assets it was to make.

    Runs that were launched from the asset graph or by a backfill all have the same job.
    """
    if PROJECT in run.tags:
        return run.tags[PROJECT] == blueprint.project.project
    project, names = blueprint.project, blueprint.names
    if run.job_name in {names.job(stage) for stage in (None, *project.stages)}:
        return True
    return bool(run.asset_selection and run.asset_selection & set(names.all_of(project)))


def stages_of(blueprint: Blueprint, run: dg.DagsterRun) -> tuple[str, ...]:
    """The stages that a run was to build: by its tag, or by its job or assets if it ended before it had one."""
    if STAGE in run.tags:
        return stages_in(blueprint.project, run.tags[STAGE])
    project, names = blueprint.project, blueprint.names
    if run.asset_selection is not None:
        made = {stage: {names.selection(stage), names.mix(stage)} for stage in project.stages}
        return tuple(stage for stage, keys in made.items() if keys & run.asset_selection)
    return tuple(stage for stage in project.stages if run.job_name in (names.job(stage), names.job(None)))


def alert_of(blueprint: Blueprint, instance: dg.DagsterInstance, run: dg.DagsterRun, message: str) -> Alert:
    """Why a run failed. `message` is said where no step says anything, as of a run whose process was killed."""
    cycle = _cycle(blueprint, run)
    by_rules: set[str] = set()
    errors: list[Trouble] = []
    for entry in instance.all_logs(run.run_id, of_type=_EVENTS):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            by_rules |= _failed_stage(blueprint, event.asset_check_evaluation_data)
        elif not _BY_RULES & {error.cls_name for error in _chain(event.step_failure_data.error)}:
            errors.append(Trouble(step=str(event.step_key), message=_said(event)))
        elif event.step_key:
            by_rules |= {stage for stage in blueprint.project.stages if _makes(blueprint, stage, event)}
    refused = tuple(_refusal(blueprint, stage, cycle) for stage in blueprint.project.stages if stage in by_rules)
    if not refused and not errors:
        errors.append(Trouble(step=run.job_name, message=redacted(message)))
    record = instance.get_run_record_by_id(run.run_id)
    base = os.environ.get(UI_URL, "").rstrip("/")
    return Alert(
        project=blueprint.project.project,
        cycle=cycle.key if cycle else None,
        job=run.job_name,
        run=run.run_id,
        run_url=f"{base}/runs/{run.run_id}" if base else None,
        at=iso(record.end_time if record else None),
        kind="error" if errors else "refused",
        stages=stages_of(blueprint, run),
        refused=refused,
        errors=tuple(errors),
    )


def with_recovery(blueprint: Blueprint, instance: dg.DagsterInstance, alert: Alert) -> Alert:
    """The alert, with the first later run that built the same stages of the same cycle, if there is one."""
    if alert.cycle is None or not alert.stages:
        return alert
    succeeded = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS], tags={"dagster/partition": alert.cycle})
    for record in instance.get_run_records(succeeded, limit=_LATEST, ascending=False)[::-1]:
        run = record.dagster_run
        later = iso(record.end_time) >= alert.at
        if later and is_ours(blueprint, run) and set(stages_of(blueprint, run)) >= set(alert.stages):
            return alert.model_copy(update={"recovered_by": run.run_id})
    return alert


def _cycle(blueprint: Blueprint, run: dg.DagsterRun) -> Cycle | None:
    try:
        return blueprint.project.calendar.at(run.tags.get("dagster/partition", ""))
    except ValueError:
        return None


def _failed_stage(blueprint: Blueprint, evaluation: dg.AssetCheckEvaluation) -> set[str]:
    """The stage whose selection did not pass a check that blocks."""
    if evaluation.passed or evaluation.severity != dg.AssetCheckSeverity.ERROR:
        return set()
    stages = blueprint.project.stages
    return {stage for stage in stages if blueprint.names.selection(stage) == evaluation.asset_key}


def _makes(blueprint: Blueprint, stage: str, event: dg.DagsterEvent) -> bool:
    """Whether the step of an event makes the mix of a stage; Dagster names such steps by the asset key."""
    return event.step_key == "__".join(blueprint.names.mix(stage).path)


def _refusal(blueprint: Blueprint, stage: str, cycle: Cycle | None) -> Refusal:
    """From the stored verdict, which the checks and the mix itself went by."""
    place = steps.Workplace(blueprint.project)
    try:
        if cycle is None:
            raise AnchorError("the run names no cycle")
        verdict = steps.current_verdict(place, stage, cycle)
    except AnchorError as error:
        return Refusal(stage=stage, summary="refused", reasons=(str(error),))
    report = link(place.store, f"selection/{stage}/{cycle.key}/report.html")
    return refusal_of(stage, verdict, str(report.value))


def _said(event: dg.DagsterEvent) -> str:
    """What a failed step says, in one line, without a stack trace and without credentials."""
    failure = event.step_failure_data
    told = failure.user_failure_data.description if failure.user_failure_data else None
    if told is None:
        innermost = [*_chain(failure.error)][-1:]
        told = innermost[0].message if innermost else str(event.message)
    return redacted(" ".join(told.split()))[:1000]


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause
