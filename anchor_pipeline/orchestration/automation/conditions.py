"""Declarative automation: what each asset waits for before Dagster requests it, in place of a schedule.

Sources follow the calendar, everything else what it is made from. All of it is about the newest cycle; older ones are
for backfills.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.looks.tags import PROJECT
from anchor_pipeline.orchestration.partitions import cycle_cron

Condition = dg.AutomationCondition[Any]


def source_condition(blueprint: Blueprint) -> Condition:
    """Once for every cycle, when it is over (or `automation.after` later)."""
    return dg.AutomationCondition.on_cron(cycle_cron(blueprint.project, delayed=True), "UTC")


def downstream_condition() -> Condition:
    """When something it is made from was updated, nothing of it is missing or being made, and no check blocks it.

    The blocking checks are the second line of three: in a run of its own an asset would otherwise start although the
    checks on what it is made from have failed in an earlier run.
    """
    return dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()


def condition_sensor(blueprint: Blueprint) -> dg.AutomationConditionSensorDefinition:
    """Evaluates the conditions of this project's assets; it runs if `automation.mode` is `declarative`."""
    project, names = blueprint.project, blueprint.names
    running = project.automation.mode == "declarative"
    return dg.AutomationConditionSensorDefinition(
        names.flat("build_when_due"),
        target=dg.AssetSelection.assets(*names.all_of(project)),
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        run_tags={PROJECT: project.project},
        description="Builds each asset of the newest cycle when it is due and no blocking check has failed before it.",
    )
