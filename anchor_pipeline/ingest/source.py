"""Ingest of one source: raw files to shards, incrementally. Only what is new or has changed is read.

Shards and quarantine files are written first, the snapshot that names them last, in one atomic step: a crash
at any moment leaves the old snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.snapshot import (
    RawFile,
    SourceSnapshot,
    Unit,
    Unreadable,
    canonical_digest,
    read_snapshot,
    write_snapshot,
)
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.files import Found, Listing, list_files
from anchor_pipeline.ingest.readers.base import Chunk, Reader, UnreadableFile, Wanted
from anchor_pipeline.ingest.readers.base import RawFile as LocalFile
from anchor_pipeline.ingest.readers.streams import SUFFIXES as COMPRESSIONS
from anchor_pipeline.ingest.settings import Settings, settings_of
from anchor_pipeline.project.models import Project

GROUP_BYTES = 64 * 1024 * 1024
"""Small files are ingested together up to this size; a larger file is a unit by itself."""

_GROUP_FILES = 4096
_EXPANSION = 8  # what a compressed file is taken to hold, for grouping

Progress = Callable[[str, int, int], None]
"""Called per file with its name, the bytes of the source done so far, and the bytes to do."""


def ingest_source(
    project: Project, name: str, store: Store, *, uri: str | None = None, progress: Progress | None = None
) -> SourceSnapshot:
    """Bring the snapshot of source `name` up to date with its raw files, and return it.

    `uri` stands in for the declared one where the files were made in the run (`generate`). Files that cannot
    be read are listed in the snapshot; the caller decides what becomes of the source. Raises UsageError for
    a source that cannot be read as declared.
    """
    source = project.sources[name]
    address = uri or source.uri
    if address is None:
        raise UsageError(f"source {name} is generated: write its text first, and pass where it lies")
    previous = read_snapshot(store, name)
    try:
        listing = list_files(address, project.root, source.format, source.modality)
    except UsageError as error:
        raise UsageError(f"source {name}: {error}") from None
    except UnreadableFile as error:
        settings = settings_of(project, name, source.format or "")
        return _publish(
            store, previous, SourceSnapshot(source=name, settings=settings.digest, unreadable=(_told(error),))
        )
    settings = settings_of(project, name, listing.reader.name)
    state = _State(previous if previous is not None and previous.settings == settings.digest else None)
    state.unreadable += [_told(error) for error in listing.broken]
    fresh = state.keep_known(listing.files)
    if fresh:
        _ingest(project, store, settings, listing, fresh, state, progress)
    return _publish(store, previous, state.snapshot(name, settings.digest))


@dataclass
class _State:
    """The snapshot in the making."""

    previous: SourceSnapshot | None
    files: list[RawFile] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def keep_known(self, found: Iterable[Found]) -> list[Found]:
        """Keep the files that are as they were; return the others."""
        fresh = []
        for file in found:
            old = self.known(file.name)
            if old is not None and file.version and (old.size, old.version) == (file.size, file.version):
                self.files.append(old)
            else:
                fresh.append(file)
        return fresh

    def known(self, path: str) -> RawFile | None:
        """The file as the previous snapshot has it."""
        if not hasattr(self, "_by_path"):
            self._by_path = {file.path: file for file in self.previous.files} if self.previous else {}
        return self._by_path.get(path)

    def snapshot(self, name: str, settings: str) -> SourceSnapshot:
        files = sorted(self.files, key=lambda file: file.path)
        live = {file.unit for file in files}
        old = self.previous.units if self.previous is not None else ()
        units = {unit.id: unit for unit in (*old, *self.units) if unit.id in live}
        broken = sorted(self.unreadable, key=lambda entry: (entry.path, entry.message))
        return SourceSnapshot(
            source=name, settings=settings, files=tuple(files), units=tuple(units.values()), unreadable=tuple(broken)
        )


def _ingest(
    project: Project,
    store: Store,
    settings: Settings,
    listing: Listing,
    fresh: list[Found],
    state: _State,
    progress: Progress | None,
) -> None:
    """Read the files that are new or may have changed, unit by unit."""
    # numba and duckdb load slowly, and are not needed where nothing has changed.
    from anchor_pipeline.ingest.filter import Where
    from anchor_pipeline.ingest.tokens import token_counter
    from anchor_pipeline.ingest.units import UnitWriter

    where = Where(settings.source, settings.where) if settings.where is not None else None
    counter = token_counter(project.tokens if settings.modality == "text" else "words", project.root)
    wanted = settings.wanted(where)
    bars = RecallFiles(store, project.root).bars()
    total, done = sum(file.size for file in fresh), 0
    for group in _groups(fresh):
        with store.temporary() as scratch:
            writer = UnitWriter(store, settings, where, counter, scratch, bars)
            read: dict[str, tuple[Found, str]] = {}
            for found in group:
                try:
                    with listing.local(found, store) as file:
                        sha256 = _sha256(file.path, found.name)
                        old = state.known(found.name)
                        if old is not None and old.sha256 == sha256:
                            state.files.append(old.model_copy(update={"version": found.version, "size": found.size}))
                            continue
                        for chunk in _chunks(listing.reader, file, wanted):
                            writer.add(found.name, chunk)
                        if not listing.unchanged(found):
                            raise UnreadableFile(
                                found.name, "it changed while it was read", "ingest again when it is whole"
                            )
                        writer.file_done(found.name)
                        read[found.name] = (found, sha256)
                except UnreadableFile as error:
                    writer.file_broken()
                    state.unreadable.append(_told(error))
                done += found.size
                if progress is not None:
                    progress(found.name, done, total)
            _close_unit(writer.finish(), writer.broken, read, settings, state)


def _chunks(reader: Reader, file: LocalFile, wanted: Wanted) -> Iterator[Chunk]:
    """What the reader yields; a disk or link that fails on the way makes the file unreadable."""
    chunks = iter(reader.read(file, wanted))
    while True:
        try:
            chunk = next(chunks, None)
        except OSError as error:
            raise UnreadableFile(file.name, f"cannot be read on: {error}", "check the disk, and ingest again") from None
        if chunk is None:
            return
        yield chunk


def _close_unit(
    finished: tuple[tuple[Any, ...], str | None, dict[str, Any]],
    broken: dict[str, UnreadableFile],
    read: dict[str, tuple[Found, str]],
    settings: Settings,
    state: _State,
) -> None:
    """Record a finished unit and its files."""
    shards, quarantine, counts = finished
    for name, error in broken.items():
        del read[name]
        state.unreadable.append(_told(error))
    if not read:
        return
    unit = canonical_digest({"settings": settings.digest, "files": {name: sha for name, (_, sha) in read.items()}})
    state.units.append(Unit(id=unit, files=tuple(read), shards=shards, quarantine=quarantine))
    for name, (found, sha256) in read.items():
        count = counts[name]
        state.files.append(
            RawFile(
                path=name,
                size=found.size,
                version=found.version,
                sha256=sha256,
                unit=unit,
                read=count.read,
                filtered=count.filtered,
                quarantined=dict(sorted(count.quarantined.items())),
            )
        )


def _groups(files: list[Found]) -> Iterator[list[Found]]:
    """Files in order, small ones together."""
    group: list[Found] = []
    held = 0
    for file in files:
        weight = file.size * (_EXPANSION if file.name.endswith(COMPRESSIONS) else 1)
        if group and (held + weight > GROUP_BYTES or len(group) >= _GROUP_FILES):
            yield group
            group, held = [], 0
        group.append(file)
        held += weight
    if group:
        yield group


def _sha256(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFile(
            name, f"cannot be opened: {error.strerror}", "check that it is there and may be read"
        ) from None


def _told(error: UnreadableFile) -> Unreadable:
    at = f"byte {error.offset}" if error.offset is not None else f"row {error.row}" if error.row is not None else None
    return Unreadable(path=error.path, offset=at, message=str(error))


def _publish(store: Store, previous: SourceSnapshot | None, snapshot: SourceSnapshot) -> SourceSnapshot:
    if snapshot != previous:
        write_snapshot(store, snapshot)
    return snapshot
