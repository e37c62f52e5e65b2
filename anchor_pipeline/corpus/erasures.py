"""Erasures: that the content of recalled documents was taken out of the store, and of which files of it.

recalls/<id>.erasure.json   canonical JSON; written when the erasure begins and again when it is done
recalls/<id>.erasure.md     the same for people

It has digests, names and row numbers, and no content. From its first word on the ingest lets nothing of it in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from anchor_pipeline.corpus.licences import needs_licence
from anchor_pipeline.corpus.recalls import (
    BY_DIGEST,
    FOLDER,
    AffectedExport,
    AffectedRelease,
    Count,
    Decision,
    Digest,
    Id,
    Plain,
    RecallRecord,
    Time,
    generator_is,
    parse_decision,
)

BARRED_BY = ("digest", "source", "licence", "generator")
"""Columns that tell whether a row is of an erased recall."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ErasedShard(_Record):
    """A shard, and the one that has its rows now: all columns, but of `rows` of them no content."""

    old: Digest
    new: Digest
    source: str
    rows: Count


class RawRows(_Record):
    """Rows of a raw file from which erased content had been read. The raw file is the steward's to erase."""

    source: str
    file: str
    rows: Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$")]
    """Such as 1-5,7: records of the file, from 1."""


class Erasure(Decision):
    """What an erasure does, and whether it is done."""

    format: Literal[1]
    recall: Id
    at: Time
    by: Plain
    done: bool
    shards: tuple[ErasedShard, ...] = ()
    quarantine: tuple[str, ...] = ()
    """Names that files of quarantined rows had in the store; what was content in them is empty now."""
    releases: tuple[AffectedRelease, ...] = ()
    """Their parts are written anew without the content."""
    raw: tuple[RawRows, ...] = ()
    exports: tuple[AffectedExport, ...] = ()
    """Out of reach: whoever has them has to erase them."""
    more: tuple[Digest, ...] = ()
    """Content digests that were found since the recall was recorded."""

    @property
    def rows(self) -> int:
        """Rows that lost their content, in all shards."""
        return sum(one.rows for one in self.shards)


def erasure_name(id: str, suffix: str = "json") -> str:
    """The name of the erasure of a recall, in either folder."""
    return f"{FOLDER}/{id}.erasure.{suffix}"


def parse_erasure(data: bytes, id: str, where: str) -> Erasure:
    """The erasure in `data`; DamagedData unless it is one of that recall."""
    trouble = f"{where}: is not the erasure of that recall"
    return parse_decision(Erasure, data, lambda one: one.recall == id, trouble, "restore it, or erase again")


class Bar:
    """Tells the rows of an erased recall from others, by the columns BARRED_BY. Takes 32 bytes a digest."""

    def __init__(self, record: RecallRecord, digests: Iterable[str]) -> None:
        self.record = record
        self._digests = np.sort(_packed(sorted(set(digests))))

    def of_documents(self, table: pa.Table) -> NDArray[np.bool_]:
        """Which rows are meant: those that a cycle would leave out for it.

        What a source or a licence is recalled for are its own rows; a copy under another name stays.
        """
        by, value = self.record.what.by, self.record.what.value
        found = self.of_contents(table.column("digest")) if by in BY_DIGEST else np.zeros(table.num_rows, np.bool_)
        if by == "source":
            found |= _among(table.column("source"), [value])
        elif by in ("licence", "generator"):
            column = table.column(by)
            meant = needs_licence if by == "licence" else generator_is
            found |= _among(column, [one for one in pc.unique(column).to_pylist() if one and meant(one, value)])
        return found

    def of_rejects(self, source: str, digests: Sequence[str]) -> NDArray[np.bool_]:
        """Which of the rows that were never documents have such content, by the digests that they would have had."""
        if self.record.what.by == "source":
            return np.full(len(digests), self.record.what.value == source)
        return self.of_contents(pa.array(digests, pa.string()))

    def of_contents(self, digests: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
        """Which content digests are among those of the recall."""
        asked = _packed(digests.to_pylist())
        if not len(self._digests):
            return np.zeros(len(asked), np.bool_)
        places = np.searchsorted(self._digests, asked).clip(max=len(self._digests) - 1)
        return np.asarray(self._digests[places] == asked, np.bool_)


def _packed(digests: Sequence[str]) -> NDArray[np.bytes_]:
    return np.frombuffer(bytes.fromhex("".join(digests)), "S32")


def _among(column: pa.ChunkedArray, values: Sequence[str]) -> NDArray[np.bool_]:
    found = pc.is_in(column, value_set=pa.array(values, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(), bool)
