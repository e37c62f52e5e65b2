"""The raw files of a source: listed by its uri over any fsspec file system, and brought to where they can be read.

Names are relative to the uri's folder, so that records are the same on every machine, and hold no credentials.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.readers import guess_reader, reader_named, reads
from anchor_pipeline.ingest.readers.base import RawFile, Reader, UnreadableFile
from anchor_pipeline.project.addresses import redacted, without_credentials

NOT_LISTED = "cannot be listed"
NOT_FETCHED = "cannot be fetched"
"""What is said of files that may be there when they are asked for again."""

_USER = re.compile(r"//[^/@\s]+@")
_QUERY = re.compile(r"(?<=[\w/.-])\?[^\s'\")]+")
_MAGIC = re.compile(r"[*?\[]")
_STAMPS = ("ETag", "etag", "md5Hash", "md5", "checksum", "mtime", "LastModified", "last_modified", "updated", "created")
_COPY_BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Found:
    """A raw file as listed. `version` changes when the file does (empty: cannot be told without reading)."""

    name: str
    location: str
    size: int
    version: str


@dataclass(frozen=True)
class Listing:
    """The raw files of a source, by name, the reader for them, and files that should be there but are not."""

    reader: Reader
    files: tuple[Found, ...]
    broken: tuple[UnreadableFile, ...]
    alone: bool
    system: Any

    @contextmanager
    def local(self, found: Found, store: Store) -> Iterator[RawFile]:
        """`found` as a local file: itself, or a copy for as long as it is needed. Raises UnreadableFile."""
        if isinstance(self.system, LocalFileSystem):
            yield RawFile(found.name, Path(found.location), self.alone)
            return
        with store.temporary() as copy:
            try:
                with self.system.open(found.location, "rb") as remote, copy.open("wb") as local:
                    while block := remote.read(_COPY_BLOCK):
                        local.write(block)
            except Exception as error:  # each file system has errors of its own
                raise UnreadableFile(found.name, f"{NOT_FETCHED}: {_told(error)}", "check address and access") from None
            yield RawFile(found.name, copy, self.alone)

    def unchanged(self, found: Found) -> bool:
        """Whether the file is still the one that was listed."""
        if not isinstance(self.system, LocalFileSystem):
            return True  # what is read is a copy
        return _local_stamp(found.location) == (found.size, found.version)


def list_files(uri: str, root: Path, declared_format: str | None, modality: str) -> Listing:
    """The raw files that `uri` names: a file, a folder (all files of the format in it) or a glob with * and **.

    Relative paths start at `root`. Raises UsageError if the uri cannot be used or the format not be told,
    UnreadableFile if there are no files.
    """
    system, path = _open_system(uri, root)
    shown = without_credentials(uri)
    try:
        base, infos, is_folder = _infos(system, path)
    except Exception as error:  # each file system has errors of its own
        raise UnreadableFile(shown, f"{NOT_LISTED}: {_told(error)}", "check address and access") from None
    names = {_relative(location, base): info for location, info in infos.items()}
    if not names:
        raise UnreadableFile(
            shown, "there is no such file or folder, or nothing in it", "correct `uri`, or add the files"
        )
    reader = reader_named(declared_format) if declared_format else guess_reader(names, modality)
    broken: list[UnreadableFile] = []
    if is_folder:
        chosen = {name for name in names if reads(reader, name) and not _is_hidden(name)}
        if reader.name == "arrow":
            _follow_datasets(system, base, names, chosen, broken)
    else:
        chosen = set(names)
    if not chosen and not broken:
        raise UnreadableFile(shown, f"no file of format {reader.name} there", "correct `uri`, or add the files")
    files = tuple(_found(system, name, names[name]) for name in sorted(chosen))
    alone = not is_folder and not _MAGIC.search(path)
    return Listing(reader, files, tuple(broken), alone, system)


def _open_system(uri: str, root: Path) -> tuple[Any, str]:
    if "://" not in uri:
        return LocalFileSystem(), str((root / uri).absolute())
    try:
        system, path = fsspec.core.url_to_fs(uri)
        # Systems are shared within a process, and one that lives long would see the listing of an earlier run.
        system.invalidate_cache()
        return system, str(path)
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"uri {without_credentials(uri)}: {_told(error)}; install the fsspec file system for it, or correct it"
        ) from None


def _infos(system: Any, path: str) -> tuple[str, dict[str, Any], bool]:
    """(folder that names are relative to, location -> info, whether the whole folder is meant)."""
    path = path.rstrip("/") or path
    if system.isfile(path):
        return path.rpartition("/")[0], {path: system.info(path)}, False
    if system.isdir(path):
        return path, system.find(path, detail=True), True
    magic = _MAGIC.search(path)
    if magic is None:
        return path, {}, False
    found = system.glob(path, detail=True)
    files = {location: info for location, info in found.items() if info.get("type") != "directory"}
    return path[: magic.start()].rpartition("/")[0], files, False


def _relative(location: str, base: str) -> str:
    name = location.removeprefix(base).lstrip("/")
    return name.partition("?")[0] if location.startswith(("http://", "https://")) else name


def _told(error: Exception) -> str:
    """What an error says, without the credentials of addresses in it."""
    text = redacted(_USER.sub("//", _QUERY.sub("", str(error)))).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _found(system: Any, name: str, info: Any) -> Found:
    location = str(info["name"])
    if isinstance(system, LocalFileSystem):
        size, version = _local_stamp(location)
        return Found(name, location, size, version)
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key)), "")
    return Found(name, location, int(info.get("size") or 0), stamp)


def _local_stamp(location: str) -> tuple[int, str]:
    """(size, version). Inode and change time too: a file can be replaced by one with an old modification time."""
    try:
        stat = Path(location).stat()
    except OSError:
        return 0, ""  # a dangling link; reading it will say so
    return stat.st_size, f"{stat.st_mtime_ns}-{stat.st_ctime_ns}-{stat.st_ino}"


def _follow_datasets(
    system: Any, base: str, names: dict[str, Any], chosen: set[str], broken: list[UnreadableFile]
) -> None:
    """In folders of Hugging Face's `save_to_disk`, take the files that state.json lists: others are caches."""
    for state in sorted(name for name in names if name.rpartition("/")[2] == "state.json"):
        folder = state.removesuffix("state.json")
        try:
            record = json.loads(system.cat_file(f"{base}/{state}"))
            listed = {folder + str(entry["filename"]) for entry in record["_data_files"]}
        except (ValueError, KeyError, TypeError, OSError) as error:
            broken.append(
                UnreadableFile(state, f"not the state of a saved dataset: {error!r}", "save the dataset again")
            )
            continue
        chosen -= {name for name in chosen if name.startswith(folder) and "/" not in name[len(folder) :]} - listed
        for name in sorted(listed - set(names)):
            broken.append(UnreadableFile(name, f"listed in {state}, but not there", "fetch the dataset again"))
