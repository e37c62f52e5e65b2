"""Files taken as they are, byte by byte: loose in a folder, or in a zip. Images and sounds come this way.

Columns: `payload` (the bytes), `path` (in the folder or zip), `name` and `folder` (its last part and the rest).
Nothing is ever unpacked to the disk; what a zip says of itself is checked before it is believed.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

import pyarrow as pa

from anchor_pipeline.ingest.readers.base import (
    BATCH_BYTES,
    KEPT_BYTES,
    ROW,
    Chunk,
    RawFile,
    Reject,
    UnreadableFile,
    Wanted,
    select_columns,
)

COLUMNS = ("payload", "path", "name", "folder")
MAX_MEMBERS = 1_000_000
# Pictures and sounds hardly compress; a zip that grows more than this is meant to harm.
_MAX_RATIO = 200
_FREE_BYTES = 64 * 1024 * 1024
_LOCAL_HEADER = 30  # bytes of a member's local header, without its name (APPNOTE.TXT 4.3.7)
_ENCRYPTED = 0x1
_REMEDY = "pack or fetch the file again"


def read_loose(file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
    """One chunk of one row: the file itself; over `max_bytes` it is rejected."""
    batch = _Batch(file, wanted)
    size = file.path.stat().st_size
    if size > wanted.max_bytes:
        with file.path.open("rb") as stream:
            batch.oversized(1, file.name, stream.read(KEPT_BYTES), size)
    else:
        batch.add(1, file.name, file.path.read_bytes())
    yield batch.take()


def read_zip(file: RawFile, wanted: Wanted, suffixes: tuple[str, ...]) -> Iterator[Chunk]:
    """The members with one of `suffixes`, in the order of the zip's directory; the raw row is the place there.

    Raises UnreadableFile for a damaged, encrypted or hostile zip. A member whose name leads outside the zip
    is rejected as `unsafe_name`, for somebody may once write files by these names.
    """
    batch = _Batch(file, wanted)
    prefix = "" if file.alone else f"{file.name}/"
    try:
        with zipfile.ZipFile(file.path) as archive:
            members = archive.infolist()
            _check_directory(file, members)
            for row, member in enumerate(members, 1):
                if member.is_dir() or not member.filename.lower().endswith(suffixes):
                    continue
                path = prefix + member.filename
                oversized = member.file_size > wanted.max_bytes
                with archive.open(member) as stream:
                    payload = stream.read(KEPT_BYTES if oversized else member.file_size)
                    # Reading to the end is what makes zipfile compare the checksum.
                    if not oversized and (len(payload) != member.file_size or stream.read(1)):
                        raise zipfile.BadZipFile(f"{member.filename} is not as long as declared")
                if _is_unsafe(member.filename):
                    detail = f"the name {member.filename!r} leads outside the zip"
                    batch.reject(Reject.of(row, "unsafe_name", detail, payload, id=path))
                elif oversized:
                    batch.oversized(row, path, payload, member.file_size)
                else:
                    batch.add(row, path, payload)
                if batch.held > BATCH_BYTES:
                    yield batch.take()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError, ValueError) as error:
        raise UnreadableFile(file.name, f"not a whole zip: {error}", _REMEDY, offset=_end_of_zip(file)) from None
    yield batch.take()


def _check_directory(file: RawFile, members: list[zipfile.ZipInfo]) -> None:
    size = file.path.stat().st_size
    total = sum(member.file_size for member in members)
    problem = ""
    if len(members) > MAX_MEMBERS:
        problem = f"it has {len(members)} members, more than {MAX_MEMBERS}"
    elif total > _FREE_BYTES and total > _MAX_RATIO * size:
        problem = f"it expands more than {_MAX_RATIO} times, to {total} bytes"
    encrypted = next((member.filename for member in members if member.flag_bits & _ENCRYPTED), None)
    if encrypted is not None:
        problem = f"its member {encrypted!r} is encrypted"
    # Members that share their bytes are how a small zip expands without end (Fifield, WOOT 2019).
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise UnreadableFile(
                file.name,
                f"its member {member.filename!r} overlaps another",
                "do not use it",
                offset=member.header_offset,
            )
        end = member.header_offset + _LOCAL_HEADER + member.compress_size
    if problem:
        raise UnreadableFile(file.name, problem, "if it is not an attack, unpack it and declare the folder")


def _is_unsafe(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name


def _end_of_zip(file: RawFile) -> int:
    """Byte where the end record stands, or ends the search for it."""
    with file.path.open("rb") as stream:
        size = stream.seek(0, 2)
        start = stream.seek(max(0, size - 65_557))  # 22 bytes of record, up to 65,535 of comment
        at = stream.read().rfind(b"PK\x05\x06")
    return start + at if at >= 0 else size


class _Batch:
    """Rows gathered for the next chunk."""

    def __init__(self, file: RawFile, wanted: Wanted) -> None:
        self._names = select_columns(file, wanted, COLUMNS)
        self._max_bytes = wanted.max_bytes
        self._clear()

    def _clear(self) -> None:
        self._rows: list[int] = []
        self._paths: list[str] = []
        self._payloads: list[bytes] = []
        self._rejects: list[Reject] = []
        self.held = 0

    def add(self, row: int, path: str, payload: bytes) -> None:
        self._rows.append(row)
        self._paths.append(path)
        self._payloads.append(payload)
        self.held += len(payload)

    def oversized(self, row: int, path: str, head: bytes, size: int) -> None:
        detail = f"{size} bytes, more than max_bytes = {self._max_bytes}"
        self.reject(Reject(row, "oversized", detail, head, size, path))

    def reject(self, reject: Reject) -> None:
        self._rejects.append(reject)
        self.held += len(reject.content)

    def take(self) -> Chunk:
        columns = {
            "payload": pa.array(self._payloads, pa.large_binary()),
            "path": pa.array(self._paths, pa.large_string()),
            "name": pa.array([path.rpartition("/")[2] for path in self._paths], pa.large_string()),
            "folder": pa.array([path.rpartition("/")[0] for path in self._paths], pa.large_string()),
        }
        arrays = [*(columns[name] for name in self._names), pa.array(self._rows, pa.int64())]
        chunk = Chunk(pa.RecordBatch.from_arrays(arrays, names=[*self._names, ROW]), tuple(self._rejects))
        self._clear()
        return chunk
