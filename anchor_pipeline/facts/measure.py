"""Measure shards: every shard is read once for all the facts that it lacks, a row group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_files import FactsWriter, facts_name, missing_facts, read_facts
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.map_shards import map_shards, usable_cores

__all__ = ["measure_shards", "read_facts"]

_BYTES_PER_WORKER = 32 * 1024 * 1024
"""Of shards, as they lie on the disk: with less to do, a process takes longer to start than it saves."""


def measure_shards(
    store: Store, shards: Sequence[str], sets: Sequence[FactSet], *, workers: int | None = None
) -> list[str]:
    """Measure what shards (their digests) lack of the sets; gives the shards that lacked something.

    What is there stays as it is. `workers` processes, or as many as there are cores and work for. Peak memory hangs on
    the longest row group, not on the shards. Raises DamagedData if a shard is missing or damaged, UsageError if two
    sets have the same key. After an error, or a kill, every facts file is there as a whole or not at all.
    """
    by_key = {facts.key: facts for facts in sets}
    if len(by_key) < len(sets):
        raise UsageError(f"two fact sets have the same key; there are {sorted(facts.key for facts in sets)}")
    lacking = missing_facts(store, shards, list(by_key))
    tasks = [(shard, [by_key[key] for key in keys]) for shard, keys in lacking.items()]
    if workers is None:
        workers = min(usable_cores(), _work(store, list(lacking)))
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            measure_shard(store, task)
    else:
        map_shards(partial(_measure_at, store.address_of("").rstrip("/")), tasks, workers)
    return list(lacking)


def _work(store: Store, shards: Sequence[str]) -> int:
    """How many processes have enough to do. Shards that are not on this machine yet count as full ones."""
    paths = [store.shard_path(shard) for shard in shards]
    return sum(path.stat().st_size if path.exists() else _BYTES_PER_WORKER for path in paths) // _BYTES_PER_WORKER


def _measure_at(address: str, task: tuple[str, list[FactSet]]) -> None:
    measure_shard(Store.at(address), task)


def measure_shard(store: Store, task: tuple[str, list[FactSet]]) -> None:
    """Measure the sets of one shard: task is (its digest, the sets), in one pass over its row groups."""
    shard, sets = task
    path = store.local_shard(shard)
    columns = sorted({"modality", *(name for facts in sets for name in facts.reads)})
    with ExitStack() as stack:
        try:
            file = stack.enter_context(pq.ParquetFile(path))
        except (OSError, pa.ArrowException) as error:
            raise _damaged(store, shard, error) from None
        staged = [stack.enter_context(store.temporary()) for _ in sets]
        writers = [FactsWriter(place, shard, facts) for place, facts in zip(staged, sets, strict=True)]
        try:
            for group in range(file.num_row_groups):
                try:
                    table = file.read_row_group(group, columns=columns, use_threads=False)
                except (OSError, pa.ArrowException) as error:
                    raise _damaged(store, shard, error) from None
                _measure_rows(table, sets, writers)
        finally:
            for writer in writers:
                writer.close()
        for place, facts in zip(staged, sets, strict=True):
            store.adopt(place, facts_name(shard, facts.key))


def _measure_rows(table: pa.Table, sets: Sequence[FactSet], writers: Sequence[FactsWriter]) -> None:
    batches: dict[str, tuple[Batch, Any]] = {}
    for facts, writer in zip(sets, writers, strict=True):
        if facts.modality not in batches:
            batches[facts.modality] = _rows_of(table, facts.modality)
        batch, places = batches[facts.modality]
        if batch.rows:
            measured = facts.measure(batch)
            columns = measured if places is None else [column.take(places) for column in measured]
        else:
            columns = [pa.nulls(table.num_rows, field.type) for field in facts.schema]
        writer.write(columns, table.num_rows)


def _rows_of(table: pa.Table, modality: str) -> tuple[Batch, Any]:
    """The rows of a modality, and for each row of the table its place among them, null if it is of another.

    None instead of the places if all rows are of it.
    """
    mask = pc.equal(table.column("modality"), modality).to_numpy()
    if mask.all():
        return Batch(table), None
    places = pa.array(np.cumsum(mask) - 1, mask=~mask)
    return Batch(table.filter(pa.array(mask))), places


def _damaged(store: Store, shard: str, error: Exception) -> DamagedData:
    place = store.address_of(f"shards/{shard[:2]}/{shard}.parquet")
    return DamagedData(f"{place}: the shard is missing or damaged ({error}); restore it, or ingest its source again")
