"""Readers: one file per format, one line each in the registry."""

from __future__ import annotations

from collections.abc import Iterable

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.readers.arrow import ArrowReader
from anchor_pipeline.ingest.readers.audio import AudioReader
from anchor_pipeline.ingest.readers.base import Reader
from anchor_pipeline.ingest.readers.csv import CsvReader
from anchor_pipeline.ingest.readers.images import ImagesReader
from anchor_pipeline.ingest.readers.jsonl import JsonlReader
from anchor_pipeline.ingest.readers.parquet import ParquetReader
from anchor_pipeline.ingest.readers.streams import SUFFIXES as COMPRESSIONS
from anchor_pipeline.ingest.readers.text import TextReader

READERS: dict[str, Reader] = {
    "parquet": ParquetReader(),
    "jsonl": JsonlReader(),
    "csv": CsvReader(),
    "text": TextReader(),
    "arrow": ArrowReader(),
    "images": ImagesReader(),
    "audio": AudioReader(),
}

_BY_MODALITY = {"image": "images", "audio": "audio"}


def reader_named(name: str) -> Reader:
    """The reader of that format. Raises UsageError with the valid names."""
    if name not in READERS:
        raise UsageError(f"there is no format {name!r}; formats are {', '.join(READERS)}")
    return READERS[name]


def reads(reader: Reader, file_name: str) -> bool:
    """Whether a file of that name is one of the reader's when found in a folder."""
    name = file_name.lower()
    if reader.compressed:
        for suffix in COMPRESSIONS:
            name = name.removesuffix(suffix)
    return name.endswith(reader.suffixes)


def guess_reader(file_names: Iterable[str], modality: str) -> Reader:
    """The one reader for files of those names. Raises UsageError if none or several could be meant.

    Documents in prose beside data (a README.md beside JSON lines) do not make a folder ambiguous.
    """
    names = list(file_names)
    found = [reader for reader in READERS.values() if any(reads(reader, name) for name in names)]
    if modality in _BY_MODALITY and any(reader.name == _BY_MODALITY[modality] for reader in found):
        return READERS[_BY_MODALITY[modality]]
    candidates = [reader for reader in found if reader.name not in _BY_MODALITY.values()]
    if len(candidates) > 1:
        candidates = [reader for reader in candidates if reader.name != "text"]
    if len(candidates) == 1:
        return candidates[0]
    seen = ", ".join(sorted(names)[:3]) or "no files"
    could = f" could be {' or '.join(reader.name for reader in candidates)}" if candidates else " tells no format"
    raise UsageError(f"{seen}{could}; declare the source's `format`: {', '.join(READERS)}")
