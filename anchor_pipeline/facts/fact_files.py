"""Facts files: one per shard and fact set, its rows those of the shard in their order.

They lie at facts/<key of the set>/<ab>/<digest of the shard>.parquet. Shard and set are named again in the file's own
metadata, so that a file at the wrong place is told from the right one, and pages carry checksums.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.fact_sets import FactSet

_FORMAT = b"1"
_SHARD, _SET, _VERSION = b"shard", b"facts", b"format"


def facts_name(shard: str, key: str) -> str:
    """Where in the store the facts `key` of a shard (its digest) lie."""
    return f"facts/{key}/{shard[:2]}/{shard}.parquet"


def missing_facts(store: Store, shards: Sequence[str], keys: Collection[str]) -> dict[str, list[str]]:
    """Of each shard that lacks facts: the keys of those that it lacks, in the order of `keys`."""
    lacking: dict[str, list[str]] = {shard: [] for shard in dict.fromkeys(shards)}
    for key in keys:
        # One listing for many files: on object storage every question takes its time.
        there = {
            name for folder in sorted({shard[:2] for shard in lacking}) for name in store.list(f"facts/{key}/{folder}")
        }
        for shard, keys_of_it in lacking.items():
            if f"{shard}.parquet" not in there:
                keys_of_it.append(key)
    return {shard: keys_of_it for shard, keys_of_it in lacking.items() if keys_of_it}


class FactsWriter:
    """Writes the facts of one shard to a file at `path`, a row group at a time. Close it before the file is used."""

    def __init__(self, path: Path, shard: str, facts: FactSet) -> None:
        said = {_VERSION: _FORMAT, _SET: facts.key.encode(), _SHARD: shard.encode()}
        self._facts = facts
        self._writer = pq.ParquetWriter(
            path,
            facts.schema.with_metadata(said),
            compression="zstd",
            compression_level=1,
            # Hashes and measurements hardly repeat; nobody looks for a row by the smallest of them.
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )

    def write(self, columns: list[Any], rows: int) -> None:
        """Append the facts of `rows` rows, a row group. TypeError if they are not what the schema says."""
        schema = self._facts.schema
        wrong = [
            f"{field.name}: {len(column)} of {column.type}"
            for field, column in zip(schema, columns, strict=True)
            if len(column) != rows or column.type != field.type
        ]
        if wrong:
            raise TypeError(f"fact set {self._facts.key}: expected {rows} rows of {schema}; found {', '.join(wrong)}")
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema), row_group_size=max(1, rows))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def read_facts(
    store: Store, shard: str, key: str, columns: Sequence[str] | None = None, *, rows: int | None = None
) -> pa.Table:
    """The facts `key` of a shard (its digest), row by row as the shard has them; all columns, or those named.

    Raises DamagedData if they are missing, damaged, of another shard, or not as many as the shard has rows. Give
    `rows` if it is known how many those are; otherwise the shard is asked where it lies on this machine.
    """
    name = facts_name(shard, key)
    place = store.address_of(name)
    remedy = "delete it and build again: it is measured anew"
    if not store.exists(name):
        raise DamagedData(f"{place}: these facts are missing; build again: they are measured anew")
    path = store.local(name)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            said = file.schema_arrow.metadata or {}
            unknown = sorted(set(columns or ()) - set(file.schema_arrow.names))
            if said.get(_SHARD) != shard.encode() or said.get(_SET) != key.encode() or said.get(_VERSION) != _FORMAT:
                raise DamagedData(f"{place}: holds other facts than its name says; {remedy}")
            expected = _rows_of(store, shard) if rows is None else rows
            if expected is not None and file.metadata.num_rows != expected:
                raise DamagedData(f"{place}: has {file.metadata.num_rows} rows, and its shard {expected}; {remedy}")
            if unknown:
                raise KeyError(f"facts {key} have no column {unknown[0]!r}; there are {file.schema_arrow.names}")
            return file.read(columns=None if columns is None else list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{place}: cannot be read ({error}); {remedy}") from None


def _rows_of(store: Store, shard: str) -> int | None:
    """How many rows a shard has, if it lies on this machine."""
    path = store.shard_path(shard)
    if not path.exists():
        return None
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{path}: the shard cannot be read ({error}); ingest its source again") from None
