"""What Dagster loads: the definitions of the project that ANCHOR_PROJECT names (default: ./project.yaml)."""

import os

from anchor_pipeline.orchestration.definitions import definitions_for, own_prefix
from anchor_pipeline.project import load_project

defs = definitions_for(load_project(os.environ.get("ANCHOR_PROJECT", "project.yaml")), key_prefix=own_prefix())
