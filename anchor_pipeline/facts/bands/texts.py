"""Texts of single documents, read from the shards they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData


def texts_at(store: Store, shards: Sequence[str], rows: Sequence[int]) -> Any:
    """The text of each (shard digest, row), in the order asked for, as one Arrow array.

    Only row groups that hold one of them are read. Raises DamagedData if a shard is missing or damaged.
    """
    wanted = np.array(rows, np.int64)
    by_shard: dict[str, list[int]] = {}
    for place, shard in enumerate(shards):
        by_shard.setdefault(shard, []).append(place)
    parts, places = [pa.array([], pa.large_string())], []
    for shard, mine in by_shard.items():
        order = np.array(mine)[np.argsort(wanted[mine], kind="stable")]
        try:
            parts += _of_shard(store, shard, wanted[order])
        except (OSError, pa.ArrowException) as error:
            raise DamagedData(f"shard {shard} cannot be read ({error}); ingest its source again") from None
        places.append(order)
    back = np.argsort(np.concatenate([*places, np.zeros(0, np.int64)]), kind="stable")
    return pa.concat_arrays(parts).take(pa.array(back, pa.int64()))


def _of_shard(store: Store, shard: str, rows: NDArray[np.int64]) -> list[Any]:
    """Texts at ascending rows of one shard."""
    found, begin = [], 0
    with pq.ParquetFile(store.local_shard(shard)) as file:
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            here = rows[np.searchsorted(rows, begin) : np.searchsorted(rows, end)]
            if len(here):
                column = file.read_row_group(group, columns=["text"]).column("text").combine_chunks()
                found.append(column.take(pa.array(here - begin)).cast(pa.large_string()))
            begin = end
    return found
