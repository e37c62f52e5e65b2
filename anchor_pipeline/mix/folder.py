"""A release folder as it is read: on a local disk, or at any URL that fsspec knows. Never follows a link."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa

from anchor_pipeline.corpus.remote import open_url
from anchor_pipeline.corpus.storage_errors import reaching
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.project.addresses import is_url, local_path, without_credentials


class Folder(Protocol):
    """A folder; names inside it are relative, with / between the parts."""

    @property
    def url(self) -> str:
        """What to call it in messages."""

    def sizes(self) -> dict[str, int]:
        """All files under it, with their sizes. DamagedData for links and whatever else is no plain file."""

    def folders(self) -> list[str]:
        """Names of the folders directly in it."""

    def within(self, name: str) -> Folder:
        """A folder in it."""

    def above(self) -> tuple[Folder, str]:
        """The folder that it lies in, and its name there."""

    def has(self, name: str) -> bool:
        """Whether a file is there."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading. OSError if that cannot be done."""


class LocalFolder:
    """On a file system of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        return str(self.path)

    def sizes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        self._walk(self.path, "", found)
        return found

    def _walk(self, folder: Path, prefix: str, found: dict[str, int]) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(mode.st_mode):
                    self._walk(Path(entry.path), f"{prefix}{entry.name}/", found)
                elif stat.S_ISREG(mode.st_mode):
                    found[prefix + entry.name] = mode.st_size
                else:
                    raise DamagedData(f"{entry.path}: a link or special file; a release has plain files only")

    def folders(self) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir() if entry.is_dir()) if self.path.is_dir() else []

    def within(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name)

    def above(self) -> tuple[LocalFolder, str]:
        path = self.path.absolute()
        return LocalFolder(path.parent), path.name

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def open(self, name: str) -> BinaryIO:
        # Arrow's own file: Parquet is then read without the interpreter's lock.
        file: BinaryIO = pa.OSFile(str(self.path / name))
        return file


class RemoteFolder:
    """At a URL. Object stores have no folders of their own: one is there if something lies under it.

    Raises Unavailable and UsageError (see corpus.storage_errors) where the storage cannot be reached: that says
    nothing about the release.
    """

    def __init__(self, filesystem: Any, root: str, url: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")
        self._url = without_credentials(url).rstrip("/")

    @property
    def url(self) -> str:
        return self._url

    def sizes(self) -> dict[str, int]:
        with reaching(self._url, "listed"):
            found = self.filesystem.find(self.root, detail=True)
        start = len(self.root) + 1
        return {name[start:]: int(entry["size"] or 0) for name, entry in found.items() if entry["type"] == "file"}

    def folders(self) -> list[str]:
        try:
            with reaching(self._url, "listed"):
                entries = self.filesystem.ls(self.root, detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in entries if entry["type"] == "directory")

    def within(self, name: str) -> RemoteFolder:
        return RemoteFolder(self.filesystem, f"{self.root}/{name}", f"{self._url}/{name}")

    def above(self) -> tuple[RemoteFolder, str]:
        root, _, name = self.root.rpartition("/")
        return RemoteFolder(self.filesystem, root, self._url.rpartition("/")[0]), name

    def has(self, name: str) -> bool:
        try:
            with reaching(f"{self._url}/{name}", "read"):
                return bool(self.filesystem.info(f"{self.root}/{name}")["type"] == "file")
        except FileNotFoundError:
            return False

    def open(self, name: str) -> BinaryIO:
        with reaching(f"{self._url}/{name}", "read"):
            file = self.filesystem.open(f"{self.root}/{name}", "rb")
        return cast(BinaryIO, _RemoteFile(file, f"{self._url}/{name}"))


class _RemoteFile(io.RawIOBase):
    """A remote file that tells of its errors as RemoteFolder does."""

    def __init__(self, file: Any, place: str) -> None:
        self._file, self._place = file, place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def read(self, size: int | None = -1) -> bytes:
        with reaching(self._place, "read"):
            return bytes(self._file.read(-1 if size is None else size))

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def folder_at(path: str | Path) -> Folder:
    """The folder at a local path or URL."""
    text = str(path)
    if not is_url(text):
        return LocalFolder(Path(text))
    local = local_path(text)
    return LocalFolder(local) if local is not None else RemoteFolder(*open_url(text), text)


def read_file(folder: Folder, name: str, limit: int | None = None) -> bytes:
    """All bytes of a file; DamagedData if it is missing, unreadable, or longer than `limit`."""
    try:
        with folder.open(name) as file:
            data = file.read() if limit is None else file.read(limit + 1)
    except OSError as error:
        raise DamagedData(
            f"{folder.url}/{name}: cannot be read ({error.strerror or error}); restore the release"
        ) from None
    if limit is not None and len(data) > limit:
        raise DamagedData(f"{folder.url}/{name}: longer than the {limit} bytes it should have; restore the release")
    return data


def start_of_file(folder: Folder, name: str, size: int) -> bytes:
    """The first bytes of a file; none if it is missing or unreadable."""
    try:
        with folder.open(name) as file:
            return bytes(file.read(size))
    except OSError:
        return b""
