"""Great Expectations on the metadata of a source: run once per snapshot and suite, kept, and shown in Data Docs.

Never the text: only the columns that an expectation names are read. All rows are judged; nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import polars as pl
from pydantic import ValidationError

from anchor_pipeline.corpus.snapshot import canonical_digest, canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.data_docs import publish
from anchor_pipeline.ingest.expectation_models import Expectation, ExpectationResult, SourceValidation
from anchor_pipeline.ingest.suites import suite, suite_digest
from anchor_pipeline.project import Project

__all__ = ["ExpectationResult", "SourceValidation", "suite", "validate_source"]

_FORMAT = 1
"""Raised whenever the code makes other results of the same rows."""


def validate_source(
    project: Project, name: str, metadata: pl.LazyFrame, store: Store, *, key: str
) -> list[ExpectationResult]:
    """Judge the metadata of source `name`, and put the results into the Data Docs of the store.

    Args:
        project: the declaration.
        name: the source.
        metadata: its rows, with the columns METADATA_COLUMNS; read lazily, and not at all for results on hand.
        store: keeps the results under sources/<name>/expectations/ and the site under data_docs/.
        key: digest of what `metadata` holds, that is, of the snapshot.

    Returns one result per expectation of `suite(project, name)`, in its order. Raises DeclarationError if the
    source's `expectations` name something that does not exist; DamagedData if the rows cannot be read.

    """
    asked = suite(project, name)
    engine = f"great_expectations {version('great_expectations')}"
    asked_digest = suite_digest(asked)
    inputs = {"format": _FORMAT, "key": key, "suite": asked_digest, "engine": engine}
    kept = f"sources/{name}/expectations/{canonical_digest(inputs)}.json"
    results = _kept(store, kept)
    if results is None:
        results = _judge(project, name, asked, metadata)
        # What could not be evaluated may be evaluated next time: an error is no finding about the rows.
        if all(result.status != "error" for result in results):
            store.write(kept, canonical_json([result.model_dump(mode="json") for result in results]))
    source = project.sources[name]
    validation = SourceValidation(
        source=name,
        kind=source.kind,
        domain=source.domain.name or f"by column {source.domain.column}",
        steward=source.steward,
        snapshot=key,
        suite=asked_digest,
        engine=engine,
        rows=max((result.rows for result in results), default=0),
        results=tuple(results),
    )
    publish(project, validation, store)
    return results


def _kept(store: Store, name: str) -> list[ExpectationResult] | None:
    """Results on hand; None if there are none, or they are not readable as such."""
    import json

    if not store.exists(name):
        return None
    try:
        return [ExpectationResult.model_validate(item) for item in json.loads(store.read(name))]
    except (ValueError, ValidationError, TypeError):
        return None


def _judge(
    project: Project, name: str, asked: Sequence[Expectation], metadata: pl.LazyFrame
) -> list[ExpectationResult]:
    from anchor_pipeline.ingest.gx_build import build, requirement
    from anchor_pipeline.ingest.gx_run import evaluate

    built = build(project, name, asked)
    rows, outcomes = evaluate(name, asked, built, metadata)
    return [
        _result(name, item, requirement(one), outcome, rows)
        for item, one, outcome in zip(asked, built, outcomes, strict=True)
    ]


def _result(source: str, item: Expectation, requirement: str, outcome: Any, rows: int) -> ExpectationResult:
    # A table that should have rows and has none is a violation; a column of no rows is no evidence.
    empty = rows == 0 and bool(item.columns)
    status = "empty" if empty else "error" if outcome.error else "pass" if outcome.passed else "fail"
    judged = outcome.rows - outcome.missing
    counted = outcome.unexpected is not None and not empty and outcome.error is None
    return ExpectationResult.model_validate(
        {
            "source": source,
            "name": item.name,
            "type": item.type,
            "columns": item.columns,
            "severity": item.severity,
            "declared": item.declared is not None,
            "requirement": requirement,
            "status": status,
            "observed": _observed(status, outcome, judged),
            "rows": rows,
            "unexpected": outcome.unexpected if counted else None,
            "unexpected_percent": round(100 * outcome.unexpected / judged, 6) if counted and judged else None,
            "examples": outcome.examples,
            "error": outcome.error if status == "error" else None,
        }
    )


def _observed(status: str, outcome: Any, judged: int) -> str:
    if status == "empty":
        return "no rows to judge by"
    if status == "error":
        return f"not evaluated: {outcome.error}"
    if outcome.unexpected is None:
        return f"observed {_number(outcome.observed)}"
    without = f"; {outcome.missing:,} have no value" if outcome.missing else ""
    if outcome.unexpected == 0:
        return f"all {judged:,} rows as expected{without}"
    percent = 100 * outcome.unexpected / judged if judged else 0.0
    return f"{outcome.unexpected:,} of {judged:,} rows unexpected ({percent:.2f} %){without}"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = str(value)
        return text if len(text) <= 200 else text[:199] + "…"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
