"""The store: content-addressed shards, and named files that are replaced atomically.

`Store` is one in a folder of this machine; remote_store.RemoteStore is one at a URL, with the same methods.

shards/ab/abcd….parquet       documents, named by the SHA-256 of the file
sources/<name>/…              snapshots: which shards make up a source
quarantine/<source>/…         rows that could not be used, with the reason
facts/<set>/ab/abcd….parquet  what was measured of each row of a shard
corpus/<cycle>/…              one row of metadata per document
selection/<stage>/<cycle>/…   chosen ids in training order, plan and verdict
mix/<stage>/<cycle>/<n>/…     releases
lineage/…                     OpenLineage events, and what became of them
data_docs/…                   Great Expectations
tmp/…                         half-written things; safe to delete when nothing runs
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.project.addresses import is_url

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
    """The files of one project. Names are relative to its root, with / between the parts."""

    def __init__(self, root: str | Path, files: LocalFiles | None = None) -> None:
        self.root = Path(root).absolute()
        self.files = files or LocalFiles()

    @staticmethod
    def at(address: str | Path) -> Store:
        """The store at a path of this machine, or at a URL. UsageError if nothing is installed for such URLs."""
        text = str(address)
        if not is_url(text):
            return Store(text)
        from anchor_pipeline.corpus.remote_store import RemoteStore

        return RemoteStore.open(text)

    def address_of(self, relative: str) -> str:
        """What to call a file or folder of the store: its absolute path, or its URL."""
        return str(self.path(relative))

    def local(self, relative: str) -> Path:
        """A path of this machine at which the file can be read as it is now; fetched there if need be."""
        return self.path(relative)

    def local_shard(self, digest: str) -> Path:
        """A path of this machine at which a shard can be read; its stem is the digest."""
        return self.shard_path(digest)

    def local_shards(self, digests: Sequence[str]) -> list[Path]:
        """`local_shard` of each; several are fetched at once."""
        return [self.local_shard(digest) for digest in digests]

    def path(self, relative: str) -> Path:
        """The place of a file in the folder of the store; read it at `local`. ValueError if that is outside."""
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

    def find(self, relative: str) -> bytes | None:
        """The bytes of a file, or None if there is none of that name; DamagedData if it cannot be read."""
        return self.read(relative) if self.exists(relative) else None

    def write(self, relative: str, data: bytes) -> None:
        """Write a whole file, atomically."""
        target = self.path(relative)
        with self.temporary() as temporary:
            self._write_synced(temporary, data)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.files.replace(temporary, target)
            self.files.sync_folder(target.parent)

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

    def remove(self, relative: str) -> None:
        """Remove a file, and copies of it on this machine; nothing if it is not there."""
        self.files.remove(self.path(relative))

    def forget_copies(self, relative: str) -> None:
        """Remove the copies that this machine keeps of a file that lies elsewhere, those of its past as well."""

    def adopt(self, finished: Path, relative: str) -> Path:
        """Give a finished file its name, atomically, its bytes on the disk first."""
        target = self.path(relative)
        with self.files.create(finished, append=True) as file:
            self.files.sync(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.files.replace(finished, target)
        self.files.sync_folder(target.parent)
        return target

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
        self._keep_shard(digest, data)
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

    def _keep_shard(self, digest: str, data: bytes) -> None:
        path = self.shard_path(digest)
        if not path.exists():
            self.write(str(path.relative_to(self.root)), data)

    def _write_synced(self, path: Path, data: bytes) -> None:
        with self.files.create(path) as file:
            self.files.write(file, data)
            self.files.sync(file)
