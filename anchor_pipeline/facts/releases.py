"""What was measured of a release: made once, when it is first asked for, and kept under facts/releases/<mix digest>/.

| file | columns |
|---|---|
| part-00000.parquet, … | for each row of that part what is in _DESCRIBED and _MEASURED |
| grams.parquet | gram: every hash of the sketches of all documents, rising, each once |

A release never changes, and neither do these. Rows of other modalities have no shingles.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.text import TEXT, TEXT_SCHEMA, measure_text

_DESCRIBED = {
    "doc_id": pa.string(),
    "digest": pa.string(),
    "domain": pa.string(),
    "authorship": pa.string(),
    "tokens": pa.int64(),
    "epoch": pa.int32(),
}
_MEASURED = ("minhash", "shingles", "sketch")
_BATCH = 4_096
_MEMORY = "384MB"


def release_facts(store: Store, release: Released) -> list[Path]:
    """The facts of each part of a release, where they can be read. DamagedData if a part cannot be read."""
    names = [f"{_folder(release)}/part-{number:05d}.parquet" for number in range(len(release.parts))]
    missing = [at for at, name in enumerate(names) if not store.exists(name)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(lambda at: _measure(store, release.parts[at], names[at]), missing):
            pass
    return [store.local(name) for name in names]


def release_grams(store: Store, release: Released) -> Path:
    """The sketch of a whole release, where it can be read."""
    name = f"{_folder(release)}/grams.parquet"
    if not store.exists(name):
        paths = [str(path) for path in release_facts(store, release)]
        with store.temporary() as work:
            work.mkdir(parents=True)
            made = work / "grams.parquet"
            with spilling(work) as database:
                database.execute(
                    f"""COPY (
                        SELECT DISTINCT unnest(sketch) AS gram FROM read_parquet($paths) ORDER BY gram
                    ) TO '{literal(made)}' (FORMAT parquet, COMPRESSION zstd)""",
                    {"paths": paths},
                )
            store.adopt(made, name)
    return store.local(name)


def spilling(work: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory, that spills into `work`."""
    return duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": str(work), "threads": os.cpu_count() or 1})


def literal(path: Path) -> str:
    """A path between single quotes of SQL."""
    return str(path).replace("'", "''")


def _folder(release: Released) -> str:
    # Another version of the base facts measures otherwise, and is kept elsewhere.
    return f"facts/releases/{release.digest}/{TEXT.key}"


def _measure(store: Store, part: str, name: str) -> None:
    """Measure one part, a few rows at a time."""
    schema = pa.schema([*_DESCRIBED.items(), *(TEXT_SCHEMA.field(column) for column in _MEASURED)])
    places = [TEXT_SCHEMA.get_field_index(column) for column in _MEASURED]
    path = store.local(part)
    with store.temporary() as made:
        try:
            with pq.ParquetWriter(made, schema, compression="zstd") as writer:
                columns = [*_DESCRIBED, "modality", "text"]
                for rows in pq.ParquetFile(path).iter_batches(batch_size=_BATCH, columns=columns):
                    is_text = pc.equal(rows.column("modality"), "text")
                    text = pc.if_else(is_text, rows.column("text"), pa.scalar(None, rows.column("text").type))
                    measured = measure_text(Batch(pa.table({"text": text})))
                    described = [rows.column(column).cast(kind) for column, kind in _DESCRIBED.items()]
                    writer.write_batch(
                        pa.record_batch([*described, *(measured[place] for place in places)], schema=schema)
                    )
        except (OSError, pa.ArrowException) as error:
            raise DamagedData(f"{path}: a part of a release cannot be read ({error}); restore the release") from None
        store.adopt(made, name)
