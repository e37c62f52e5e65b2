"""Which half of the anchors probes are trained on, and which half bands are calibrated on.

A probe finds the very documents that it was trained on more predictable than any others. A band calibrated on them
would be too low, and fire on every honest bucket. So a keyed hash gives each document to one half for good: the
lowest bit of SipHash under the project's seed. Documents made from one and the same document share a group, and so
a half.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anchor_pipeline.corpus.keyed_hash import seed_key, siphash

_PURPOSE = b"anchor_pipeline/facts/hold-out/v1\0"


def held_out(groups: pa.Array | pa.ChunkedArray, seed: int) -> NDArray[np.bool_]:
    """Of each group (strings, no nulls): whether bands are calibrated on it, and no probe may be trained on it."""
    return (siphash(groups, seed_key(_PURPOSE, seed)) & np.uint64(1)).astype(np.bool_)


def groups_of(ids: Any, parents: Any) -> Any:
    """The group of each document: its first parent, or itself if it has none.

    `ids` is a string array, `parents` a list<string> array of the same length.
    """
    parents = parents.combine_chunks() if isinstance(parents, pa.ChunkedArray) else parents
    some = pc.greater(pc.fill_null(pc.list_value_length(parents), 0), 0)
    # list_element fails on an empty list, so those are looked at as [null].
    empty = pa.scalar([None], type=parents.type)
    first = pc.list_element(pc.if_else(some, parents, empty), 0)
    return pc.coalesce(first.cast(ids.type), ids)
