"""Where a release lies, for rooms below the one that writes releases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Released:
    """A released mix."""

    stage: str
    cycle: str
    digest: str
    """The mix digest."""
    parts: tuple[str, ...]
    """Names of its Parquet files in the store, in training order; columns doc_id, text, digest, domain, epoch, …"""
