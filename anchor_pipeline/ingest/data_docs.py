"""The Data Docs: a static site of the validations of every source, to be opened from disk.

data_docs/index.html              all sources, each with its newest validation
data_docs/<source>.html           one source: its newest validation, and its history
data_docs/<source>.json           its newest validation for programs; the index is made of these
data_docs/<source>/<key>.html     one validation, for good; <key>.json is the same for programs

The words are Great Expectations' (each requirement is what its renderer says), the pages are ours: its own load
styles, icons and scripts from eight hosts and show no outcome at all without them, hold tracebacks and random ids,
and so differ from run to run. Ours can be rebuilt from the results without importing it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import quote

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.expectation_models import ExpectationResult, SourceValidation
from anchor_pipeline.ingest.validation_history import (
    FOLDER,
    Past,
    history,
    read_record,
    read_validation,
    record_sighting,
    sightings,
)
from anchor_pipeline.pages import render
from anchor_pipeline.project import Project

_MOST_SHOWN = 200
"""Validations listed on the page of a source; older ones keep their pages."""
_MOST_CYCLES = 6


def docs_page(store: Store, source: str, key: str, expectation: str | None = None) -> str:
    """The page of the validation `key`, relative to the root of the store, at one of its expectations if named.

    Where that page has been deleted it is the page of the source.
    """
    page = f"{FOLDER}/{source}/{key}.html"
    if not store.exists(page):
        page = f"{FOLDER}/{_stem(source)}.html"
    return page + (f"#{quote(expectation)}" if expectation else "")


def publish(project: Project, validation: SourceValidation, store: Store, *, cycle: str | None = None) -> None:
    """Give `validation` its page, and show it in place of the source's earlier one.

    Nothing is written if the site shows it already, and `cycle` has seen it.
    """
    source, key = validation.source, validation.key
    record = canonical_json(validation.model_dump(mode="json"))
    kept, shown = f"{FOLDER}/{source}/{key}", f"{FOLDER}/{_stem(source)}"
    # The record is last: where it is, the page is.
    new = [
        store.write_new(f"{kept}.{kind}", _validation_page(validation) if kind == "html" else record)
        for kind in ("html", "json")
        if not store.exists(f"{kept}.{kind}")
    ]
    seen = record_sighting(store, source, key, cycle)
    if any(new) or seen or store.find(f"{shown}.json") != record or not store.exists(f"{shown}.html"):
        _publish_source(validation, store, shown)
        _write(store, f"{shown}.json", record)
        publish_index(project, store)
    elif not store.exists(f"{FOLDER}/index.html"):
        publish_index(project, store)


def _publish_source(validation: SourceValidation, store: Store, shown: str) -> None:
    seen = sightings(store, validation.source)
    while True:
        _write(store, f"{shown}.html", _source_page(validation, store, history(seen)))
        # A process that saw something meanwhile may have written a page that this one just replaced.
        again = sightings(store, validation.source)
        if again == seen:
            return
        seen = again


def publish_index(project: Project, store: Store) -> None:
    """Write the index anew from the records that lie there, those of other processes included."""
    records = _records(store)
    while True:
        _write(store, f"{FOLDER}/index.html", _index_page(project, records))
        # A process that finished meanwhile may have written an index that this one just replaced.
        again = _records(store)
        if again == records:
            return
        records = again


def newest_validation(store: Store, source: str) -> SourceValidation | None:
    """The validation that the page of the source shows; None if there is none."""
    return read_record(store, f"{FOLDER}/{_stem(source)}.json")


def _stem(source: str) -> str:
    """A source may have the name of the index; no name of a source has a dot."""
    return "index.source" if source == "index" else source


def _write(store: Store, name: str, data: bytes) -> None:
    if store.find(name) != data:
        store.write(name, data)


def _records(store: Store) -> dict[str, SourceValidation]:
    """The newest validation of each source, by name; unreadable records are left out, and so shown as missing."""
    names = [name for name in store.list(FOLDER) if name.endswith(".json")]
    found = {name: read_record(store, f"{FOLDER}/{name}") for name in names}
    return {
        record.source: record for name, record in found.items() if record and name == f"{_stem(record.source)}.json"
    }


def _validation_page(validation: SourceValidation) -> bytes:
    return render("data_docs_validation.html.j2", **_shown(validation), up="../")


def _source_page(validation: SourceValidation, store: Store, past: list[Past]) -> bytes:
    rows = [_past_row(one, read_validation(store, validation.source, one.key)) for one in past[:_MOST_SHOWN]]
    return render(
        "data_docs_source.html.j2",
        **_shown(validation),
        up="",
        past=rows,
        older=len(past) - len(rows),
    )


def _shown(validation: SourceValidation) -> dict[str, Any]:
    """What the pages of a validation show of it."""
    # What blocks stands above what only warns, and what failed above what could not be judged.
    order = {"fail": 0, "error": 1, "empty": 2, "pass": 3}
    results = sorted(validation.results, key=lambda one: (not _blocks(one), order[one.status]))
    return {
        "it": validation.model_copy(update={"results": tuple(results)}),
        "key": validation.key,
        "page": f"{_stem(validation.source)}.html",
        **_count(validation.results),
    }


def _blocks(result: ExpectationResult) -> bool:
    return result.alarming or result.severity == "block"


def _past_row(past: Past, validation: SourceValidation | None) -> dict[str, Any]:
    """A row of the history; a damaged record leaves its page and its cycles."""
    cycles = past.cycles if len(past.cycles) <= _MOST_CYCLES else (past.cycles[0], "…", past.cycles[-1])
    said = ", ".join(cycles) + (f" ({len(past.cycles)} cycles)" if len(past.cycles) > _MOST_CYCLES else "")
    row: dict[str, Any] = {"key": past.key, "cycles": said or "none: only looked at", "status": "none"}
    if validation is None:
        return row
    return row | {
        "status": _worst(validation),
        "rows": validation.rows,
        "asked": len(validation.results),
        "set_aside": validation.set_aside.rows,
        "snapshot": validation.snapshot,
        "suite": validation.suite,
        **_count(validation.results),
    }


def _index_page(project: Project, records: dict[str, SourceValidation]) -> bytes:
    rows = [_row(project, name, records.get(name)) for name in sorted(project.sources)]
    return render(
        "data_docs_index.html.j2",
        project=project.project,
        rows=rows,
        failing=sum(row["failed"] > 0 for row in rows),
        unknown=sum(row["failed"] == 0 and row["unknown"] > 0 for row in rows),
        doubtful=sum(row["status"] != "pass" for row in rows),
        gone=[(name, f"{_stem(name)}.html") for name in sorted(set(records) - set(project.sources))],
    )


def _row(project: Project, name: str, validation: SourceValidation | None) -> dict[str, Any]:
    source = project.sources[name]
    domain = source.domain.name or f"by column {source.domain.column}"
    row = {"source": name, "kind": source.kind, "domain": domain, "steward": source.steward, "page": None}
    if validation is None:
        return row | {"status": "none", "failed": 0, "unknown": 0}
    return row | {
        "page": f"{_stem(name)}.html",
        "rows": validation.rows,
        "asked": len(validation.results),
        "set_aside": validation.set_aside.rows,
        "status": _worst(validation),
        **_count(validation.results),
    }


def _worst(validation: SourceValidation) -> str:
    statuses = {result.status for result in validation.results}
    return next((status for status in ("fail", "error", "empty") if status in statuses), "pass")


def _count(results: tuple[ExpectationResult, ...]) -> dict[str, int]:
    """Results by what a steward does about them."""
    counted = Counter(_word(one) for one in results)
    return {word: counted[word] for word in ("passed", "failed", "advised", "set_out", "unknown", "empty")}


def _word(result: ExpectationResult) -> str:
    if result.status == "fail":
        advised = "advised" if result.reason is None else "set_out"
        return "failed" if result.severity == "block" else advised
    return {"pass": "passed", "error": "unknown", "empty": "empty"}[result.status]
