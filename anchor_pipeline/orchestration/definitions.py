"""From a declared project to Dagster definitions."""

from __future__ import annotations

import dagster as dg

from anchor_pipeline.orchestration import assets, checks, keys
from anchor_pipeline.orchestration.context import workplaces
from anchor_pipeline.orchestration.partitions import cycle_partitions
from anchor_pipeline.project import Project
from anchor_pipeline.record import Observer


def definitions_for(project: Project, observers: tuple[Observer, ...] = ()) -> dg.Definitions:
    """Assets, checks and jobs of a project. `observers` are told of every step, beside the lineage file."""
    partitions = cycle_partitions(project)
    places = workplaces(project, observers)
    stages, sources = list(project.stages), list(project.sources)
    return dg.Definitions(
        assets=[
            *(assets.source_asset(project, name, partitions, places) for name in sources),
            assets.corpus_asset(project, partitions, places),
            *(assets.selection_asset(project, stage, partitions, places) for stage in stages),
            *(assets.mix_asset(project, stage, partitions, places) for stage in stages),
        ],
        asset_checks=[
            *(checks.source_checks(project, name, partitions, places) for name in sources),
            checks.corpus_checks(project, partitions, places),
            *(checks.selection_checks(project, stage, partitions, places) for stage in stages),
            *(checks.mix_checks(project, stage, partitions, places) for stage in stages),
        ],
        jobs=[_job(project, stage, partitions) for stage in (None, *stages)],
        executor=dg.in_process_executor,
    )


def _job(
    project: Project, stage: str | None, partitions: dg.PartitionsDefinition[str]
) -> dg.UnresolvedAssetJobDefinition:
    """Builds one stage with everything it needs, or all stages."""
    mixes = [keys.mix_key(stage)] if stage else [keys.mix_key(name) for name in project.stages]
    return dg.define_asset_job(
        keys.job_name(stage),
        selection=dg.AssetSelection.assets(*mixes).upstream(),
        partitions_def=partitions,
        description=f"Build the mix of stage {stage}." if stage else "Build the mixes of all stages.",
    )
