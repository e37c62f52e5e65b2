"""Finds out what each file is, by its content, and has it checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchor_pipeline.lineage.validation.across import check_ancestry, check_lacking, compare_claims, compare_line
from anchor_pipeline.lineage.validation.events import Claim, Events, is_event
from anchor_pipeline.lineage.validation.formats import MOST_BYTES, read_json
from anchor_pipeline.lineage.validation.records import (
    check_documents,
    check_recall,
    check_snapshot,
    is_snapshot,
    kind_of_recall,
)
from anchor_pipeline.lineage.validation.report import PASSED_OVER, Report
from anchor_pipeline.lineage.validation.schemas import Schemas

if TYPE_CHECKING:
    from anchor_pipeline.lineage.validation.shards import Shard

_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_ENDINGS = (".parquet", ".jsonl", ".json", ".jsonl.gz")

UNKNOWN = (
    "nothing that belongs to lineage: expected events of OpenLineage (JSON, JSON lines), shards or parts of a mix "
    "(Parquet), a list of documents (gzip), a snapshot or the record of a recall (JSON)"
)


def validate_files(paths: Iterable[Path], standard: Path | None = None) -> Report:
    """Check files, and those in folders, each by itself and all together.

    `standard`: a folder with the schemas of OpenLineage. UsageError if it does not hold them. What is wrong with the
    files is in the report, whatever they hold. A file of a folder that is sound and something else is passed over.
    """
    checker = _Checker(Schemas(standard), Report())
    listed = [one for path in paths for one in _below(path, checker.report)]
    # Lists of documents last: they are compared with the shards.
    for path, named in sorted(listed, key=lambda one: _kind(one[0]) == "gzip"):
        checker.check(path, named)
    checker.close()
    return checker.report


def _below(path: Path, report: Report) -> Iterator[tuple[Path, bool]]:
    """The files, and whether each was named itself."""
    if not path.is_dir():
        yield path, True
        return
    found = sorted(one for one in path.rglob("*") if one.name.endswith(_ENDINGS) and one.is_file())
    if not found:
        report.find(str(path), "", f"a folder without files of lineage ({', '.join(_ENDINGS)})")
    yield from ((one, False) for one in found)


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            begin = stream.read(4)
    except (OSError, ValueError):
        return "unreadable"
    if begin == _PARQUET or path.name.endswith(".parquet"):
        return "parquet"
    return "gzip" if begin.startswith(_GZIP) else "json"


class _Checker:
    def __init__(self, schemas: Schemas, report: Report) -> None:
        self.schemas, self.report = schemas, report
        self.events = Events(schemas, report)
        self.shards: dict[str, Shard] = {}
        self.claims: dict[str, list[Claim]] = {}
        self.erased: set[str] = set()
        """Shards of which an erasure says that rows have no content."""
        self._named = True

    def check(self, path: Path, named: bool) -> None:
        """Check a file; `named`: it was named itself, so that it is wrong if it is nothing of lineage."""
        file, kind = str(path), _kind(path)
        self._named = named
        if kind == "parquet":
            from anchor_pipeline.lineage.validation.shards import check_parquet

            shard = check_parquet(path, file, self.report, named=named)
            if shard is not None:
                self.shards[shard.digest] = shard
        elif kind == "gzip":
            for number, line in enumerate(check_documents(path, file, self.schemas, self.report), start=1):
                compare_line(line, file, f"line {number}", self.shards, self.report)
        else:
            try:
                self._json(path, file)
            except OSError as error:
                self.report.find(file, "", f"cannot be read ({error.strerror or error})")

    def close(self) -> None:
        self.events.close()
        for digest, said in self.events.claims.items():
            self.claims.setdefault(digest, []).extend(said)
        for shard in self.shards.values():
            check_lacking(shard, self.erased, self.report)
        compare_claims(self.shards, self.claims, self.report)
        check_ancestry(self.shards.values(), self.report)

    def _json(self, path: Path, file: str) -> None:
        """One JSON text, or one on each line: the first line tells."""
        with path.open("rb") as stream:
            first = stream.readline(MOST_BYTES + 1)
            second = stream.readline(MOST_BYTES + 1)
        try:
            read_json(first)
            lines = bool(second) or path.name.endswith(".jsonl")
        except ValueError:
            lines = path.name.endswith(".jsonl")
        if lines:
            self._lines(path, file)
            return
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
        try:
            value = read_json(data)
        except ValueError as error:
            self.report.find(file, "", str(error))
            return
        for number, one in enumerate(value, start=1) if isinstance(value, list) else [(0, value)]:
            self._value(one, data, file, f"event {number}" if number else "")

    def _lines(self, path: Path, file: str) -> None:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(MOST_BYTES + 1):
                number += 1
                try:
                    value = read_json(line)
                except ValueError as error:
                    self.report.find(file, f"line {number}", str(error))
                    if len(line) > MOST_BYTES:
                        return
                    continue
                self._value(value, line, file, f"line {number}")
        if number == 0:
            self.report.find(file, "", "is empty")

    def _value(self, value: Any, data: bytes, file: str, place: str) -> None:
        try:
            self._record(value, data, file, place)
        except RecursionError:
            self.report.find(file, place, "nested too deeply")

    def _record(self, value: Any, data: bytes, file: str, place: str) -> None:
        if not isinstance(value, dict):
            self._other(file, place)
        elif is_event(value):
            self.events.check(value, file, place)
        elif is_snapshot(value):
            for digest, said in check_snapshot(value, file, self.schemas, self.report).items():
                self.claims.setdefault(digest, []).extend(said)
        elif kind := kind_of_recall(value):
            self.erased |= check_recall(value, data, file, kind, self.schemas, self.report)
        else:
            self._other(file, place)

    def _other(self, file: str, place: str) -> None:
        if self._named:
            self.report.find(file, place, UNKNOWN)
        else:
            self.report.counts[PASSED_OVER] += 1
