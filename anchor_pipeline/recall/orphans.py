"""Releases with documents whose shards the graph never saw: asked of their own parts, so that none is missed.

A store that lost shards, or was joined from two, may hold such releases. They are few, or there are none. To know
that takes a look at every member of every release; a release that was found whole stays so while no shard is
forgotten, so `lineage/whole.json` (local, a cache) remembers it, and only new releases are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress

import duckdb
import pyarrow as pa

from anchor_pipeline.corpus.licences import needs_licence
from anchor_pipeline.corpus.recalls import BY_DIGEST, AffectedRelease, Target, generator_is
from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.manifest import MANIFEST, parse_manifest
from anchor_pipeline.mix.release import is_tombstone

_CACHE = "lineage/whole.json"
_ORPHANS = """SELECT DISTINCT release FROM (
        SELECT release, key FROM members WHERE release IN (SELECT value FROM doubtful)
    ) ANTI JOIN documents USING (key)"""
_COLUMNS = {"source": "source", "licence": "licence", "generator": "generator", "document": "doc_id"}


def affected_orphans(
    connection: duckdb.DuckDBPyConnection, store: Store, target: Target, digests: Sequence[str]
) -> Iterator[AffectedRelease]:
    """Those of these releases that hold what `target` means, or content of one of the digests if it bars by digest."""
    for folder in _orphans(connection, store):
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


def _orphans(connection: duckdb.DuckDBPyConnection, store: Store) -> list[str]:
    """Folders of releases with a document that no recorded shard has, sorted."""
    shards = {str(digest) for (digest,) in connection.execute("SELECT digest FROM shards").fetchall()}
    releases = connection.execute("SELECT release, folder, digest FROM releases ORDER BY folder").fetchall()
    whole = _known_whole(store, shards)
    doubtful = [number for number, _, digest in releases if digest not in whole]
    if not doubtful:
        return []
    connection.register("doubtful", pa.table({"value": pa.array(doubtful, pa.int32())}))
    lacking = {number for (number,) in connection.execute(_ORPHANS).fetchall()}
    whole = {digest for number, _, digest in releases if number not in lacking}
    _remember(store, shards, whole)
    return [folder for number, folder, _ in releases if number in lacking]


def _known_whole(store: Store, shards: set[str]) -> set[str]:
    """Mix digests of releases found whole by shards that are all recorded still; none if that is not known."""
    try:
        told = json.loads((store.root / _CACHE).read_bytes())
        return set(told["whole"]) if shards.issuperset(told["shards"]) else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _remember(store: Store, shards: set[str], whole: set[str]) -> None:
    """Best effort: without it the next question takes longer."""
    with suppress(OSError), store.temporary() as fresh:
        with store.files.create(fresh) as file:
            store.files.write(file, canonical_json({"shards": sorted(shards), "whole": sorted(whole)}))
        (store.root / _CACHE).parent.mkdir(parents=True, exist_ok=True)
        store.files.replace(fresh, store.root / _CACHE)


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
