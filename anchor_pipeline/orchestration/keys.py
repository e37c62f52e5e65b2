"""Asset keys, in one place: sources/<name>, corpus, selection/<stage>, mix/<stage>."""

from __future__ import annotations

import dagster as dg

from anchor_pipeline.project import Project

CORPUS = dg.AssetKey(["corpus"])


def source_key(name: str) -> dg.AssetKey:
    """The asset of a source."""
    return dg.AssetKey(["sources", name])


def selection_key(stage: str) -> dg.AssetKey:
    """The asset of a stage's selection."""
    return dg.AssetKey(["selection", stage])


def mix_key(stage: str) -> dg.AssetKey:
    """The asset of a stage's mix."""
    return dg.AssetKey(["mix", stage])


def job_name(stage: str | None) -> str:
    """The job that builds one stage, or all."""
    return f"build_{stage}" if stage else "build_all"


def all_keys(project: Project) -> list[dg.AssetKey]:
    """Every asset of the project, upstream first."""
    stages = list(project.stages)
    sources = [source_key(name) for name in project.sources]
    return [*sources, CORPUS, *map(selection_key, stages), *map(mix_key, stages)]
