"""Imports all that a build needs, so that builds started by `fork` begin at once."""

import anchor_pipeline.ingest.gx_build
import anchor_pipeline.ingest.gx_run
import anchor_pipeline.lineage.events
import anchor_pipeline.steps  # noqa: F401
