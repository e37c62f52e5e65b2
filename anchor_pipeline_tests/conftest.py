"""Fixtures of more than one room."""

from anchor_pipeline_tests.command import anchor
from anchor_pipeline_tests.object_store import bucket, s3_server

__all__ = ["anchor", "bucket", "s3_server"]
