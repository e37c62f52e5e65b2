"""One asset per box of the picture, each a thin call of a step."""

# No postponed annotations here: Dagster looks at the type of `context` itself.
from typing import Any

import dagster as dg

from anchor_pipeline import steps
from anchor_pipeline.errors import Refused
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.context import cycle_of


def source_asset(blueprint: Blueprint, name: str) -> dg.AssetsDefinition:
    """`sources/<name>`: raw files become shards; what cannot be used goes to quarantine."""
    source = blueprint.project.sources[name]
    fitted = source.generate.fit if source.generate else None

    @dg.asset(
        key=blueprint.names.source(name),
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.source(fitted)] if fitted else [],
        group_name=blueprint.names.flat("sources"),
        kinds={source.kind},
        owners=_owners(source.steward),
        description=source.description or f"{source.kind} source, {source.modality}",
    )
    def ingest_source(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        outcome = steps.ingest(blueprint.places(context), name, cycle_of(blueprint.project, context))
        snapshot = outcome.snapshot
        metadata = {
            "read": snapshot.read,
            "quarantined": sum(snapshot.quarantined.values()),
            "raw_files": len(snapshot.files),
            "unreadable": len(snapshot.unreadable),
            "reused": outcome.reused,
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(snapshot.digest))

    return ingest_source


def corpus_asset(blueprint: Blueprint) -> dg.AssetsDefinition:
    """`corpus`: every row read gets a status in this cycle, and exact duplicates a kept copy."""

    @dg.asset(
        key=blueprint.names.corpus,
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.source(name) for name in blueprint.project.sources],
        group_name=blueprint.names.flat("corpus"),
        kinds={"duckdb"},
        description="All documents of the cycle, each with a status: kept, duplicate, quarantined or later.",
    )
    def assemble_corpus(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        corpus = steps.assemble_corpus(blueprint.places(context), cycle_of(blueprint.project, context))
        totals = {
            status: sum(getattr(counts, status) for counts in corpus.sources.values())
            for status in ("read", "kept", "kept_tokens", "duplicate", "later")
        }
        return dg.MaterializeResult(metadata=totals, data_version=dg.DataVersion(corpus.digest))

    return assemble_corpus


def selection_asset(blueprint: Blueprint, stage: str) -> dg.AssetsDefinition:
    """`selection/<stage>`: the chosen documents in training order, and the verdict on them."""

    @dg.asset(
        key=blueprint.names.selection(stage),
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.corpus],
        group_name=blueprint.names.flat("selection"),
        kinds={"scipy"},
        description=f"The documents chosen for stage {stage}, in training order. Its checks are the verdict.",
    )
    def select_documents(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        selection, verdict = steps.select_stage(blueprint.places(context), stage, cycle_of(blueprint.project, context))
        metadata = {
            "documents": selection.rows,
            "verdict": verdict.status,
            **{f"{modality}_drawn": plan.drawn for modality, plan in selection.plans.items()},
            **{f"{modality}_target": plan.target for modality, plan in selection.plans.items()},
            "plan": dg.MetadataValue.md(
                "\n".join(f"- {line}" for plan in selection.plans.values() for line in plan.messages)
            ),
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(selection.digest))

    return select_documents


def mix_asset(blueprint: Blueprint, stage: str) -> dg.AssetsDefinition:
    """`mix/<stage>`: the release. It judges the selection itself and refuses, whatever ran before it."""

    @dg.asset(
        key=blueprint.names.mix(stage),
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.selection(stage)],
        group_name=blueprint.names.flat("mix"),
        kinds={"parquet"},
        description=f"The released training mix of stage {stage}.",
    )
    def release_mix(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        try:
            released = steps.release(blueprint.places(context), stage, cycle_of(blueprint.project, context))
        except Refused as refusal:
            raise dg.Failure(description=str(refusal), allow_retries=False) from refusal
        manifest = released.manifest
        amounts = {f"{modality}_{one.unit}": one.tokens for modality, one in manifest.amounts.items()}
        metadata: dict[str, dg.MetadataValue[Any] | int | bool] = {
            "release": dg.MetadataValue.path(str(released.path)),
            "revision": manifest.revision,
            "documents": manifest.rows,
            **amounts,
            "reused": released.reused,
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest.digest))

    return release_mix


def _owners(steward: str | None) -> list[str] | None:
    """Dagster takes e-mail addresses and `team:` names."""
    if steward is None:
        return None
    return [steward] if "@" in steward or steward.startswith("team:") else [f"team:{steward}"]
