"""Tags by which runs are found and grouped, in the UI and by whoever reads the instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.project import Project
from anchor_pipeline.rules.verdict import policy_digest

PROJECT = "anchor/project"
CYCLE = "anchor/cycle"
STAGE = "anchor/stage"
POLICY = "anchor/policy"

ALL = "all"
"""The stage of a run that builds every stage."""

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def stage_tags(project: Project, stages: Sequence[str]) -> dict[str, str]:
    """What is known of every run that builds these stages: project, stage and the digest of the policy.

    That of several stages is taken of theirs. A run that only brings sources or the corpus up to date has no stage.
    """
    tags = {PROJECT: project.project}
    if not stages:
        return tags
    digests = {name: policy_digest(project, name) for name in stages}
    policy = digests[stages[0]] if len(stages) == 1 else canonical_digest(digests)
    everything = len(stages) > 1 and set(stages) == set(project.stages)
    return {**tags, STAGE: ALL if everything else ",".join(sorted(stages)), POLICY: policy}


def stages_in(project: Project, tag: str) -> tuple[str, ...]:
    """The stages that a STAGE tag names, in the order of their declaration."""
    named = set(tag.split(","))
    return tuple(stage for stage in project.stages if tag == ALL or stage in named)


def labeller(project: Project, names: Names) -> Callable[[Context], None]:
    """Gives a run the tags it lacks, from within its first step in this process.

    Not every run comes from a job or a request of ours: backfills, materialisations from the asset graph and
    declarative automation have no tags of ours when they start, and a re-execution has those of another declaration.
    """
    stages = {names.selection(stage): stage for stage in project.stages}
    stages |= {names.mix(stage): stage for stage in project.stages}
    of_job = {names.job(stage): [stage] for stage in project.stages}
    labelled: set[str] = set()

    def label(context: Context) -> None:
        run = context.run
        if run.run_id in labelled:
            return
        labelled.add(run.run_id)
        if run.asset_selection is None:
            built = of_job.get(run.job_name, list(project.stages))
        else:
            built = list(dict.fromkeys(stages[key] for key in sorted(run.asset_selection) if key in stages))
        wanted = {**stage_tags(project, built), CYCLE: run.tags["dagster/partition"]}
        lacking = {name: value for name, value in wanted.items() if run.tags.get(name) != value}
        if lacking:
            context.instance.add_run_tags(run.run_id, lacking)

    return label
