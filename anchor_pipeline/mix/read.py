"""Read a released mix: verified first, then as Arrow batches, a Polars frame or rows, from any position, on any rank.

    mix = open_mix("store/mix/pretrain/2021")
    for batch in mix.batches(rank=rank, world_size=world_size, start=position):
        ...

Positions are row numbers in training order. Of `world_size` readers, reader `rank` has the rows whose position is
`rank` modulo `world_size`, so at every step all of them together have read a prefix of the mix, and every prefix of
a mix holds the declared shares.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.custody.key_files import read_public
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.errors import AnchorError, DamagedData, Refused, UsageError
from anchor_pipeline.mix.checks import (
    Check,
    check_hashes,
    check_names,
    check_selection,
    check_verdict,
    read_manifest,
)
from anchor_pipeline.mix.custody import check_custody_of
from anchor_pipeline.mix.folder import Folder, LocalFolder, RemoteFolder, folder_at, read_file
from anchor_pipeline.mix.manifest import VERDICT, Manifest
from anchor_pipeline.mix.newest import newer_revision, newest_release
from anchor_pipeline.mix.recalled import must_not_be_recalled
from anchor_pipeline.rules.verdict import Verdict

if TYPE_CHECKING:
    import polars as pl

_log = logging.getLogger(__name__)

Verification = Literal["full", "quick"]

_READ_ROWS = 8_192
"""Rows decoded in one go."""


def open_mix(
    path: str | Path,
    *,
    verify: Verification = "full",
    root: str | Path | None = None,
    allow_recalled: bool = False,
) -> Mix:
    """Verify a released mix and open it.

    Args:
        path: folder of a release, local or any fsspec URL; or of a cycle (its newest revision is opened), or of a
            stage (the newest cycle).
        verify: "full" hashes every file (about a gigabyte a second and core) and checks that the rows are those
            that were judged. "quick" reads everything but the content of the parts, of which it compares names,
            sizes and row counts, and does not go through the lists of documents and credentials: for the other ranks
            of a job whose first rank opened the mix in full, say. A damaged byte inside a part is then found only if
            it breaks the Parquet file.
        root: file of the root key you trust (`root.pub.json`): the release has to carry a chain of custody that begins
            with it. Without one a chain that the release carries is checked all the same, but vouches for itself only.
        allow_recalled: open a recalled release all the same, with a warning: to find out what it did, never to train.

    Raises:
        DamagedData: not a release, or a file of it is missing, altered or does not belong there.
        Refused: the verdict in it is not a pass, or the release was recalled.
        UsageError: `verify` is neither.

    """
    if verify not in ("full", "quick"):
        raise UsageError(f"verify={verify!r}: expected 'full' or 'quick'")
    given = folder_at(path)
    folder = newest_release(given)
    manifest = read_manifest(folder)
    must_not_be_recalled(folder, manifest, allow=allow_recalled)
    trusted = None if root is None else read_public(Path(root))
    custody = check_custody_of(folder, manifest, trusted, lists=verify == "full")
    for check in chain(_checks(folder, manifest, verify), custody):
        if not check.ok:
            kind: type[AnchorError] = Refused if check.refused else DamagedData
            advice = "it must not be used" if check.refused else "restore the release, or build it again"
            raise kind(f"{folder.url}: {check.what}: {check.detail}; {advice}")
    mix = Mix(folder, manifest, allow_recalled=allow_recalled)
    if folder is given and mix.superseded_by is not None:
        _log.warning("%s is superseded by revision %d of its cycle", folder.url, mix.superseded_by)
    return mix


def _checks(folder: Folder, manifest: Manifest, verify: Verification) -> Iterator[Check]:
    yield from check_names(folder, manifest)
    yield from check_hashes(folder, manifest.files)
    yield from check_verdict(folder, manifest)
    if verify == "full":
        yield from check_hashes(folder, manifest.parts)
        yield from check_selection(folder, manifest)
        return
    for part in manifest.parts:
        try:
            with folder.open(part.path) as file, pq.ParquetFile(file) as parquet:
                rows = parquet.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            yield Check(part.path, False, f"not a Parquet file ({error})")
        else:
            yield Check(part.path, rows == part.rows, f"{rows} rows, the manifest says {part.rows}")


class Mix:
    """A verified mix. `len(mix)` is its number of rows."""

    def __init__(self, folder: Folder, manifest: Manifest, *, allow_recalled: bool = False) -> None:
        self._folder = folder
        self.manifest = manifest
        self._allow_recalled = allow_recalled
        self._starts = np.cumsum([0, *(part.rows for part in manifest.parts)])

    def __len__(self) -> int:
        return self.manifest.rows

    def __repr__(self) -> str:
        manifest = self.manifest
        return f"<Mix {manifest.stage} {manifest.cycle} revision {manifest.revision}: {len(self)} rows>"

    @property
    def path(self) -> str:
        """Where the release lies: folder or URL."""
        return self._folder.url

    @cached_property
    def superseded_by(self) -> int | None:
        """The newest revision of the cycle, if this is an older one: it stays as readable as it was."""
        return newer_revision(self._folder, self.manifest)

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict by which it was released."""
        return Verdict.model_validate_json(read_file(self._folder, VERDICT))

    @property
    def schema(self) -> pa.Schema:
        """Columns of the rows."""
        with self._folder.open(self.manifest.parts[0].path) as file, pq.ParquetFile(file) as parquet:
            return parquet.schema_arrow

    def position(self, rows: int, world_size: int = 1, start: int = 0) -> int:
        """Where to resume after every one of `world_size` readers, begun at `start`, has had `rows` rows."""
        return min(start + rows * world_size, len(self))

    def batches(
        self,
        rank: int = 0,
        world_size: int = 1,
        start: int = 0,
        batch_size: int = 1024,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one reader from position `start` on, in batches of `batch_size`; the last may be shorter.

        Started anew at `position(rows, world_size, start)`, with the same or another number of readers, all of
        them together read exactly the rest. Every reader decodes the whole mix and keeps its rows of it.

        Raises UsageError for impossible arguments, DamagedData if a part cannot be read (any more), Refused if the
        mix was recalled since it was opened and a notice lies in its folder.
        """
        _check_reader(rank, world_size, start, batch_size)
        self._must_not_be_recalled()
        kept: list[pa.RecordBatch] = []
        held = 0
        for piece in self._pieces(rank, world_size, start, columns):
            while held + piece.num_rows >= batch_size:
                kept.append(piece.slice(0, batch_size - held))
                yield _joined(kept)
                piece, kept, held = piece.slice(batch_size - held), [], 0
            if piece.num_rows:
                kept.append(piece)
                held += piece.num_rows
        if kept:
            yield _joined(kept)

    def rows(
        self, rank: int = 0, world_size: int = 1, start: int = 0, columns: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The rows of one reader from position `start` on, as dicts; see `batches`."""
        for batch in self.batches(rank, world_size, start, 256, columns):
            yield from batch.to_pylist()

    def polars(self) -> pl.LazyFrame:
        """The whole mix, in training order, read when it is collected."""
        import polars as pl

        self._must_not_be_recalled()

        names = [part.path for part in self.manifest.parts]
        if isinstance(self._folder, LocalFolder):
            return pl.scan_parquet([self._folder.path / name for name in names], glob=False)
        import pyarrow.dataset as ds

        assert isinstance(self._folder, RemoteFolder)
        filesystem, root = self._folder.filesystem, self._folder.root
        paths = [f"{root}/{name}" for name in names]
        return pl.scan_pyarrow_dataset(ds.dataset(paths, filesystem=filesystem, format="parquet"))

    def _must_not_be_recalled(self) -> None:
        """A mix may have been recalled since it was opened: asked again whenever somebody begins to read."""
        if not self._allow_recalled and self._folder.has(NOTICE):
            must_not_be_recalled(self._folder, self.manifest)

    def _pieces(
        self, rank: int, world_size: int, start: int, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a reader, in pieces of any length."""
        first = start + (rank - start) % world_size
        index = int(np.searchsorted(self._starts, first, side="right")) - 1
        for number in range(index, len(self.manifest.parts)):
            position = int(self._starts[number])
            for piece in self._part(number, first - position, columns):
                offset, batch = piece
                at = position + offset
                skip = first - at if first > at else (first - at) % world_size
                if skip < batch.num_rows:
                    yield batch if world_size == 1 and skip == 0 else _every(batch, skip, world_size)

    def _part(self, number: int, first: int, columns: Sequence[str] | None) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches of a part with their offsets in it, from the row group that has row `first` on."""
        part = self.manifest.parts[number]
        try:
            with self._folder.open(part.path) as file, pq.ParquetFile(file) as parquet:
                sizes = [parquet.metadata.row_group(i).num_rows for i in range(parquet.metadata.num_row_groups)]
                edges = np.cumsum([0, *sizes])
                group = max(0, int(np.searchsorted(edges, first, side="right")) - 1)
                offset = int(edges[group])
                known = parquet.schema_arrow.names
                if columns is not None and not set(columns) <= set(known):
                    raise UsageError(f"columns {sorted(set(columns) - set(known))} are not of the mix: {known}")
                groups = list(range(group, len(sizes)))
                for batch in parquet.iter_batches(_READ_ROWS, row_groups=groups, columns=columns):
                    yield offset, batch if columns is None else batch.select(columns)
                    offset += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise DamagedData(
                f"{self.path}/{part.path}: cannot be read ({error}); restore the release, or open it with verify='full'"
            ) from None
        if offset != part.rows:
            raise DamagedData(f"{self.path}/{part.path}: has {offset} rows, expected {part.rows}; restore the release")


def _every(batch: pa.RecordBatch, skip: int, step: int) -> pa.RecordBatch:
    return batch.slice(skip) if step == 1 else batch.take(pa.array(np.arange(skip, batch.num_rows, step)))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _check_reader(rank: int, world_size: int, start: int, batch_size: int) -> None:
    if not 0 <= rank < world_size:
        raise UsageError(f"rank={rank}, world_size={world_size}: expected a rank from 0 to world_size - 1")
    if start < 0 or batch_size < 1:
        raise UsageError(f"start={start}, batch_size={batch_size}: expected a start of 0 or more, batches of 1 or more")
