"""The files of a store that hold content beside the shards: emptied of what is erased, or removed.

Each can be done twice with the same result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.erasures import Bar
from anchor_pipeline.corpus.recalls import AffectedRelease
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.ingest.erased import without_erased_content
from anchor_pipeline.ingest.quarantine import QUARANTINE_SCHEMA
from anchor_pipeline.mix.manifest import MANIFEST, parse_manifest
from anchor_pipeline.mix.parts import write_table
from anchor_pipeline.mix.release import cycle_folder, is_tombstone
from anchor_pipeline.recall.erase_find import emptied, with_content

_RELEASES = "releases"
"""Folder of facts that are not of shards."""


def shard_name(digest: str) -> str:
    """Where a shard lies in the store."""
    return f"shards/{digest[:2]}/{digest}.parquet"


def empty_parts(store: Store, release: AffectedRelease, bar: Bar) -> None:
    """Write the parts of a release anew without the content of the recall's rows, one by one; the rest stays."""
    folder = f"{cycle_folder(release.stage, release.cycle)}/{release.revision:04d}"
    data = store.find(f"{folder}/{MANIFEST}")
    if data is None or is_tombstone(data):
        return
    manifest = parse_manifest(data, store.address_of(f"{folder}/{MANIFEST}"))
    if manifest.digest != release.digest:
        return
    for part in manifest.parts:
        name = f"{folder}/{part.path}"
        path = store.local(name)
        try:
            with pq.ParquetFile(path) as file:
                table = file.read()
        except (OSError, pa.ArrowException) as error:
            raise DamagedData(
                f"{store.address_of(name)}: cannot be read ({error}); restore it, or remove the folder of the release"
            ) from None
        rows = with_content(table, bar)
        if rows.any():
            with store.temporary() as made:
                write_table(emptied(table, rows), made)
                store.forget_copies(name)
                store.adopt(made, name)


def quarantine_files(store: Store, bar: Bar) -> Iterator[str]:
    """Names of the files of quarantined rows that hold such content."""
    for source in store.list("quarantine"):
        for file in store.list(f"quarantine/{source}"):
            name = f"quarantine/{source}/{file}"
            # Those of cycles have no content.
            if not file.startswith("cycle-") and _without_content(store, name, bar) is not None:
                yield name


def empty_quarantine(store: Store, name: str, bar: Bar) -> str:
    """The name under which these quarantined rows lie without the content; the same if they have none of it."""
    table = _without_content(store, name, bar) if store.exists(name) else None
    if table is None:
        return name
    with store.temporary() as made:
        with pq.ParquetWriter(made, QUARANTINE_SCHEMA, compression="zstd", compression_level=3) as writer:
            writer.write_table(table)
        with made.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        emptied_name = f"{name.rpartition('/')[0]}/{digest}.parquet"
        store.adopt(made, emptied_name)
    return emptied_name


def _without_content(store: Store, name: str, bar: Bar) -> pa.Table | None:
    """The rows of a quarantine file without such content; None if there is none in it."""
    path = store.local(name)
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise DamagedData(f"{store.address_of(name)}: cannot be read ({error}); remove it, or restore it") from None
    left = without_erased_content(table, [bar])
    return None if left is table else left


def empty_twin(store: Store, source: str, bar: Bar) -> None:
    """Take the lines with such content out of the text of a generated source, which is a raw file in the store."""
    name = f"twins/{source}.jsonl"
    data = store.find(name)
    if data is None:
        return
    lines = data.splitlines(keepends=True)
    digests = [hashlib.sha256(b"text\0" + str(json.loads(line).get("text")).encode()).hexdigest() for line in lines]
    barred = bar.of_rejects(source, digests)
    if barred.any():
        store.forget_copies(name)
        store.write(name, b"".join(line for line, gone in zip(lines, barred, strict=True) if not gone))


def remove_measured(store: Store, shards: Sequence[str], mixes: Sequence[str]) -> None:
    """Remove what was measured of shards and releases: hashes and sketches of their texts, numbers of their rows."""
    for key in store.list("facts"):
        if key != _RELEASES:
            for shard in shards:
                store.remove(f"facts/{key}/{shard[:2]}/{shard}.parquet")
    for mix in mixes:
        for key in store.list(f"facts/{_RELEASES}/{mix}"):
            for file in store.list(f"facts/{_RELEASES}/{mix}/{key}"):
                store.remove(f"facts/{_RELEASES}/{mix}/{key}/{file}")
