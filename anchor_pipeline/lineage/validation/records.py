"""Lists of documents, snapshots and recalls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anchor_pipeline.corpus.recalls import Lift, parse_record
from anchor_pipeline.custody.document_lines import record_of
from anchor_pipeline.custody.documents import read_lines
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.merkle import Frontier, leaf_hash
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.lineage.validation.events import Claim
from anchor_pipeline.lineage.validation.report import Report
from anchor_pipeline.lineage.validation.schemas import Schemas, own_id

_RECALL = re.compile(r"([0-9a-f]{12})\.json")


def check_documents(path: Path, file: str, schemas: Schemas, report: Report) -> Iterator[dict[str, Any]]:
    """Check a list of documents line by line; gives those that can be read."""
    tree, last = Frontier(), b""
    try:
        with path.open("rb") as stream:
            for line in read_lines(stream, file):
                place = f"line {tree.size + 1}"
                tree.append(leaf_hash(line))
                try:
                    record = record_of(line, file)
                except Flaw as flaw:
                    report.find(file, place, flaw.detail)
                    continue
                report.find_all(file, place, schemas.complaints(own_id("DocumentLine"), record))
                id = record["doc_id"].encode("utf-8", "surrogatepass")
                if tree.size > 1 and id <= last:
                    report.find(file, place, f"{record['doc_id']!r} is not in its place: lines are sorted by id")
                last = id
                yield record
    except Flaw as flaw:
        report.find(file, f"line {tree.size + 1}", flaw.detail)
    except OSError as error:
        report.find(file, "", f"cannot be read ({error.strerror})")
    report.counts["lists of documents"] += 1
    report.counts["lines of documents"] += tree.size


def is_snapshot(value: dict[str, Any]) -> bool:
    """Whether an object is meant as the snapshot of a source."""
    return "source" in value and "units" in value


def check_snapshot(value: dict[str, Any], file: str, schemas: Schemas, report: Report) -> dict[str, list[Claim]]:
    """Check a snapshot; what it says of its shards, by digest."""
    report.counts["snapshots"] += 1
    wrong = list(schemas.complaints(own_id("Snapshot"), value))
    report.find_all(file, "", wrong)
    if wrong:
        return {}
    units = [unit["id"] for unit in value["units"]]
    if len(set(units)) < len(units):
        report.find(file, "units", "two units have one id")
    for index, one in enumerate(value["files"]):
        if one["unit"] not in units:
            report.find(file, f"files[{index}]", f"is of unit {one['unit']!r}, which is not there")
        if sum(one["quarantined"].values()) > one["read"]:
            report.find(file, f"files[{index}]", f"more rows quarantined than the {one['read']} that were read")
    claims: dict[str, list[Claim]] = {}
    for unit in value["units"]:
        for shard in unit["shards"]:
            said = Claim(file, f"unit {unit['id']}", shard["rows"], shard["tokens"], shard["bytes"])
            claims.setdefault(shard["digest"], []).append(said)
    return claims


def kind_of_recall(value: dict[str, Any]) -> str | None:
    """Whether an object is meant as the record of a recall, its receipt, lifting or erasure: the name of its schema."""
    if "tombstones" in value:
        return "RecallReceipt" if "record" in value else "Recall"
    if {"recall", "done", "shards"} <= set(value):
        return "RecallErasure"
    return "RecallLift" if set(value) == set(Lift.model_fields) else None


def check_recall(
    value: dict[str, Any], data: bytes, file: str, kind: str, schemas: Schemas, report: Report
) -> set[str]:
    """Check a record of `kind`; one that is named by its digest has to be the one that its name stands for.

    Gives the shards of which an erasure says that rows have no content.
    """
    report.counts["records of recalls"] += 1
    wrong = list(schemas.complaints(own_id(kind), value))
    report.find_all(file, "", wrong)
    named = _RECALL.fullmatch(Path(file).name)
    if not wrong and kind == "Recall" and named is not None:
        try:
            parse_record(data, named[1], file)
        except DamagedData as error:
            report.find(file, "", str(error).removeprefix(f"{file}: "))
    return {one["new"] for one in value["shards"]} if kind == "RecallErasure" and not wrong else set()
