"""Declared evaluation sets: their files, and the texts in them that may not be in a mix.

Files are read by the readers of sources. Where rows have a column `text`, that is the text. Otherwise every string in
the row, at any depth, is one by itself (question, choices, answer); those of fewer than FEWEST_WORDS words are passed
over, since answers, labels and ids of a few words are in any corpus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.ingest.files import list_files
from anchor_pipeline.ingest.readers.base import ROW, ROW_JSON, RawFile, Reader, UnreadableFile, Wanted

FEWEST_WORDS = 8
"""As in GPT-3's decontamination: fewer words in a row say nothing."""

_BLOCK = 1024 * 1024
_LIMIT = 1 << 40


@dataclass(frozen=True)
class EvaluationFile:
    """A file of an evaluation set."""

    uri: str
    """The set, as declared."""
    name: str
    """Relative to the uri's folder."""
    sha256: str


@dataclass(frozen=True)
class EvaluationText:
    """A text of an evaluation set, and where it stands."""

    uri: str
    file: str
    line: int
    """1-based record of the file; line, for JSON lines."""
    text: str


class EvaluationSets:
    """The sets of some uris. Use it in a `with` block: remote files are copied for as long as it lasts."""

    def __init__(self, uris: Sequence[str], root: Path, store: Store) -> None:
        self._uris, self._root, self._store = uris, root, store
        self._stack = ExitStack()
        self._files: list[tuple[EvaluationFile, Reader, RawFile]] = []

    def __enter__(self) -> EvaluationSets:
        """Lists and digests the files. DamagedData if a set is not there or cannot be read."""
        with ExitStack() as stack:
            for uri in dict.fromkeys(self._uris):
                listing = list_files(uri, self._root, None, "text")
                if listing.broken:
                    raise listing.broken[0]
                for found in listing.files:
                    local = stack.enter_context(listing.local(found, self._store))
                    entry = EvaluationFile(uri, found.name, _sha256(local))
                    self._files.append((entry, listing.reader, local))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def files(self) -> list[EvaluationFile]:
        """The files of all sets, in order of declaration and name."""
        return [entry for entry, _, _ in self._files]

    def texts(self) -> Iterator[EvaluationText]:
        """Their texts, in order. DamagedData at the first record that cannot be read: nothing is passed over."""
        for entry, reader, local in self._files:
            found = False
            for line, text in _texts(reader, local):
                found = True
                yield EvaluationText(entry.uri, entry.name, line, text)
            if not found:
                raise DamagedData(f"evaluation set {entry.uri}: {entry.name} holds no text; name another file")


def _sha256(file: RawFile) -> str:
    sha = hashlib.sha256()
    try:
        with file.path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                sha.update(block)
    except OSError as error:
        raise UnreadableFile(file.name, f"cannot be read: {error.strerror}", "see to the file") from None
    return sha.hexdigest()


def _texts(reader: Reader, file: RawFile) -> Iterator[tuple[int, str]]:
    prose = reader.name == "text"
    wanted = Wanted(columns=("text",) if prose else (), text="text" if prose else None, whole_row=not prose,
                    max_bytes=_LIMIT)  # fmt: skip
    for chunk in reader.read(file, wanted):
        if chunk.rejects:
            reject = chunk.rejects[0]
            raise UnreadableFile(file.name, reject.detail, "correct the evaluation set", row=reject.row)
        lines = chunk.batch.column(ROW).to_pylist()
        if prose:
            yield from zip(lines, chunk.batch.column("text").to_pylist(), strict=True)
            continue
        for line, row in zip(lines, _rows(chunk.batch), strict=True):
            yield from ((line, text) for text in texts_of(row))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The records of a batch: parsed from their JSON, or from columns in formats that have them."""
    if ROW_JSON in batch.schema.names:
        return [orjson.loads(row) for row in batch.column(ROW_JSON).to_pylist()]
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def texts_of(row: dict[str, Any]) -> list[str]:
    """The texts of a record: its column `text`, or else all its strings of FEWEST_WORDS words or more."""
    if isinstance(row.get("text"), str):
        return [row["text"]]
    return [text for text in _strings(row) if _long_enough(text)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _long_enough(text: str) -> bool:
    # Scripts without spaces have many words between two of them; facts/words.py takes each character as one.
    return len(text.split()) >= FEWEST_WORDS or (not text.isascii() and len(text) >= FEWEST_WORDS)
