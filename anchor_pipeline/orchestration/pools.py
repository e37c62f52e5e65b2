"""Pools: how many steps work at once over all runs of an instance, shared by every project on it.

The limits are the instance's (`concurrency.pools` in dagster.yaml, `dagster instance concurrency set POOL N`).
"""

STORE = "anchor_store"
"""Steps that mostly read and write: ingest, release, reading a release back."""

CPU = "anchor_cpu"
"""Steps that mostly compute, with several threads each: corpus and selection."""
