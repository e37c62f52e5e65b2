"""A release folder as it is read: on a local disk, or at any URL that fsspec knows. Never follows a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from anchor_pipeline.errors import DamagedData


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

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def open(self, name: str) -> BinaryIO:
        # Arrow's own file: Parquet is then read without the interpreter's lock.
        file: BinaryIO = pa.OSFile(str(self.path / name))
        return file


class RemoteFolder:
    """At a URL. Object stores have no folders of their own: one is there if something lies under it."""

    def __init__(self, filesystem: Any, root: str, url: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")
        self._url = url.rstrip("/")

    @property
    def url(self) -> str:
        return self._url

    def sizes(self) -> dict[str, int]:
        found = self.filesystem.find(self.root, detail=True)
        start = len(self.root) + 1
        return {name[start:]: int(entry["size"] or 0) for name, entry in found.items() if entry["type"] == "file"}

    def folders(self) -> list[str]:
        try:
            entries = self.filesystem.ls(self.root, detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in entries if entry["type"] == "directory")

    def within(self, name: str) -> RemoteFolder:
        return RemoteFolder(self.filesystem, f"{self.root}/{name}", f"{self._url}/{name}")

    def has(self, name: str) -> bool:
        return bool(self.filesystem.isfile(f"{self.root}/{name}"))

    def open(self, name: str) -> BinaryIO:
        file: BinaryIO = self.filesystem.open(f"{self.root}/{name}", "rb")
        return file


def folder_at(path: str | Path) -> Folder:
    """The folder at a local path or URL."""
    text = str(path)
    if "://" not in text:
        return LocalFolder(Path(text))
    import fsspec

    filesystem, root = fsspec.core.url_to_fs(text)
    if "file" in (filesystem.protocol if isinstance(filesystem.protocol, tuple) else (filesystem.protocol,)):
        return LocalFolder(Path(root))
    return RemoteFolder(filesystem, root, text)


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
