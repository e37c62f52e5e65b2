"""The Data Docs: a static site of the latest validation of every source, to be opened from disk.

data_docs/index.html          all sources
data_docs/<source>.html       one source
data_docs/<source>.json       the same, for programs; the index is made of these

The words are Great Expectations' (each requirement is what its renderer says), the pages are ours: its own load
styles, icons and scripts from eight hosts and show no outcome at all without them, hold tracebacks and random ids,
and so differ from run to run. Ours can be rebuilt from the results without importing it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import ValidationError

from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.expectation_models import ExpectationResult, SourceValidation
from anchor_pipeline.pages import render
from anchor_pipeline.project import Project

FOLDER = "data_docs"


def publish(project: Project, validation: SourceValidation, store: Store) -> None:
    """Show `validation` in place of the source's earlier one; nothing is written if the site shows it already."""
    name = f"{FOLDER}/{validation.source}"
    page = _source_page(validation)
    record = canonical_json(validation.model_dump(mode="json"))
    changed = _write(store, f"{name}.html", page)
    # The record is last: where it is, the page is.
    if _write(store, f"{name}.json", record) or changed or not store.exists(f"{FOLDER}/index.html"):
        publish_index(project, store)


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


def _write(store: Store, name: str, data: bytes) -> bool:
    if store.exists(name) and store.read(name) == data:
        return False
    store.write(name, data)
    return True


def _records(store: Store) -> dict[str, SourceValidation]:
    """The latest validation of each source, by name; unreadable records are left out, and so shown as missing."""
    found: dict[str, SourceValidation] = {}
    for name in store.list(FOLDER):
        if name.endswith(".json"):
            try:
                found[name.removesuffix(".json")] = SourceValidation.model_validate_json(store.read(f"{FOLDER}/{name}"))
            except ValidationError:
                continue
    return found


def _source_page(validation: SourceValidation) -> bytes:
    counted = _count(validation.results)
    # What blocks stands above what only warns, and what failed above what could not be judged.
    order = {"fail": 0, "error": 1, "empty": 2, "pass": 3}
    results = sorted(validation.results, key=lambda one: (one.severity != "block", order[one.status]))
    return render(
        "data_docs_source.html.j2",
        it=validation.model_copy(update={"results": tuple(results)}),
        failed=counted["failed"],
        advised=counted["advised"],
        doubtful=counted["doubtful"],
    )


def _index_page(project: Project, records: dict[str, SourceValidation]) -> bytes:
    rows = [_row(project, name, records.get(name)) for name in sorted(project.sources)]
    return render(
        "data_docs_index.html.j2",
        project=project.project,
        rows=rows,
        failing=sum(row["failed"] > 0 for row in rows),
        doubtful=sum(row["failed"] == 0 and row["status"] != "pass" for row in rows),
        gone=sorted(set(records) - set(project.sources)),
    )


def _row(project: Project, name: str, validation: SourceValidation | None) -> dict[str, Any]:
    source = project.sources[name]
    domain = source.domain.name or f"by column {source.domain.column}"
    row = {"source": name, "kind": source.kind, "domain": domain, "steward": source.steward, "page": None}
    if validation is None:
        return row | {"status": "none", "failed": 0}
    counted = _count(validation.results)
    statuses = {result.status for result in validation.results}
    worst = next((status for status in ("fail", "error", "empty") if status in statuses), "pass")
    page = {"page": f"{name}.html", "rows": validation.rows, "asked": len(validation.results), "status": worst}
    return row | page | {key: counted[key] for key in ("passed", "failed", "advised", "doubtful")}


def _count(results: tuple[ExpectationResult, ...]) -> Counter[str]:
    """Results by what a steward does about them."""
    words = {"pass": "passed", "error": "doubtful", "empty": "doubtful"}
    return Counter(words.get(one.status, "failed" if one.severity == "block" else "advised") for one in results)
