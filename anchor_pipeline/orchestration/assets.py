"""One asset per box of the picture, each a thin call of a step."""

# No postponed annotations here: Dagster looks at the type of `context` itself.
import dagster as dg

from anchor_pipeline import steps
from anchor_pipeline.errors import Refused
from anchor_pipeline.orchestration.automation.conditions import downstream_condition, source_condition
from anchor_pipeline.orchestration.automation.freshness import source_freshness
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.context import cycle_of
from anchor_pipeline.orchestration.looks import asset_metadata, presentation
from anchor_pipeline.orchestration.pools import CPU, STORE
from anchor_pipeline.orchestration.retries import guarded, retry_unfetched


def source_asset(blueprint: Blueprint, name: str) -> dg.AssetsDefinition:
    """`sources/<name>`: raw files become shards; what cannot be used goes to quarantine."""
    source = blueprint.project.sources[name]
    fitted = source.generate.fit if source.generate else None

    @dg.asset(
        key=blueprint.names.source(name),
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.source(fitted)] if fitted else [],
        pool=STORE,
        automation_condition=source_condition(blueprint),
        freshness_policy=source_freshness(blueprint.project, name),
        **presentation.source_look(blueprint, name),
    )
    @guarded
    def ingest_source(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        place = blueprint.places(context)
        outcome = steps.ingest(place, name, cycle_of(blueprint.project, context))
        retry_unfetched(context, outcome.snapshot)
        metadata = asset_metadata.source_metadata(outcome, place)
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(outcome.snapshot.digest))

    return ingest_source


def corpus_asset(blueprint: Blueprint) -> dg.AssetsDefinition:
    """`corpus`: every row read gets a status in this cycle, and exact duplicates a kept copy."""

    @dg.asset(
        key=blueprint.names.corpus,
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.source(name) for name in blueprint.project.sources],
        pool=CPU,
        automation_condition=downstream_condition(),
        **presentation.corpus_look(blueprint),
    )
    @guarded
    def assemble_corpus(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        place = blueprint.places(context)
        corpus = steps.assemble_corpus(place, cycle_of(blueprint.project, context))
        metadata = asset_metadata.corpus_metadata(corpus, place)
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(corpus.digest))

    return assemble_corpus


def selection_asset(blueprint: Blueprint, stage: str) -> dg.AssetsDefinition:
    """`selection/<stage>`: the chosen documents in training order, and the verdict on them."""

    @dg.asset(
        key=blueprint.names.selection(stage),
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.corpus],
        pool=CPU,
        automation_condition=downstream_condition(),
        **presentation.selection_look(blueprint, stage),
    )
    @guarded
    def select_documents(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        place, cycle = blueprint.places(context), cycle_of(blueprint.project, context)
        selection, verdict = steps.select_stage(place, stage, cycle)
        metadata = asset_metadata.selection_metadata(selection, verdict, place, cycle)
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(selection.digest))

    return select_documents


def mix_asset(blueprint: Blueprint, stage: str) -> dg.AssetsDefinition:
    """`mix/<stage>`: the release. It judges the selection itself and refuses, whatever ran before it."""

    @dg.asset(
        key=blueprint.names.mix(stage),
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.selection(stage)],
        pool=STORE,
        automation_condition=downstream_condition(),
        **presentation.mix_look(blueprint, stage),
    )
    @guarded
    def release_mix(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        place, cycle = blueprint.places(context), cycle_of(blueprint.project, context)
        try:
            released = steps.release(place, stage, cycle)
        except Refused as refusal:
            told = asset_metadata.refusal_metadata(place, stage, cycle)
            # A failure makes step, partition and run red, and says why on the run's page.
            raise dg.Failure(description=str(refusal), metadata=told, allow_retries=False) from refusal
        metadata = asset_metadata.mix_metadata(released, place, stage, cycle)
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(released.digest))

    return release_mix
