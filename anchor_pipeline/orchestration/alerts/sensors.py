"""The sensors that hear of failed runs, write down why, notice when it is mended, and tell the world."""

from __future__ import annotations

import dagster as dg

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.alerts.channels import channels
from anchor_pipeline.orchestration.alerts.delivery import deliver_alerts
from anchor_pipeline.orchestration.alerts.documents import alerts, read_alert, write_alert
from anchor_pipeline.orchestration.alerts.failed_runs import alert_of, is_ours, with_recovery
from anchor_pipeline.orchestration.blueprint import Blueprint

INTERVAL = 30
"""Seconds."""

RUNNING, STOPPED = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED


def alert_sensors(blueprint: Blueprint) -> list[dg.SensorDefinition]:
    """Failures, recoveries and their delivery.

    The first two always run: a refusal that nobody hears of is worse than none. What is started by `anchor build`
    is no business of theirs: whoever sits at the terminal reads it there.
    """
    return [_failure_sensor(blueprint), _recovery_sensor(blueprint), _delivery_sensor(blueprint)]


def _failure_sensor(blueprint: Blueprint) -> dg.SensorDefinition:
    project = blueprint.project

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE,
        name=blueprint.names.flat("alert_on_failure"),
        minimum_interval_seconds=INTERVAL,
        default_status=RUNNING,
        description="Writes down why a run of this project failed, as alerts/RUN.json in the store.",
    )
    def alert_on_failure(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if not is_ours(blueprint, run):
            return dg.SkipReason(f"run {run.run_id} is not one of {project.project}")
        store = Store.at(project.store_address)
        if read_alert(store, run.run_id) is None:
            alert = alert_of(blueprint, context.instance, run, context.dagster_event.message or "it failed")
            write_alert(store, with_recovery(blueprint, context.instance, alert))
        return None

    return alert_on_failure


def _recovery_sensor(blueprint: Blueprint) -> dg.SensorDefinition:
    project = blueprint.project

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=blueprint.names.flat("note_recovery"),
        minimum_interval_seconds=INTERVAL,
        default_status=RUNNING,
        description="Notes in alerts of this project which later run mended them.",
    )
    def note_recovery(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if not is_ours(blueprint, run):
            return dg.SkipReason(f"run {run.run_id} is not one of {project.project}")
        store = Store.at(project.store_address)
        for alert in alerts(store):
            if alert.recovered_by is None and alert.cycle == run.tags.get("dagster/partition"):
                mended = with_recovery(blueprint, context.instance, alert)
                if mended.recovered_by:
                    write_alert(store, mended)
        return None

    return note_recovery


def _delivery_sensor(blueprint: Blueprint) -> dg.SensorDefinition:
    project = blueprint.project

    @dg.sensor(
        name=blueprint.names.flat("send_alerts"),
        minimum_interval_seconds=INTERVAL,
        default_status=RUNNING if channels() else STOPPED,
        description="Sends alerts to webhook, Slack and e-mail, whichever the environment configures.",
    )
    def send_alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        configured = channels()
        if not configured:
            return dg.SkipReason("no channel is configured: set ANCHOR_ALERT_WEBHOOK, _SLACK_TOKEN or _EMAIL_TO")
        try:
            told = deliver_alerts(Store.at(project.store_address), configured)
        except (AnchorError, OSError) as error:
            return dg.SkipReason(f"the store does not tell which alerts there are: {error}")
        said = [f"sent {one}" for one in told.sent] + [f"not sent, tried again: {one}" for one in told.failed]
        return dg.SkipReason("; ".join(said) or "no alerts to send")

    return send_alerts
