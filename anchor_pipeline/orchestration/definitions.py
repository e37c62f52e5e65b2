"""From a declared project to Dagster definitions."""

from __future__ import annotations

import os
from collections.abc import Sequence

import dagster as dg

from anchor_pipeline.orchestration import assets, checks
from anchor_pipeline.orchestration.alerts.sensors import alert_sensors
from anchor_pipeline.orchestration.automation.conditions import condition_sensor
from anchor_pipeline.orchestration.automation.lineage_leftovers import lineage_sensor
from anchor_pipeline.orchestration.automation.raw_files import raw_file_sensor
from anchor_pipeline.orchestration.automation.schedules import schedule_for
from anchor_pipeline.orchestration.blueprint import Blueprint, blueprint_of
from anchor_pipeline.orchestration.custody import ledger_asset, ledger_schedule
from anchor_pipeline.orchestration.inventory import inventory_asset
from anchor_pipeline.orchestration.keys import prefix_of
from anchor_pipeline.orchestration.looks.tags import stage_tags
from anchor_pipeline.project import Project
from anchor_pipeline.record import Observer


def definitions_for(
    project: Project, observers: tuple[Observer, ...] = (), *, key_prefix: Sequence[str] | None = None
) -> dg.Definitions:
    """Assets, checks, jobs and automation of a project, to be merged with those of others.

    Args:
        project: the declaration.
        observers: told of every step, beside the lineage events.
        key_prefix: what asset keys begin with, and other names after it; by default the project's name, so that
            projects never clash. Pass () for bare keys such as mix/pretrain.

    """
    prefix = (project.project,) if key_prefix is None else prefix_of(key_prefix)
    blueprint = blueprint_of(project, observers, prefix)
    stages, sources = list(project.stages), list(project.sources)
    return dg.Definitions(
        assets=[
            *(assets.source_asset(blueprint, name) for name in sources),
            assets.corpus_asset(blueprint),
            *(assets.selection_asset(blueprint, stage) for stage in stages),
            *(assets.mix_asset(blueprint, stage) for stage in stages),
            inventory_asset(blueprint),
            *([ledger_asset(blueprint)] if project.custody else []),
        ],
        asset_checks=[
            *(checks.source_checks(blueprint, name) for name in sources),
            checks.corpus_checks(blueprint),
            *(checks.selection_checks(blueprint, stage) for stage in stages),
            *(checks.mix_checks(blueprint, stage) for stage in stages),
        ],
        jobs=[build_job(blueprint, stage) for stage in (None, *stages)],
        schedules=[schedule_for(blueprint), *([ledger_schedule(blueprint)] if project.custody else [])],
        sensors=[
            raw_file_sensor(blueprint),
            condition_sensor(blueprint),
            *alert_sensors(blueprint),
            lineage_sensor(blueprint),
        ],
    )


def own_prefix() -> tuple[str, ...]:
    """The key prefix of the code location anchor_pipeline.definitions: ANCHOR_KEY_PREFIX, parts separated by /.

    Empty unless it is set: a project that has an instance to itself needs none.
    """
    return prefix_of(os.environ.get("ANCHOR_KEY_PREFIX", ""))


def build_job(blueprint: Blueprint, stage: str | None) -> dg.UnresolvedAssetJobDefinition:
    """Builds one stage with everything it needs, or all stages."""
    names = blueprint.names
    stages = [stage] if stage else list(blueprint.project.stages)
    return dg.define_asset_job(
        names.job(stage),
        selection=dg.AssetSelection.assets(*map(names.mix, stages)).upstream(),
        partitions_def=blueprint.partitions,
        # Of the jobs and not of the definitions, which can be merged with others that have an executor of their own.
        executor_def=dg.in_process_executor,
        tags=stage_tags(blueprint.project, stages),
        description=f"Build the mix of stage {stage}." if stage else "Build the mixes of all stages.",
    )
