"""Parquet files of documents: shards, and parts of a mix. Columns, types, digests, ids, parents, licences, row by row.

Digests are computed again from the content, and the file's own from its bytes, so a sampled shard proves itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import AMOUNT_UNITS, AUTHORSHIPS, DOCUMENT_SCHEMA
from anchor_pipeline.corpus.licences import canonical_licence
from anchor_pipeline.lineage.validation.report import PASSED_OVER, Report
from anchor_pipeline.mix.parts import content_digests, mix_schema

KINDS = ("licensed", "enterprise", "anchor", "synthetic")

_BATCH = 1024
_CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CONSTANT = ("source", "kind", "modality")
"""Columns that have one value in a whole shard."""

_ONE = ("image", "table")
"""Modalities whose amount is 1 a document."""


@dataclass
class Shard:
    """What a Parquet file turned out to hold."""

    file: str
    digest: str
    is_shard: bool
    """Otherwise a part of a mix."""
    rows: int = 0
    tokens: int = 0
    bytes: int = 0
    documents: dict[str, str] = field(default_factory=dict)
    """Content digest by id."""
    parents: dict[str, list[str]] = field(default_factory=dict)
    """By id, where there are any."""
    lacking: list[tuple[str, str]] = field(default_factory=list)
    """Rows without content: where, and what is wrong with that unless it was erased."""


def check_parquet(path: Path, file: str, report: Report, *, named: bool = True) -> Shard | None:
    """Check a file that is meant to be Parquet; None if it is no shard and no part of a mix.

    Unless the file was `named` itself, a table without texts is something else, and passed over.
    """
    try:
        digest = _digest_of(path)
        with pq.ParquetFile(path) as opened:
            if not named and "text" not in opened.schema_arrow.names:
                report.counts[PASSED_OVER] += 1
                return None
            shard = _columns(opened, file, digest, report)
            if shard is None:
                return None
            _rows(opened, shard, report)
    except (OSError, pa.ArrowException, MemoryError, ValueError, OverflowError, RecursionError) as error:
        # pyarrow tells broken files in many ways; whichever it is, the file cannot be read.
        report.find(file, "", f"cannot be read as Parquet ({type(error).__name__}: {error})")
        return None
    stem = path.name.removesuffix(".parquet")
    if shard.is_shard and _DIGEST.fullmatch(stem) and stem != digest:
        report.find(file, "", f"is named for another digest than its own, {digest}")
    report.counts["shards" if shard.is_shard else "parts of a mix"] += 1
    report.counts["documents"] += shard.rows
    return shard


def _digest_of(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def _columns(opened: pq.ParquetFile, file: str, digest: str, report: Report) -> Shard | None:
    """The shard, if its columns are those of one, or of a part of a mix; otherwise says what is wrong with them."""
    found = opened.schema_arrow
    is_part = "epoch" in found.names
    expected = (
        mix_schema(("text", "payload") if "payload" in found.names else ("text",)) if is_part else DOCUMENT_SCHEMA
    )
    names, wanted = list(found.names), list(expected.names)
    if names != wanted:
        lacks = [name for name in wanted if name not in names]
        extra = [name for name in names if name not in wanted]
        said = [f"lacks {', '.join(lacks)}"] if lacks else []
        said += [f"has also {', '.join(extra)}"] if extra else []
        what = "; ".join(said) or "are in another order"
        report.find(file, "", f"columns are not those of a {'part of a mix' if is_part else 'shard'}: {what}")
        return None
    wrong = [
        f"column {name} is of type {found.field(name).type}, expected {expected.field(name).type}"
        for name in wanted
        if found.field(name).type != expected.field(name).type
    ]
    report.find_all(file, "", wrong)
    return None if wrong else Shard(file, digest, is_shard=not is_part)


def _rows(opened: pq.ParquetFile, shard: Shard, report: Report) -> None:
    rows = _Rows(shard, report)
    required = [name for name in opened.schema_arrow.names if not _nullable(name)]
    for batch in opened.iter_batches(batch_size=_BATCH):
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            report.find(shard.file, f"rows {shard.rows + 1} to {shard.rows + batch.num_rows}", f"unreadable: {error}")
            return
        empty = [name for name in required if batch.column(name).null_count]
        if empty:
            for name in empty:
                row = batch.column(name).is_null().to_pylist().index(True)
                report.find(shard.file, f"row {shard.rows + row + 1}", f"{name} is null")
            shard.rows += batch.num_rows
            continue
        rows.check(batch)


def _nullable(name: str) -> bool:
    return name != "epoch" and bool(DOCUMENT_SCHEMA.field(name).nullable)


class _Rows:
    """Checks the rows of one file, a batch at a time."""

    def __init__(self, shard: Shard, report: Report) -> None:
        self.shard, self.report = shard, report
        self._first: dict[str, str] = {}
        self._passes: set[tuple[str, int]] = set()

    def check(self, batch: pa.RecordBatch) -> None:
        shard, columns = self.shard, batch.schema.names
        content = [name for name in ("text", "payload") if name in columns]
        plain = [name for name in columns if name not in (*content, "collected_at")]
        arrays = [batch.column(name) for name in content]
        sizes = [_lengths(array) for array in arrays]
        modalities = batch.column("modality").to_pylist()
        digests = content_digests(modalities, arrays)
        values = zip(*(batch.column(name).to_pylist() for name in plain), strict=True)
        for index, (line, digest) in enumerate(zip(values, digests, strict=True)):
            shard.rows += 1
            row = dict(zip(plain, line, strict=True))
            held = {name: size[index] for name, size in zip(content, sizes, strict=True)}
            # An erasure leaves all of a document but its content: whether it was one is asked when all files are read.
            erased = not any(size is not None for size in held.values())
            place = f"row {shard.rows} ({row['doc_id']})"
            amiss = list(_wrong_content(row, held, digest))
            if erased:
                shard.lacking.append((place, amiss[0]))
            wrong = [*_wrong(row), *(() if erased else amiss), *self._wrong_here(row)]
            self.report.find_all(shard.file, place, wrong)
            shard.tokens += row["tokens"]
            shard.bytes += row.get("bytes", 0)

    def _wrong_here(self, row: dict[str, Any]) -> Iterator[str]:
        """What is wrong with a row beside the others of its file."""
        shard, id = self.shard, row["doc_id"]
        # A shard may hold copies: an id made of the content is theirs alike, and a corpus keeps one of them.
        if not shard.is_shard:
            if (id, row["epoch"]) in self._passes:
                yield f"the id stands twice in pass {row['epoch']}"
            self._passes.add((id, row["epoch"]))
        if shard.documents.setdefault(id, row["digest"]) != row["digest"]:
            yield "has another digest than an earlier row of the same id"
        if row["parents"]:
            shard.parents[id] = [parent for parent in row["parents"] if parent]
        for name in _CONSTANT if shard.is_shard else ():
            if self._first.setdefault(name, row[name]) != row[name]:
                yield f"{name} is {row[name]!r}, but {self._first[name]!r} before: a shard is of one source"


def _wrong(row: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the metadata of a document by itself."""
    if not row["doc_id"].startswith(f"{row['source']}/") or row["doc_id"] == f"{row['source']}/":
        yield f"the id does not begin with its source and a slash, {row['source']!r}/…"
    for name, known in (("kind", KINDS), ("authorship", AUTHORSHIPS), ("modality", tuple(AMOUNT_UNITS))):
        if row[name] not in known:
            yield f"{name} is {row[name]!r}, expected one of {', '.join(known)}"
    for name in ("source", "domain", "licence", "raw_file"):
        if not row.get(name, "x"):
            yield f"{name} is empty"
    if row["licence"] and canonical_licence(row["licence"]) != row["licence"]:
        yield f"licence {row['licence']!r} is no SPDX expression in its canonical spelling"
    for name in ("tokens", "bytes", "epoch"):
        if row.get(name, 0) < 0:
            yield f"{name} is {row[name]}, expected 0 or more"
    if row["modality"] in _ONE and row["tokens"] != 1:
        yield f"tokens is {row['tokens']}, but each document of modality {row['modality']} counts as 1"
    if row.get("raw_row", 1) < 1:
        yield f"raw_row is {row['raw_row']}; records are counted from 1"
    parents = row["parents"] or []
    if row["doc_id"] in parents:
        yield "names itself as its parent"
    if any(not parent for parent in parents):
        yield "names a parent without an id"


def _wrong_content(row: dict[str, Any], held: dict[str, int | None], digest: str) -> Iterator[str]:
    """What is wrong with the content of a document; `held` gives the bytes of each content column, None for null."""
    columns = [name for name, size in held.items() if size is not None]
    expected = "payload" if row["modality"] in ("image", "audio") else "text"
    if columns != [expected]:
        yield f"has its content in {' and '.join(columns) or 'no column'}, expected {expected}"
        return
    if digest != row["digest"]:
        yield f"digest is {row['digest']!r}, but the content has {digest}"
    if "bytes" in row and row["bytes"] != held[expected]:
        yield f"bytes is {row['bytes']}, but the content has {held[expected]}"


def _lengths(array: pa.Array) -> list[int | None]:
    found: list[int | None] = pc.binary_length(array).to_pylist()
    return found
