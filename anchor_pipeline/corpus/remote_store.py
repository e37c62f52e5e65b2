"""A store at a URL. The remote files are the authority; all computing is done on copies in a cache folder.

Shards never change: one that is in the cache is not fetched again. Of every other file the version is asked
before each use, and the copy lies in a folder named for the version, so that an old copy is never taken for the
current file, whoever shares the cache. The cache can be deleted whenever nothing runs.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.remote import Remote
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, Unavailable, UsageError

_FETCHES = 8
"""Shards fetched at once."""

_TRIES = 5
_KEPT_SECONDS = 24 * 3600
"""Superseded copies stay this long: a process that shares the cache may still read them."""


class RemoteStore(Store):
    """The files of one project, at a URL. `root` is the cache folder."""

    def __init__(self, remote: Remote, cache: Path, files: LocalFiles | None = None) -> None:
        super().__init__(cache, files)
        self.remote = remote

    @classmethod
    def open(cls, url: str) -> RemoteStore:
        """The store at a URL, with the cache folder of that URL on this machine."""
        remote = Remote(url)
        return cls(remote, cache_folder(remote.url))

    def address_of(self, relative: str) -> str:
        return f"{self.remote.url}/{self._name(relative)}"

    def local(self, relative: str) -> Path:
        """A copy of the file as it is now. DamagedData if it is not there."""
        name = self._name(relative)
        for _ in range(_TRIES):
            stat = self.remote.stat(name)
            if stat is None:
                raise self._missing(name)
            target = self._copy_of(name, stat.version)
            if stat.version and target.exists():
                return target
            with self.temporary() as copy:
                # Asked again afterwards: what was fetched meanwhile may be of another version.
                fetched = self.remote.fetch(name, copy) and self.remote.stat(name) == stat
                if fetched and copy.stat().st_size == stat.size:
                    return self._keep(copy, target)
        raise Unavailable(f"{self.address_of(name)}: changes, or breaks off, whenever it is fetched; run it again")

    def local_shard(self, digest: str) -> Path:
        """A copy of the shard. DamagedData if it is not there, or is not what its name says."""
        path = self.shard_path(digest)
        if path.exists():
            return path
        name = self._name(path)
        with self.temporary() as copy:
            if not self.remote.fetch(name, copy):
                raise DamagedData(
                    f"{self.address_of(name)}: the shard is missing; restore it, or ingest its source again"
                )
            with copy.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                raise DamagedData(
                    f"{self.address_of(name)}: the shard is damaged (its bytes have digest {found}); restore it, or "
                    "ingest its source again"
                )
            return self._keep(copy, path)

    def local_shards(self, digests: Sequence[str]) -> list[Path]:
        with ThreadPoolExecutor(_FETCHES) as pool:
            return list(pool.map(self.local_shard, digests))

    def exists(self, relative: str) -> bool:
        return self.remote.stat(self._name(relative)) is not None

    def list(self, relative: str) -> list[str]:
        return self.remote.names(self._name(relative))

    def read(self, relative: str) -> bytes:
        data = self.find(relative)
        if data is None:
            raise self._missing(self._name(relative))
        return data

    def find(self, relative: str) -> bytes | None:
        return self.remote.read(self._name(relative))

    def write(self, relative: str, data: bytes) -> None:
        """Write a whole file. Raises Unavailable if that cannot be done now; the old file stays then."""
        self.remote.put(self._name(relative), data)

    def write_new(self, relative: str, data: bytes) -> bool:
        """Write a whole file unless the name is taken; says whether it has these bytes now."""
        return self.remote.create(self._name(relative), data) != "other"

    def remove(self, relative: str) -> None:
        self.remote.remove(self._name(relative))
        self.forget_copies(relative)

    def forget_copies(self, relative: str) -> None:
        self.files.remove(self._copy_of(self._name(relative), "").parent.parent)
        if relative.startswith("shards/"):
            self.files.remove(self.path(relative))

    def adopt(self, finished: Path, relative: str) -> Path:
        """Give a finished file its name. Raises Unavailable if that cannot be done now; the old file stays then."""
        name = self._name(relative)
        version = self.remote.put(name, finished)
        return self._keep(finished, self._copy_of(name, version or f"unknown-{os.getpid()}-{time.monotonic_ns()}"))

    def commit_folder(self, staged: Path, relative: str) -> bool:
        raise UsageError(f"{self.address_of(relative)}: an object store has no folders that could be renamed")

    def _keep_shard(self, digest: str, data: bytes) -> None:
        path = self.shard_path(digest)
        if not path.exists():
            super().write(self._name(path), data)
        name = self._name(path)
        stat = self.remote.stat(name)
        if stat is None or stat.size != len(data):
            self.remote.put(name, path)

    def _keep(self, finished: Path, target: Path) -> Path:
        """Put a copy into the cache, its bytes on the disk before its name is there."""
        with self.files.create(finished, append=True) as file:
            self.files.sync(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.files.replace(finished, target)
        self._forget_old(target)
        return target

    def _forget_old(self, target: Path) -> None:
        """Remove superseded copies of the same file. Only space is at stake, so failing is no error."""
        versions = target.parent.parent
        if target.is_relative_to(self.root / "shards"):
            return
        for other in versions.iterdir():
            try:
                if other != target.parent and time.time() - other.stat().st_mtime > _KEPT_SECONDS:
                    self.files.remove(other)
            except OSError:
                continue

    def _copy_of(self, name: str, version: str) -> Path:
        folder = hashlib.sha256(version.encode()).hexdigest()[:24]
        # The folders of versions are apart from names that go on: a/b and a/b/c may both be files.
        return self.root / "named" / f"{name}.versions" / folder / name.rpartition("/")[2]

    def _name(self, relative: str | Path) -> str:
        name = self.path(str(relative)).relative_to(self.root).as_posix()
        return "" if name == "." else name

    def _missing(self, name: str) -> DamagedData:
        return DamagedData(f"{self.address_of(name)}: is not there; build the step that writes it again")


def cache_folder(url: str) -> Path:
    """Where copies of a store's files are kept: below ANCHOR_CACHE, or in the user's cache folder."""
    base = os.environ.get("ANCHOR_CACHE")
    if base is None:
        base = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anchor_pipeline")
    folder = Path(base).absolute() / hashlib.sha256(url.encode()).hexdigest()[:24]
    # Not for other users of the machine: it holds the documents themselves.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
