"""The texts of single documents, read back from their shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData


def texts_of(store: Store, shards: Sequence[str], rows: Sequence[int]) -> Any:
    """The text of document i, which is row rows[i] of shard shards[i]: an Arrow large_string array in that order.

    Reads only the row groups that hold them. All the texts are in memory at once: ask for few enough. Raises
    DamagedData if a shard is missing or shorter than that.
    """
    if not len(shards):
        return pa.array([], pa.large_string())
    names, file = np.unique(np.asarray(shards, object), return_inverse=True)
    wanted = np.asarray(rows, np.int64)
    order = np.lexsort((wanted, file))
    parts = [
        part
        for number, path in enumerate(store.local_shards(names.tolist()))
        for part in _read(str(path), wanted[order[file[order] == number]])
    ]
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back))


def _read(path: str, rows: Any) -> list[Any]:
    """The texts of rows, rising, of one shard."""
    try:
        with pq.ParquetFile(path) as file:
            ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
            if not len(ends) or rows[-1] >= ends[-1] or rows[0] < 0:
                raise DamagedData(f"{path}: has no row {rows[-1]}; build the corpus again")
            groups = np.searchsorted(ends, rows, side="right")
            return [
                _group(file, int(group), rows[groups == group] - (ends[group] - _rows(file, int(group))))
                for group in np.unique(groups)
            ]
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{path}: the shard is missing or damaged ({error}); build its source again") from None


def _rows(file: Any, group: int) -> int:
    return int(file.metadata.row_group(group).num_rows)


def _group(file: Any, group: int, rows: Any) -> Any:
    texts = file.read_row_group(group, columns=["text"]).column("text").combine_chunks().cast(pa.large_string())
    return texts.take(pa.array(rows))
