"""Who says so, and in which versions of our schemas."""

from __future__ import annotations

from anchor_pipeline import __version__

PRODUCER = f"https://anchor-pipeline.dev/v{__version__}"
"""Names the version of this package that says so; no page has to be there."""

SCHEMA_VERSION = "1-0-0"
"""Of the schemas below; a published one never changes, another content gets another version."""

SCHEMAS = "https://anchor-pipeline.dev/spec/lineage"


def schema_url(name: str) -> str:
    """The immutable address of one of our facets' schemas; the fragment is a JSON pointer (RFC 6901)."""
    return f"{SCHEMAS}/{SCHEMA_VERSION}/{name}.json#/$defs/{name}"
