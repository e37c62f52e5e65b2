"""OpenLineage events: each against the schemas it names, our facets against themselves, runs from START to end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from anchor_pipeline.lineage.own_facets import MOST_SHARDS_LISTED, list_digest
from anchor_pipeline.lineage.validation.report import Report
from anchor_pipeline.lineage.validation.schemas import CORE, Schemas, fits

_OWN = "anchor_"
_ENDS = ("COMPLETE", "FAIL", "ABORT")


@dataclass(frozen=True)
class Claim:
    """What a record says of a shard."""

    file: str
    place: str
    rows: int
    tokens: int
    bytes: int


@dataclass
class Run:
    """What the events of a run said so far."""

    file: str
    place: str
    job: str
    start: str | None = None
    end: tuple[str, str] | None = None
    """State and time."""


class Events:
    """Checks events one by one, and, at the end, their runs."""

    def __init__(self, schemas: Schemas, report: Report) -> None:
        self.schemas, self.report = schemas, report
        self.claims: dict[str, list[Claim]] = {}
        """By digest of the shard."""
        self._runs: dict[str, Run] = {}
        self._seen: set[str] = set()

    def check(self, event: dict[str, Any], file: str, place: str) -> None:
        """Everything wrong with one event is told to the report."""
        report = self.report
        report.counts["events"] += 1
        wrong = list(self.schemas.complaints(f"{CORE}#/$defs/{_kind(event)}", event))
        report.find_all(file, place, wrong)
        if wrong:
            return
        if event["schemaURL"] != f"{CORE}#/$defs/{_kind(event)}":
            report.note(file, place, f"says that it follows {event['schemaURL']}; checked as {CORE}")
        for where, base, facets in _places(event):
            for key, facet in facets.items():
                self._facet(file, f"{place}, {where}.{key}", base, key, facet)
        if "run" in event:
            self._follow(event, file, place)

    def _facet(self, file: str, place: str, base: str, key: str, facet: dict[str, Any]) -> None:
        found = self.schemas.of_facet(facet["_schemaURL"])
        if found is None:
            if key.startswith(_OWN):
                self.report.find(file, place, f"no schema {facet['_schemaURL']} is published for facets of ours")
            else:
                # Where it stands does not matter here, and it is noted once.
                self.report.note(file, "", f"facet {key} not checked: its schema {facet['_schemaURL']} is not known")
            return
        reference, schema = found
        wrong = [*fits(schema, reference, key, base)]
        wrong = wrong or list(self.schemas.complaints(reference, facet))
        if not wrong and key.startswith(_OWN):
            wrong = list(_contradictions(key, facet))
            if key == "anchor_shards":
                self._claim(facet, file, place)
        self.report.find_all(file, place, wrong)

    def _claim(self, facet: dict[str, Any], file: str, place: str) -> None:
        for one in facet.get("shards", ()):
            said = Claim(file, place, one["rows"], one["tokens"], one["bytes"])
            self.claims.setdefault(one["digest"], []).append(said)

    def _follow(self, event: dict[str, Any], file: str, place: str) -> None:
        text = json.dumps(event, sort_keys=True)
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        if digest in self._seen:
            # At least once is what delivery promises; the same event again says nothing new.
            self.report.counts["repeated events"] += 1
            return
        self._seen.add(digest)
        id, job = event["run"]["runId"].lower(), f"{event['job']['namespace']} {event['job']['name']}"
        run = self._runs.setdefault(id, Run(file, place, job))
        if run.job != job:
            self.report.find(file, place, f"run {id} is of job {job}, but before of {run.job}")
            return
        state, at = event.get("eventType"), event["eventTime"]
        if state == "START":
            if run.start is not None:
                self.report.find(file, place, f"run {id} of {job} starts twice")
            run.start = at
        elif state in _ENDS:
            if run.end is not None:
                self.report.find(file, place, f"run {id} of {job} ended as {run.end[0]}, and ends again as {state}")
            run.end = (state, at)

    def close(self) -> None:
        """Say what is wrong with whole runs, now that all events are known; they may come in any order."""
        for id, run in sorted(self._runs.items()):
            if run.start is None and run.end is not None:
                self.report.note(run.file, run.place, f"run {id} of {run.job} has no START in the files given")
            if run.start is not None and run.end is None:
                self.report.note(run.file, run.place, f"run {id} of {run.job} has not ended in the files given")
            if run.start is not None and run.end is not None and _moment(run.end[1]) < _moment(run.start):
                self.report.find(run.file, run.place, f"run {id} of {run.job} ends before it starts")


def is_event(value: dict[str, Any]) -> bool:
    """Whether an object is meant as an event of OpenLineage."""
    return "eventTime" in value or "schemaURL" in value


def _kind(event: dict[str, Any]) -> str:
    if "run" not in event and "dataset" in event:
        return "DatasetEvent"
    return "RunEvent" if "run" in event or "job" not in event else "JobEvent"


def _places(event: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield "run.facets", "RunFacet", event.get("run", {}).get("facets", {})
    yield "job.facets", "JobFacet", event.get("job", {}).get("facets", {})
    yield "dataset.facets", "DatasetFacet", event.get("dataset", {}).get("facets", {})
    for side, kind in (("input", "InputDatasetFacet"), ("output", "OutputDatasetFacet")):
        for index, dataset in enumerate(event.get(f"{side}s", [])):
            yield f"{side}s[{index}].facets", "DatasetFacet", dataset.get("facets", {})
            yield f"{side}s[{index}].{side}Facets", kind, dataset.get(f"{side}Facets", {})


def _moment(time: str) -> datetime:
    """A time that was checked to be RFC 3339; beyond microseconds it is cut off, as Python's own reader does."""
    return datetime.fromisoformat(time)


def _contradictions(key: str, facet: dict[str, Any]) -> Iterator[str]:
    """What a schema cannot say: numbers that have to agree."""
    if key == "anchor_shards":
        yield from _of_shards(facet)
    elif key == "anchor_shares":
        yield from _of_shares(facet["shares"])
    elif key == "anchor_verdict":
        if (facet["status"] == "pass") and facet["refusing"]:
            yield f"the verdict passes, though {facet['refusing'][0]} refuses"
    elif key == "anchor_custodyEntry":
        indices = [entry["index"] for entry in facet["entries"]]
        if indices != sorted(set(indices)):
            yield "the entries are not in the order of the ledger"


def _of_shards(facet: dict[str, Any]) -> Iterator[str]:
    listed = facet.get("shards")
    if listed is None:
        if facet["count"] <= MOST_SHARDS_LISTED:
            yield f"{facet['count']} shards, which are few enough to be listed, are not"
        if "list" not in facet:
            yield "neither a list of shards, nor where it lies"
        return
    digests = [one["digest"] for one in listed]
    if digests != sorted(set(digests)):
        yield "the shards are not sorted by digest, or one is named twice"
    for name in ("rows", "tokens", "bytes"):
        total = sum(one[name] for one in listed)
        if total != facet[name]:
            yield f"{name} is {facet[name]}, but the shards have {total} together"
    if facet["count"] != len(listed):
        yield f"count is {facet['count']}, but {len(listed)} shards are listed"
    if facet["digest"] != list_digest(listed):
        yield f"digest is not that of the list, {list_digest(listed)}"


def _of_shares(shares: list[dict[str, Any]]) -> Iterator[str]:
    totals: dict[str, int] = {}
    for one in shares:
        # Every row has a source, so these make up the modality.
        if one["dimension"] == "source":
            totals[one["modality"]] = totals.get(one["modality"], 0) + int(one["tokens"])
    for one in shares:
        total = totals.get(one["modality"], 0)
        if total and abs(Fraction(one["share"]) - Fraction(int(one["tokens"]), total)) > Fraction(1, 1_000_000):
            yield f"{one['dimension']} {one['value']!r}: {one['tokens']} of {total} is not the share {one['share']}"
