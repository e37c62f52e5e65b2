"""What Dagster loads: the definitions of the project that ANCHOR_PROJECT names (default: ./project.yaml)."""

import os

import dagster as dg

from anchor_pipeline.orchestration.definitions import definitions_for, own_prefix
from anchor_pipeline.project import load_project

_project = load_project(os.environ.get("ANCHOR_PROJECT", "project.yaml"))

# This location holds nothing else, so it may say how all runs work: a process per step would load it again each time.
defs = dg.Definitions.merge(
    definitions_for(_project, key_prefix=own_prefix()), dg.Definitions(executor=dg.in_process_executor)
)
