"""Great Expectations on the metadata of a source: run once per snapshot and suite, kept, and shown in Data Docs.

Never the text: only the columns that an expectation names are read. All rows are judged; nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from anchor_pipeline.corpus.set_aside import SET_ASIDE_SCHEMA, SetAside, keep_set_aside
from anchor_pipeline.corpus.snapshot import canonical_digest, canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.data_docs import publish
from anchor_pipeline.ingest.expectation_models import (
    Expectation,
    ExpectationResult,
    ExpectationStatus,
    SourceValidation,
)
from anchor_pipeline.ingest.suites import suite, suite_digest
from anchor_pipeline.project import Project

if TYPE_CHECKING:
    from anchor_pipeline.ingest.gx_run import Judged, Outcome

__all__ = ["ExpectationResult", "SourceValidation", "suite", "validate_source"]

_FORMAT = 2
"""Raised whenever the code makes other results of the same rows."""

# What they ask of a column without any value can be answered.
_ABOUT_MISSING = (
    "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_to_exist",
    "expect_column_type_to_be",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
)


class _Kept(BaseModel):
    """Results on hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    results: tuple[ExpectationResult, ...]
    set_aside: SetAside


def validate_source(
    project: Project,
    name: str,
    metadata: Callable[[], pl.LazyFrame],
    store: Store,
    *,
    key: str,
    cycle: str | None = None,
) -> SourceValidation:
    """Judge the metadata of source `name`, and put the results into the Data Docs of the store.

    Args:
        project: the declaration.
        name: the source.
        metadata: gives its rows, with the columns METADATA_COLUMNS; not asked for results on hand.
        store: keeps the results under sources/<name>/expectations/, the rows that the suite keeps out under
            quarantine/<name>/expectations/, and the site under data_docs/.
        key: digest of what `metadata` holds, that is, of the snapshot.
        cycle: key of the cycle that is being built, for the history that the site shows; None for a mere look.

    Gives one result per expectation of `suite(project, name)`, in its order. Raises DeclarationError if the
    source's `expectations` name something that does not exist; DamagedData if the rows cannot be read.

    """
    asked = suite(project, name)
    engine = f"great_expectations {version('great_expectations')}"
    asked_digest = suite_digest(asked)
    inputs = {"format": _FORMAT, "key": key, "suite": asked_digest, "engine": engine}
    file = f"sources/{name}/expectations/{canonical_digest(inputs)}.json"
    kept = _kept(store, file)
    if kept is None:
        kept = _judge(project, name, asked, metadata(), store)
        # What could not be evaluated may be evaluated next time: an error is no finding about the rows.
        if all(result.status != "error" for result in kept.results):
            store.write(file, canonical_json(kept.model_dump(mode="json")))
    source = project.sources[name]
    validation = SourceValidation(
        source=name,
        kind=source.kind,
        domain=source.domain.name or f"by column {source.domain.column}",
        steward=source.steward,
        snapshot=key,
        suite=asked_digest,
        engine=engine,
        rows=max((result.rows for result in kept.results), default=0),
        results=kept.results,
        set_aside=kept.set_aside,
    )
    publish(project, validation, store, cycle=cycle)
    return validation


def _kept(store: Store, name: str) -> _Kept | None:
    """Results on hand; None if there are none, or they are not readable, or the rows they tell of are gone."""
    if not store.exists(name):
        return None
    try:
        kept = _Kept.model_validate_json(store.read(name))
    except ValidationError:
        return None
    return kept if kept.set_aside.file is None or store.exists(kept.set_aside.file) else None


def _judge(project: Project, name: str, asked: Sequence[Expectation], metadata: pl.LazyFrame, store: Store) -> _Kept:
    from anchor_pipeline.ingest.gx_build import build, requirement
    from anchor_pipeline.ingest.gx_run import evaluate

    built = build(project, name, asked)
    judged = evaluate(name, asked, built, metadata)
    results = tuple(
        _result(name, item, requirement(one), outcome, judged)
        for item, one, outcome in zip(asked, built, judged.outcomes, strict=True)
    )
    unknown = tuple(one.name for one in results if one.status == "error" and one.reason is not None)
    return _Kept(results=results, set_aside=keep_set_aside(store, name, _violating(name, asked, judged), unknown))


def _violating(source: str, asked: Sequence[Expectation], judged: Judged) -> Any:
    """Rows that violate expectations which quarantine, SET_ASIDE_SCHEMA: each once, for the first it violates."""
    found = []
    for item, outcome in zip(asked, judged.outcomes, strict=True):
        if item.reason is not None and outcome.violating is not None and outcome.violating.height:
            shown = [
                pl.format("{} = {}", pl.lit(column), pl.col(column).cast(pl.String).fill_null("null").str.slice(0, 200))
                for column in item.columns
            ]
            found.append(
                outcome.violating.select(
                    pl.lit(source).alias("source"), "raw_file", "raw_row", "doc_id",
                    pl.lit(item.reason).alias("reason"), pl.concat_str(shown, separator=", ").alias("detail"),
                )
            )  # fmt: skip
    if not found:
        return SET_ASIDE_SCHEMA.empty_table()
    rows = pl.concat(found).unique(["raw_file", "raw_row"], keep="first", maintain_order=True)
    return rows.sort("raw_file", "raw_row").to_arrow().cast(SET_ASIDE_SCHEMA)


def _result(source: str, item: Expectation, requirement: str, outcome: Outcome, judged: Judged) -> ExpectationResult:
    status = _status(item, outcome, judged)
    with_value = outcome.rows - outcome.missing
    counted = outcome.unexpected is not None and status in ("pass", "fail") and bool(outcome.rows)
    percent = round(100 * (outcome.unexpected or 0) / with_value, 6) if counted and with_value else None
    return ExpectationResult(
        source=source,
        name=item.name,
        type=item.type,
        columns=item.columns,
        severity=item.severity,
        declared=item.declared is not None,
        requirement=requirement,
        status=status,
        observed=_observed(status, outcome, with_value, judged.rows),
        rows=judged.rows,
        unexpected=outcome.unexpected if counted else None,
        unexpected_percent=percent,
        examples=outcome.examples if status in ("pass", "fail") else (),
        error=outcome.error if status == "error" else None,
        reason=item.reason,
    )


def _status(item: Expectation, outcome: Outcome, judged: Judged) -> ExpectationStatus:
    # A table that should have rows and has none is a violation; a column of no rows, or no values, is no evidence.
    if judged.rows == 0 and item.columns:
        return "empty"
    if item.type not in _ABOUT_MISSING and len(item.columns) == 1 and item.columns[0] in judged.valueless:
        return "empty"
    if outcome.error is not None:
        return "error"
    if outcome.unexpected is not None and outcome.rows and outcome.rows == outcome.missing:
        return "empty"
    return "pass" if outcome.passed else "fail"


def _observed(status: ExpectationStatus, outcome: Outcome, judged: int, rows: int) -> str:
    if status == "empty":
        return "no values to judge by: no row has one" if rows else "no rows to judge by"
    if status == "error":
        return f"could not be evaluated: {outcome.error}"
    if outcome.unexpected is None:
        return f"observed {_number(outcome.observed)}"
    if outcome.rows == 0 and rows:
        return "no row meets its condition"
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
