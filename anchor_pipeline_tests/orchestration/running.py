"""Run a project's jobs on a real instance, and see of every step whether it began, and of every mix whether it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import dagster as dg

from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.project import Project

KEYS = Names()
CYCLE = "2020"


def run(
    project: Project,
    instance: dg.DagsterInstance,
    job: str,
    *,
    cycle: str = CYCLE,
    selection: Sequence[dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job for a cycle, with definitions as they are made of the project now."""
    return definitions_for(project, key_prefix=()).resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=cycle,
        raise_on_error=False,
        asset_selection=selection,
        run_config=QUIET,
        tags=tags,
    )  # fmt: skip


def began(result: dg.ExecuteInProcessResult | dg.JobExecutionResult, step: str) -> bool:
    """Whether a step was started at all."""
    return any(event.event_type_value == "STEP_START" and event.step_key == step for event in result.all_events)


def failures(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> dict[str, str]:
    """What each failed step says."""
    found = {}
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            found[str(event.step_key)] = str(told or data.error)
    return found


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Results of checks as asset:check."""
    return {f"{'/'.join(one.asset_key.path)}:{one.check_name}": one for one in result.get_asset_check_evaluations()}


def releases(project: Project, *, whole: bool = True) -> list[str]:
    """All releases there are, as stage/cycle/revision; each has to be a whole one."""
    found = sorted(path.parent for path in project.store_path.glob("mix/*/*/*/MANIFEST.json"))
    for folder in found if whole else ():
        assert [one for one in verify_mix(folder) if not one.ok] == []
    return ["/".join(folder.parts[-3:]) for folder in found]


def dagster(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The `dagster` command on the definitions of a project, on the instance that DAGSTER_HOME names."""
    environment = {**os.environ, "ANCHOR_PROJECT": str(project.path)}
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=project.root)
