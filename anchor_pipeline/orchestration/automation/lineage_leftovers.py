"""The sensor that delivers lineage events which no build got rid of."""

from __future__ import annotations

import dagster as dg

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.lineage.collector import NoCollector, find_collector
from anchor_pipeline.lineage.delivery import deliver
from anchor_pipeline.orchestration.blueprint import Blueprint

INTERVAL = 30
"""Seconds."""

DEADLINE = 40.0
"""Seconds for one delivery; Dagster ends a tick after 60."""


def lineage_sensor(blueprint: Blueprint) -> dg.SensorDefinition:
    """Sends what is left in the outbox to the OpenLineage collector. It runs if one is configured."""
    project = blueprint.project

    @dg.sensor(
        name=blueprint.names.flat("deliver_lineage"),
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING if _configured() else dg.DefaultSensorStatus.STOPPED,
        description="Delivers OpenLineage events that are still in the outbox.",
    )
    def deliver_lineage(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not _configured():
            return dg.SkipReason("no OpenLineage collector is configured")
        try:
            came_to = deliver(Store.at(project.store_address), deadline=DEADLINE)
        except (AnchorError, OSError) as error:
            return dg.SkipReason(f"the store does not give its events: {error}")
        if not (came_to.sent or came_to.pending or came_to.rejected or came_to.error):
            return dg.SkipReason("nothing to deliver")
        said = f"{came_to.sent} sent, {came_to.pending} pending, {came_to.rejected} rejected for good"
        return dg.SkipReason(f"{said}: {came_to.error}" if came_to.error else said)

    return deliver_lineage


def _configured() -> bool:
    try:
        return not isinstance(find_collector(), NoCollector)
    except AnchorError:
        return True  # wrongly configured: the delivery says how
