"""Releases with documents whose shards the graph never saw: asked of their own parts, so that none is missed.

A store that lost shards, or was joined from two, may hold such releases. They are few, or there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from anchor_pipeline.corpus.licence_needed import needs_licence
from anchor_pipeline.corpus.recalls import BY_DIGEST, AffectedRelease, Target, generator_is
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.manifest import MANIFEST, parse_manifest
from anchor_pipeline.mix.release import is_tombstone

_ORPHANS = """SELECT DISTINCT folder FROM members ANTI JOIN documents USING (key) JOIN releases USING (release)
    ORDER BY ALL"""
_COLUMNS = {"source": "source", "licence": "licence", "generator": "generator", "document": "doc_id"}


def affected_orphans(
    connection: duckdb.DuckDBPyConnection, store: Store, target: Target, digests: Sequence[str]
) -> Iterator[AffectedRelease]:
    """Those of these releases that hold what `target` means, or content of one of the digests if it bars by digest."""
    for (folder,) in connection.execute(_ORPHANS).fetchall():
        data = store.find(f"{folder}/{MANIFEST}")
        if data is None or is_tombstone(data):
            continue
        manifest = parse_manifest(data, store.address_of(f"{folder}/{MANIFEST}"))
        paths = [str(store.local(f"{folder}/{part.path}")) for part in manifest.parts]
        barred = pa.table({"value": pa.array(digests if target.by in BY_DIGEST else [], pa.string())})
        connection.register("barred_content", barred)
        try:
            found = connection.execute(
                f"""SELECT modality, count(DISTINCT (doc_id, digest)), sum(tokens)::BIGINT FROM read_parquet($paths)
                WHERE {_condition(connection, target, paths)} OR digest IN (SELECT value FROM barred_content)
                GROUP BY ALL ORDER BY ALL""",
                {"paths": paths},
            ).fetchall()
        except duckdb.Error as error:
            raise DamagedData(f"{store.address_of(folder)}: a part cannot be read ({error}); restore it") from None
        if found:
            yield AffectedRelease(
                stage=manifest.stage,
                cycle=manifest.cycle,
                revision=manifest.revision,
                digest=manifest.digest,
                documents=sum(int(number) for _, number, _ in found),
                tokens={str(modality): int(tokens) for modality, _, tokens in found},
            )


def _condition(connection: duckdb.DuckDBPyConnection, target: Target, paths: Sequence[str]) -> str:
    """SQL for the rows of the parts that are meant; their values stand in the registered table `meant_here`."""
    if target.by == "shard":
        return "false"
    column, value = _COLUMNS[target.by], target.value
    values = [value]
    if target.by in ("licence", "generator"):
        meant = needs_licence if target.by == "licence" else generator_is
        sql = f"SELECT DISTINCT {column} FROM read_parquet($paths) WHERE {column} IS NOT NULL ORDER BY ALL"
        values = [one for (one,) in connection.execute(sql, {"paths": list(paths)}).fetchall() if meant(one, value)]
    connection.register("meant_here", pa.table({"value": pa.array(values, pa.string())}))
    return f"{column} IN (SELECT value FROM meant_here)"
