"""The credential of a single synthetic image or sound that leaves a mix as a file of its own.

A C2PA manifest, embedded where the file type allows, a sidecar otherwise. It says that the file was taken unchanged
out of its shard, whose own credential is nested: so it tells who made it, without the shard.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from anchor_pipeline.custody.credentials.authority import Leaf
from anchor_pipeline.custody.credentials.c2pa_library import (
    Asset,
    Ingredient,
    carries_manifest,
    read,
    sign,
)
from anchor_pipeline.custody.credentials.sidecar import PARQUET, source_type

PLAIN = "application/octet-stream"
EMBEDDED = ("image/png", "image/jpeg", "audio/wav")
"""File types that get their manifest inside."""


@dataclass(frozen=True)
class Taken:
    """A file to be exported, and where it was taken from."""

    content: bytes
    format: str
    """Its media type."""
    modality: str
    said: dict[str, Any]
    """doc_id, digest, mix: what this project's assertion says of it."""
    shard: str
    sidecar: bytes
    """Of the shard."""


def with_credential(taken: Taken, leaf: Leaf, authority: bytes) -> tuple[bytes, bytes | None]:
    """(file, sidecar): the file with its manifest inside and no sidecar; or as it was, with a sidecar.

    A file that has a manifest of its maker keeps it, and gets a sidecar. Raises Flaw credential_invalid if the shard's
    credential does not hold, or the leaf is not of the authority.
    """
    where = str(taken.said["doc_id"])
    embed = taken.format in EMBEDDED and not carries_manifest(taken.content, taken.format, authority)
    # Of a known type the library takes the old manifest out before it signs: as plain bytes the file stays as it is.
    kind = taken.format if embed else PLAIN
    origin = Ingredient(f"shards/{taken.shard}", PARQUET, taken.shard, "parentOf", taken.sidecar)
    asset = Asset(
        title=where,
        format=kind,
        said={**taken.said, "shard": taken.shard, "sha256": hashlib.sha256(taken.content).hexdigest()},
        actions=(
            {"action": "c2pa.opened", "parameters": {"ingredientIds": ["ingredient0"]}},
            {"action": "c2pa.repackaged", "digitalSourceType": source_type(taken.modality)},
        ),
        ingredients=(origin,),
    )
    store, content = sign(asset, taken.content, leaf, authority, embed=embed)
    if embed:
        read(None, content, kind, authority, where)
        return content, None
    read(store, taken.content, kind, authority, where)
    return taken.content, store
