"""The recalls of a project, kept twice: in its store, and in `recalls/` beside project.yaml, which goes into git.

A store restored from a backup has lost the recalls that came after it, and a fresh checkout may have a store that
knows more than it does. So the union holds, and whatever is missing or damaged on one side is put back from the other.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from anchor_pipeline.corpus.erasures import Bar, Erasure, erasure_name, parse_erasure
from anchor_pipeline.corpus.recalls import (
    FOLDER,
    Lift,
    RecallRecord,
    Tombstones,
    ids_among,
    lift_name,
    parse_lift,
    parse_record,
    receipt_name,
    record_name,
    tombstones_name,
)
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, DamagedData, Unavailable

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Kept:
    """A recall as it is kept."""

    record: RecallRecord
    lift: Lift | None
    erasure: Erasure | None = None

    @property
    def stands(self) -> bool:
        """Whether its documents must not be used."""
        return self.lift is None


class RecallFiles:
    """The two places where recalls are kept. `root` is the folder of project.yaml."""

    def __init__(self, store: Store, root: Path) -> None:
        self.store, self.root = store, root

    def all(self) -> list[Kept]:
        """Every recall, in the order of their times; what one place lacks is put back there.

        DamagedData if a record is damaged in both: nothing must be built as if it had never been.
        """
        there = set(self.store.list(FOLDER))
        here = set(_names(self.root / FOLDER))
        kept = []
        for id in sorted({*ids_among(list(there)), *ids_among(list(here))}):
            record = self._record(id)
            lifted, erased = (name(id).split("/")[1] in there | here for name in (lift_name, erasure_name))
            kept.append(Kept(record, self._lift(id) if lifted else None, self._erasure(id) if erased else None))
        return sorted(kept, key=lambda one: (one.record.at, one.record.id))

    def standing(self) -> list[RecallRecord]:
        """The records of those that hold."""
        return [one.record for one in self.all() if one.stands]

    def add(self, record: RecallRecord, tombstones: bytes) -> None:
        """Keep a new record, its list first: a record without its list would bar nobody knows what."""
        self._put(tombstones_name(record.id), tombstones)
        self._put(record_name(record.id), record.encoded())

    def lift(self, lift: Lift) -> None:
        """Keep the decision that a recall does not stand any more."""
        self._put(lift_name(lift.recall), lift.encoded())

    def keep_erasure(self, erasure: Erasure, text: bytes) -> None:
        """Keep what is erased, in place of what was known before."""
        self._put(erasure_name(erasure.recall), erasure.encoded())
        self._put(erasure_name(erasure.recall, "md"), text)

    def bars(self) -> list[Bar]:
        """What tells the rows that must not come into the store again, of every erasure whose recall stands."""
        return [self.bar(one) for one in self.all() if one.stands and one.erasure is not None]

    def bar(self, kept: Kept, more: Iterable[str] = ()) -> Bar:
        """What tells the rows of a recall; `more` are content digests that have been found since."""
        known = kept.erasure.more if kept.erasure is not None else ()
        return Bar(kept.record, (*self.tombstones(kept.record), *known, *more))

    def keep_receipt(self, id: str, data: bytes, text: bytes) -> None:
        """Keep what came of a recall, in place of what was known before."""
        self._put(receipt_name(id), data)
        self._put(receipt_name(id, "md"), text)

    def receipt(self, id: str) -> bytes | None:
        """The receipt, from wherever it is."""
        name = receipt_name(id)
        return self.store.find(name) or _found(self.root / name)

    def tombstones(self, record: RecallRecord) -> list[str]:
        """The content digests that a recall is about, sorted. DamagedData if the list is not whole in either place."""
        return self._sound(tombstones_name(record.id), lambda data, where: parse_tombstones(data, record, where))

    def _record(self, id: str) -> RecallRecord:
        return self._sound(record_name(id), lambda data, where: parse_record(data, id, where))

    def _lift(self, id: str) -> Lift:
        return self._sound(lift_name(id), lambda data, where: parse_lift(data, id, where))

    def _erasure(self, id: str) -> Erasure:
        return self._sound(erasure_name(id), lambda data, where: parse_erasure(data, id, where))

    def _sound(self, name: str, parse: Callable[[bytes, str], _T]) -> _T:
        """What a file says, from whichever place has it sound; the other is mended."""
        places = (
            (self.store.find(name), self.store.address_of(name)),
            (_found(self.root / name), str(self.root / name)),
        )
        trouble: DamagedData | None = None
        for data, where in places:
            if data is None:
                continue
            try:
                value = parse(data, where)
            except DamagedData as error:
                trouble = trouble or error
                continue
            self._mend(name, data, [one for one, _ in places])
            return value
        raise trouble or DamagedData(f"{name}: is neither in the store nor beside project.yaml; restore it")

    def _mend(self, name: str, data: bytes, found: list[bytes | None]) -> None:
        """Best effort: what could not be mended now is mended by the next build."""
        try:
            if found[0] != data:
                self.store.write(name, data)
            if found[1] != data:
                self._write(self.root / name, data)
        except (AnchorError, OSError) as error:
            _log.warning("%s could not be put back from its other copy (%s); it holds all the same", name, error)

    def _put(self, name: str, data: bytes) -> None:
        """In both places; in the store first, where it has its effect."""
        self.store.write(name, data)
        try:
            self._write(self.root / name, data)
        except OSError as error:
            raise Unavailable(
                f"{self.root / name}: cannot be written ({error.strerror or error}); the store has it, but a restored "
                "store would not: make the folder writable and run it again"
            ) from None

    def _write(self, path: Path, data: bytes) -> None:
        """A whole file beside project.yaml, atomically, on the disk before it has its name."""
        disk = self.store.files
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            with disk.create(temporary) as file:
                disk.write(file, data)
                disk.sync(file)
            disk.replace(temporary, path)
            disk.sync_folder(path.parent)
        finally:
            disk.remove(temporary)


def tombstones_of(digests: Iterable[str]) -> tuple[bytes, Tombstones]:
    """The file that lists content digests, and what a record says of it. The same digests give the same bytes."""
    listed = sorted(set(digests))
    lines = "".join(f"{digest}\n" for digest in listed).encode()
    packed = gzip.compress(lines, compresslevel=6, mtime=0)
    return packed, Tombstones(count=len(listed), sha256=hashlib.sha256(lines).hexdigest())


def parse_tombstones(data: bytes, record: RecallRecord, where: str) -> list[str]:
    """The list in `data`; DamagedData unless it is the one that the record names."""
    expected = record.tombstones
    try:
        with gzip.open(io.BytesIO(data)) as file:
            # No more than was promised: a small file may unpack to a large one.
            lines = file.read(expected.count * 65 + 1)
    except (OSError, EOFError, ValueError):
        lines = b""
    if len(lines) != expected.count * 65 or hashlib.sha256(lines).hexdigest() != expected.sha256:
        raise DamagedData(f"{where}: is not the list of digests that recall {record.id} names; restore it")
    return lines.decode("ascii").split()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _found(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
