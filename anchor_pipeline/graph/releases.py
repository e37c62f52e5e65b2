"""Released mixes as rows: which documents each holds, by the columns of its parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.graph.tables import KEY
from anchor_pipeline.mix.folder import folder_at
from anchor_pipeline.mix.manifest import MANIFEST, Manifest, parse_manifest
from anchor_pipeline.mix.release import is_revision, is_tombstone
from anchor_pipeline.project.addresses import is_url
from anchor_pipeline.rules.query import literal

_MEMBERS = f"""
    INSERT INTO members
    SELECT $releases[file_index::BIGINT + 1] AS release, {KEY} AS key, count(*)::INTEGER, sum(tokens)::BIGINT
    FROM {{rows}} GROUP BY ALL ORDER BY key, release
"""
_LOCAL = "read_parquet($files, hive_partitioning = false)"
_REMOTE = "(SELECT *, 0 AS file_index FROM _rows)"

_SUPERSEDED = """
    UPDATE releases SET superseded = EXISTS (
        SELECT 1 FROM releases AS later
        WHERE later.stage = releases.stage AND later.cycle = releases.cycle AND later.revision > releases.revision
    )
"""
_COLUMNS = ["doc_id", "digest", "tokens"]


@dataclass(frozen=True)
class Found:
    """A folder that holds a release, with the stamp of its manifest."""

    folder: str
    stamp: str


def new_releases(store: Store, known: dict[str, str]) -> list[Found]:
    """Folders of releases that were not read yet, or whose manifest is another one now; sorted.

    A release never changes; but a store may be put back from a backup and go on from there. That is found out by
    a look at every manifest's size and time, which a store at a URL is spared.
    """
    found = []
    for folder in _folders(store):
        if folder in known and is_url(store.address_of(folder)):
            continue
        stamp = _stamp(store, f"{folder}/{MANIFEST}")
        if stamp is not None and known.get(folder) != stamp:
            found.append(Found(folder, stamp))
    return found


def read_manifest(store: Store, found: Found) -> tuple[Manifest, str] | None:
    """The manifest of a release, and its SHA-256; None if there is no release (yet). DamagedData if it is damaged."""
    data = store.find(f"{found.folder}/{MANIFEST}")
    if data is None or is_tombstone(data):
        return None
    return parse_manifest(data, f"{found.folder}/{MANIFEST}"), hashlib.sha256(data).hexdigest()


def add_releases(
    connection: duckdb.DuckDBPyConnection, store: Store, releases: Sequence[tuple[Found, Manifest, str]]
) -> None:
    """Add releases with their members. In the transaction of the caller.

    Several at once are kept in the order of their keys, so that a question about one document looks at little.
    DamagedData or duckdb.Error if a part cannot be read.
    """
    numbers = [_number(connection, found.folder) for found, _, _ in releases]
    if is_url(store.address_of("mix")):
        for number, (found, manifest, _) in zip(numbers, releases, strict=True):
            connection.register("_rows", _remote_rows(store, found.folder, manifest))
            connection.execute(_MEMBERS.format(rows=_REMOTE), {"releases": [number]})
            connection.unregister("_rows")
    else:
        parts = [
            (number, literal(store.path(f"{found.folder}/{part.path}")))
            for number, (found, manifest, _) in zip(numbers, releases, strict=True)
            for part in manifest.parts
        ]
        files = {"files": [path for _, path in parts], "releases": [number for number, _ in parts]}
        connection.execute(_MEMBERS.format(rows=_LOCAL), files)
    _must_be_whole(connection, numbers, releases)
    for number, (found, manifest, sha256) in zip(numbers, releases, strict=True):
        values = [number, manifest.stage, manifest.cycle, manifest.revision, manifest.digest, sha256, found.folder]
        connection.execute("INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?, false)", [*values, manifest.rows])
    connection.execute(_SUPERSEDED)


def forget_release(connection: duckdb.DuckDBPyConnection, folder: str) -> None:
    """Remove what is known of the release in a folder, if anything is."""
    for (number,) in connection.execute("SELECT release FROM releases WHERE folder = ?", [folder]).fetchall():
        connection.execute("DELETE FROM members WHERE release = ?", [number])
        connection.execute("DELETE FROM releases WHERE release = ?", [number])


def _number(connection: duckdb.DuckDBPyConnection, folder: str) -> int:
    """A number that no release ever had."""
    forget_release(connection, folder)
    ((number,),) = connection.execute("SELECT nextval('release_numbers')").fetchall()
    return int(number)


def _must_be_whole(
    connection: duckdb.DuckDBPyConnection, numbers: Sequence[int], releases: Sequence[tuple[Found, Manifest, str]]
) -> None:
    """DamagedData if parts hold other numbers of rows than their manifests say."""
    sums = "SELECT release, sum(passes)::BIGINT FROM members WHERE release >= ? GROUP BY release"
    rows = dict(connection.execute(sums, [min(numbers)]).fetchall())
    for number, (found, manifest, _) in zip(numbers, releases, strict=True):
        if rows.get(number, 0) != manifest.rows:
            raise DamagedData(
                f"{found.folder}: its parts hold {rows.get(number, 0)} rows, its manifest says {manifest.rows}; "
                "restore the release"
            )


def _remote_rows(store: Store, folder: str, manifest: Manifest) -> pa.RecordBatchReader:
    """Ids, digests and tokens of the rows of a release at a URL; only these columns are fetched."""
    place = folder_at(store.address_of(folder))
    schema = pa.schema([(name, DOCUMENT_SCHEMA.field(name).type) for name in _COLUMNS])

    def batches() -> Iterator[pa.RecordBatch]:
        for part in manifest.parts:
            with place.open(part.path) as file:
                for batch in pq.ParquetFile(file).iter_batches(columns=_COLUMNS):
                    yield pa.record_batch([batch.column(name) for name in _COLUMNS], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _folders(store: Store) -> Iterator[str]:
    for stage in store.list("mix"):
        for cycle in store.list(f"mix/{stage}"):
            for revision in store.list(f"mix/{stage}/{cycle}"):
                if is_revision(revision):
                    yield f"mix/{stage}/{cycle}/{revision}"


def _stamp(store: Store, name: str) -> str | None:
    """What changes when the file does; None if it is not there. Says nothing for a store at a URL."""
    if is_url(store.address_of(name)):
        return ""
    try:
        found = store.path(name).stat()
    except OSError:
        return None
    return f"{found.st_size} {found.st_mtime_ns}"
