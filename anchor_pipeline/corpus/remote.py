"""The files of a store at a URL: the few operations that talk to the storage, over any fsspec file system.

Everything remote goes through them, so faults can be tried here. A single object appears whole or not at all,
and what one writer has written the next reader sees: S3, Google Cloud Storage and Azure promise both.
"""

from __future__ import annotations

import errno
import hashlib
import inspect
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from anchor_pipeline.corpus.storage_errors import reaching, storage_error
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project.addresses import without_credentials

STAMPS = ("ETag", "etag", "md5Hash", "md5", "checksum", "mtime", "LastModified", "last_modified", "updated", "created")
"""What file systems call that which tells without reading whether a file has changed."""

_S3_PART = 50 * 1024 * 1024
"""s3fs uploads in parts of this size, unless there were more than ten thousand of them."""

ONE_PUT = 2 * _S3_PART - 1
"""Files up to this size go in one request, larger ones in parts: what s3fs does as well."""

_CONFLICTS = 5
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}


Created = Literal["created", "same", "other"]


@dataclass(frozen=True)
class Stat:
    """A file as the storage has it. `version` changes when the file does; empty if that cannot be told."""

    size: int
    version: str


class Remote:
    """A folder at a URL. Names are relative to it. Raises UsageError and Unavailable (see storage_errors)."""

    def __init__(self, url: str) -> None:
        self.url = without_credentials(url).rstrip("/")
        self._opened: tuple[int, Any, str] | None = None
        # s3fs reads a large file in ranges, which may be of several versions of it.
        self._in_one_go = {"max_concurrency": 1} if urlsplit(url).scheme in ("s3", "s3a") else {}

    @property
    def filesystem(self) -> Any:
        """The fsspec file system."""
        return self._open()[0]

    @property
    def root(self) -> str:
        """The folder within the file system."""
        return self._open()[1]

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if it is not there."""
        try:
            with reaching(f"{self.url}/{name}", "read"):
                return bytes(self.filesystem.cat_file(self._at(name), **self._in_one_go))
        except FileNotFoundError:
            return None

    def stat(self, name: str) -> Stat | None:
        """Size and version of a file; None if it is not there."""
        try:
            with reaching(f"{self.url}/{name}", "read"):
                info = self.filesystem.info(self._at(name))
        except FileNotFoundError:
            return None
        return Stat(int(info.get("size") or 0), version_of(info)) if info.get("type") == "file" else None

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders directly in a folder, sorted; empty if it is not there."""
        place = self._at(folder)
        try:
            with reaching(f"{self.url}/{folder}", "listed"):
                entries = self.filesystem.ls(place, detail=True)
        except FileNotFoundError:
            return []
        found = {str(entry["name"]).strip("/").removeprefix(f"{place.strip('/')}/") for entry in entries}
        return sorted(name for name in found if "/" not in name)

    def sizes(self, folder: str) -> dict[str, int]:
        """All files under a folder, by their names in it, with their sizes."""
        place = self._at(folder)
        with reaching(f"{self.url}/{folder}", "listed"):
            found = self.filesystem.find(place, detail=True)
        start = len(place.strip("/")) + 1
        return {name.strip("/")[start:]: int(entry.get("size") or 0) for name, entry in found.items()}

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a file to `target`, a path of this machine; says whether it was there."""
        try:
            with reaching(f"{self.url}/{name}", "fetched"):
                self.filesystem.get_file(self._at(name), str(target))
        except FileNotFoundError:
            return False
        return True

    def put(self, name: str, source: Path | bytes) -> str:
        """Write a whole file (bytes, or a path of this machine); its version, where that is surely of these bytes."""
        place = self._at(name)
        try:
            with reaching(f"{self.url}/{name}", "written"):
                size = len(source) if isinstance(source, bytes) else source.stat().st_size
                if isinstance(source, bytes) or size <= ONE_PUT:
                    data = source if isinstance(source, bytes) else source.read_bytes()
                    return _version_put(self.filesystem.pipe_file(place, data), size)
                self.filesystem.put_file(str(source), place)
        except FileNotFoundError as error:
            raise storage_error(error, self.url, "written") from None
        stat = self.stat(name)
        # Another writer may have come between: the version is ours only if it is made of our bytes.
        return stat.version if stat is not None and stat.version == f"{_multipart_etag(source)}-{size}" else ""

    def create(self, name: str, data: bytes) -> Created:
        """Write a whole file unless the name is taken; says whose bytes it has now.

        Of several writers with other bytes exactly one succeeds (a conditional put). "same": it had these bytes
        already, from another writer, or from a request of ours that is repeated because its answer was lost.
        UsageError if the storage has no such operation.
        """
        for left in reversed(range(_CONFLICTS)):
            try:
                if self._create(name, data):
                    return "created"
                return "same" if self.read(name) == data else "other"
            except BlockingIOError:
                if left == 0:
                    raise storage_error(OSError("others write it"), f"{self.url}/{name}", "written") from None
                time.sleep(0.05)
        raise AssertionError("unreachable")

    def refuses_taken(self, name: str, data: bytes) -> bool:
        """Whether the storage refuses to create a name that is taken, by a file with the bytes `data`.

        Servers that do not know the condition ignore it: every one of several writers would believe it had won.
        """
        return not self._create(name, data)

    def remove(self, name: str) -> None:
        """Remove a file; nothing if it is not there."""
        try:
            with reaching(f"{self.url}/{name}", "removed"):
                self.filesystem.rm_file(self._at(name))
        except FileNotFoundError:
            pass

    def _create(self, name: str, data: bytes) -> bool:
        """Whether the name was free. BlockingIOError if two writers met, and the storage decided for neither."""
        if not _creates(type(self.filesystem)):
            raise _no_condition(self.url)
        try:
            with reaching(f"{self.url}/{name}", "written"):
                try:
                    self.filesystem.pipe_file(self._at(name), data, mode="create")
                except OSError as error:
                    if _status(error) == 409:
                        raise _Conflict from None
                    if error.errno == errno.ENOSYS:
                        raise _no_condition(self.url) from None
                    raise
                except (NotImplementedError, ValueError, TypeError):
                    raise _no_condition(self.url) from None
        except FileExistsError as error:
            if isinstance(error, _Conflict):
                raise BlockingIOError from None
            return False
        except FileNotFoundError as error:
            raise storage_error(error, self.url, "written") from None
        return True

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}" if name and name != "." else self.root

    def _open(self) -> tuple[Any, str]:
        # The connections of a parent process cannot be used in a fork of it.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), *open_url(self.url))
        return self._opened[1:]


class _Conflict(FileExistsError):
    """The storage asks to try again: another conditional put of the name was under way."""


def open_url(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it, nothing of it kept from earlier listings."""
    import fsspec

    with reaching(without_credentials(url), "opened"):
        options = {"use_listings_cache": False} if urlsplit(url).scheme in _OBJECT_STORES else {}
        system, path = fsspec.core.url_to_fs(url, **options)
        system.invalidate_cache()
        return system, str(path).rstrip("/")


def version_of(info: Any) -> str:
    """The version of a file from what its file system tells of it."""
    stamp = next((str(info[key]) for key in STAMPS if info.get(key)), "").strip('"')
    return f"{stamp}-{int(info.get('size') or 0)}" if stamp else ""


def _version_put(answer: Any, size: int) -> str:
    return version_of({**answer, "size": size}) if isinstance(answer, dict) and answer.get("ETag") else ""


def _multipart_etag(path: Path) -> str:
    """The entity tag that S3 gives to a file uploaded in parts: MD5 of the MD5s of the parts, and their number."""
    sums = []
    with path.open("rb") as file:
        while part := file.read(_S3_PART):
            sums.append(hashlib.md5(part, usedforsecurity=False).digest())
    return f"{hashlib.md5(b''.join(sums), usedforsecurity=False).hexdigest()}-{len(sums)}"


def _creates(kind: type) -> bool:
    """Whether a file system has a conditional put of its own; the one it would inherit looks first and writes then."""
    own: Any = getattr(kind, "_pipe_file", None) or kind.pipe_file  # type: ignore[attr-defined]
    return not own.__module__.startswith(("fsspec.spec", "fsspec.asyn")) and "mode" in inspect.signature(own).parameters


def _no_condition(url: str) -> UsageError:
    return UsageError(
        f"{url}: this storage has no conditional put, so two runs could both release; use S3 or Google Cloud Storage, "
        "or a store on a local disk"
    )


def _status(error: OSError) -> int | None:
    """The HTTP status behind an error of s3fs."""
    answer = getattr(error.__cause__, "response", None)
    return answer.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(answer, dict) else None
