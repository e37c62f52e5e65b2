"""Fixtures of more than one room."""

from anchor_pipeline_tests.object_store import bucket, s3_server

__all__ = ["bucket", "s3_server"]
