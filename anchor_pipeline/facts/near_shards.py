"""Documents of shards, for near.py: where their texts lie, and their base facts, measured where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.near import Documents
from anchor_pipeline.facts.text import TEXT


def documents_in(store: Store, shards: Sequence[str], file: NDArray[Any], row: NDArray[Any]) -> Documents:
    """The documents of which i is row[i] of the shard shards[file[i]], the best first.

    DamagedData if a shard is missing.
    """
    measure_shards(store, shards, [TEXT])
    return Documents(
        files=store.local_shards(shards),
        measured=lambda number: read_facts(store, shards[number], TEXT.key, ["minhash", "shingles"]),
        file=file.astype(np.int64),
        row=row.astype(np.int64),
    )
