"""The store: content-addressed shards, and named files that are replaced atomically.

shards/ab/abcd….parquet       documents, named by the SHA-256 of the file
sources/<name>/…              snapshots: which shards make up a source
quarantine/<source>/…         rows that could not be used, with the reason
corpus/<cycle>/…              one row of metadata per document
selection/<stage>/<cycle>/…   chosen ids in training order, plan and verdict
mix/<stage>/<cycle>/<n>/…     releases
lineage/events.jsonl          OpenLineage
data_docs/…                   Great Expectations
tmp/…                         half-written things; safe to delete when nothing runs
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.errors import DamagedData

SHARD_BYTES = 64 * 1024 * 1024
"""Shards hold about this much content, uncompressed."""

GROUP_BYTES = 8 * 1024 * 1024
"""Row groups of a shard hold about this much content, so that a reader holds little of it."""

MOST_GROUP_ROWS = 16_384
_UNIQUE = ("doc_id", "text", "payload", "digest")


@dataclass(frozen=True)
class Shard:
    """An immutable Parquet file of documents."""

    digest: str
    rows: int
    tokens: int
    bytes: int


class Store:
    """The files of one project. Paths are relative to its root, with / between the parts."""

    def __init__(self, root: str | Path, files: LocalFiles | None = None) -> None:
        self.root = Path(root).absolute()
        self.files = files or LocalFiles()

    def path(self, relative: str) -> Path:
        """Where a file of the store lies. ValueError for a path that leads outside."""
        path = Path(os.path.normpath(self.root / relative))
        if not path.is_relative_to(self.root):
            raise ValueError(f"{relative!r} leads outside the store")
        return path

    def exists(self, relative: str) -> bool:
        return self.path(relative).exists()

    def list(self, relative: str) -> list[str]:
        """Names in a folder, sorted; empty if it is not there."""
        folder = self.path(relative)
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def read(self, relative: str) -> bytes:
        """The bytes of a file; DamagedData if it is missing or unreadable."""
        path = self.path(relative)
        try:
            return path.read_bytes()
        except OSError as error:
            raise DamagedData(
                f"{path}: cannot be read ({error.strerror}); build the step that writes it again"
            ) from None

    def write(self, relative: str, data: bytes) -> Path:
        """Write a whole file, atomically."""
        target = self.path(relative)
        with self.temporary() as temporary:
            self._write_synced(temporary, data)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.files.replace(temporary, target)
            self.files.sync_folder(target.parent)
        return target

    def write_new(self, relative: str, data: bytes) -> bool:
        """Write a whole file unless the name is taken; says whether it did. Of two writers one wins."""
        target = self.path(relative)
        with self.temporary() as temporary:
            self._write_synced(temporary, data)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.files.link(temporary, target)
            except FileExistsError:
                return False
            self.files.sync_folder(target.parent)
        return True

    def adopt(self, finished: Path, relative: str) -> Path:
        """Give a finished file its name, atomically, its bytes on the disk first."""
        target = self.path(relative)
        with self.files.create(finished, append=True) as file:
            self.files.sync(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.files.replace(finished, target)
        self.files.sync_folder(target.parent)
        return target

    def append(self, relative: str, data: bytes) -> None:
        """Append to a file, in one write (lines of concurrent writers do not mix)."""
        path = self.path(relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.files.create(path, append=True) as file:
            self.files.write(file, data)
            self.files.sync(file)

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """A fresh name under tmp/; whatever has it afterwards is removed."""
        # The name does not reach any result.
        path = self.path(f"tmp/{os.getpid()}-{secrets.token_hex(8)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield path
        finally:
            self.files.remove(path)

    def shard_path(self, digest: str) -> Path:
        """Where the shard of that digest lies."""
        return self.path(f"shards/{digest[:2]}/{digest}.parquet")

    def write_shard(self, documents: pa.Table) -> Shard:
        """Keep documents (DOCUMENT_SCHEMA) as a shard. The same documents give the same digest, and one file."""
        tokens, size = (pc.sum(documents.column(name)).as_py() or 0 for name in ("tokens", "bytes"))
        rows = max(1, min(MOST_GROUP_ROWS, GROUP_BYTES * documents.num_rows // max(1, size)))
        buffer = io.BytesIO()
        # A dictionary of what never repeats costs time and saves nothing.
        repeating = [name for name in documents.schema.names if name not in _UNIQUE]
        pq.write_table(
            documents, buffer, compression="zstd", compression_level=3, row_group_size=rows, use_dictionary=repeating
        )
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        if not self.shard_path(digest).exists():
            self.write(f"shards/{digest[:2]}/{digest}.parquet", data)
        return Shard(digest, documents.num_rows, tokens, size)

    def commit_folder(self, staged: Path, relative: str) -> bool:
        """Give a finished folder its name; says whether it did, or the name was taken."""
        target = self.path(relative)
        try:
            self.files.rename_folder(staged, target)
        except OSError:
            if target.exists():
                return False
            raise
        self.files.sync_folder(target.parent)
        return True

    def _write_synced(self, path: Path, data: bytes) -> None:
        with self.files.create(path) as file:
            self.files.write(file, data)
            self.files.sync(file)
