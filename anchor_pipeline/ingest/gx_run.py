"""Great Expectations over metadata frames, in pieces that fit into memory.

A pandas batch holds at most ROWS_AT_ONCE rows. Expectations that look at one row at a time are evaluated per piece
and counted together; those about uniqueness too, over pieces made by a hash of their columns, which keeps equal
values together. The few about a column as a whole (a mean, a quantile, an order) see all of it, and only it:
8 bytes a row for numbers. No row is left out and nothing is sampled.

`parents` is shown to Great Expectations as one string with commas, null where there are none: it cannot judge lists.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA, METADATA_COLUMNS
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.ingest.expectation_models import Example, Expectation

ROWS_AT_ONCE = 250_000
"""About 350 MB with the working space of pandas and Great Expectations."""
EXAMPLES = 5
_SHOWN = 120
_PLACE = ("raw_file", "raw_row", "doc_id")

_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
# Known to judge each row by itself. Any other type sees its whole columns at once.
_ROWWISE = re.compile(
    r"expect_column_values_to_(not_)?(be_null|be_between|be_in_set|be_in_type_list|be_of_type|match_.*"
    r"|be_dateutil_parseable|be_json_parseable)|expect_column_value_lengths_to_(be_between|equal)"
    r"|expect_column_pair_values_.*|expect_select_column_values_to_be_unique_within_record"
    r"|expect_multicolumn_sum_to_equal|expect_multicolumn_values_to_be_equal"
)


@dataclass(frozen=True)
class Outcome:
    """What came of an expectation over some rows, or over all."""

    passed: bool
    rows: int
    unexpected: int | None
    missing: int
    """Rows that have no value there and so are not judged."""
    observed: Any
    examples: tuple[Example, ...]
    error: str | None
    violating: pl.DataFrame | None = None
    """All rows that violate it (_PLACE and its columns), if its rows are quarantined and it was evaluated."""


@dataclass(frozen=True)
class _Batch:
    """Expectations that are evaluated together, and the columns that keep rows together when split."""

    positions: list[int]
    key: tuple[str, ...] | None
    """None: one piece, whatever its size."""


@dataclass(frozen=True)
class Judged:
    """What came of all expectations."""

    rows: int
    valueless: frozenset[str]
    """Columns that have no value in any row."""
    outcomes: list[Outcome]


def evaluate(source: str, expectations: Sequence[Expectation], built: Sequence[Any], metadata: pl.LazyFrame) -> Judged:
    """The outcome of each expectation, in order.

    Whatever Great Expectations raises over one of them is that one's error, and the others' are evaluated.

    Args:
        source: its name, for messages.
        expectations: what is asked.
        built: the same as Great Expectations objects (gx_build.build).
        metadata: columns METADATA_COLUMNS, or as many of them as the expectations touch, and _PLACE.

    """
    try:
        rows = int(metadata.select(pl.len()).collect().item())
        if rows == 0:
            # Whoever has no rows may not know their types either.
            metadata = pl.LazyFrame(pl.from_arrow(DOCUMENT_SCHEMA.empty_table()))
        valueless = _valueless(expectations, metadata)
        parts = max(1, -(-rows // ROWS_AT_ONCE))
        found: dict[int, list[Outcome]] = {position: [] for position in range(len(built))}
        for batch in _batches(expectations, split=parts > 1):
            columns = _touched([expectations[position] for position in batch.positions])
            for piece in _pieces(metadata, columns, batch.key, parts):
                chosen = [(position, expectations[position], built[position]) for position in batch.positions]
                for position, outcome in _run(source, chosen, piece, columns).items():
                    found[position].append(outcome)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DamagedData(f"source {source}: its metadata cannot be read for validation: {error}") from None
    outcomes = [_merged(found[position], item) for position, item in enumerate(expectations)]
    return Judged(rows, valueless, outcomes)


def _valueless(expectations: Sequence[Expectation], metadata: pl.LazyFrame) -> frozenset[str]:
    named = {column for item in expectations for column in item.columns}
    columns = [column for column in METADATA_COLUMNS if column in named]
    counted = _shown_columns(metadata, columns).select(pl.col(columns).count()).collect(engine="streaming")
    return frozenset(name for name, number in counted.to_dicts()[0].items() if number == 0)


def _batches(expectations: Sequence[Expectation], *, split: bool) -> Iterator[_Batch]:
    """Those that quarantine apart from the others, for all their violating rows are listed."""
    groups: dict[tuple[bool, tuple[str, ...] | None, tuple[str, ...]], list[int]] = {}
    for position, item in enumerate(expectations):
        listed = item.reason is not None
        if not split:
            groups.setdefault((listed, None, ()), []).append(position)
        elif _ROWWISE.fullmatch(item.type):
            groups.setdefault((listed, ("doc_id",), ()), []).append(position)
        else:
            key = item.columns if item.type in _UNIQUE else None
            groups.setdefault((listed, key, item.columns), []).append(position)
    for (_, key, _), positions in groups.items():
        yield _Batch(positions, key)


def _touched(expectations: Sequence[Expectation]) -> list[str]:
    """The columns that expectations name, in their row conditions too."""
    words = {word for item in expectations for word in re.findall(r"\w+", str(item.arguments.get("row_condition", "")))}
    named = {column for item in expectations for column in item.columns} | words
    return [column for column in METADATA_COLUMNS if column in named]


def _pieces(
    metadata: pl.LazyFrame, columns: Sequence[str], key: tuple[str, ...] | None, parts: int
) -> Iterator[pl.DataFrame]:
    """The rows in pieces, each in the order of the raw files, so that the order of shards does not show."""
    wanted = _shown_columns(metadata, list(dict.fromkeys([*columns, *_PLACE])))
    if key is None:
        yield wanted.sort("raw_file", "raw_row").collect(engine="streaming")
        return
    for part in range(parts):
        mine = pl.struct(key).hash(seed=0) % parts == part
        yield wanted.filter(mine).sort("raw_file", "raw_row").collect(engine="streaming")


def _shown_columns(metadata: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """The columns as Great Expectations is shown them."""
    wanted = metadata.select(columns)
    if "parents" not in columns:
        return wanted
    joined = pl.col("parents").list.join(", ")
    return wanted.with_columns(parents=pl.when(pl.col("parents").list.len() > 0).then(joined))


_Chosen = Sequence[tuple[int, Expectation, Any]]
"""Expectations with their positions, and as Great Expectations objects."""


def _run(source: str, chosen: _Chosen, piece: pl.DataFrame, columns: Sequence[str]) -> dict[int, Outcome]:
    """Outcomes by position, one for each of `chosen`."""
    try:
        results = _results(source, chosen, piece, columns)
    # Whatever a third party's code raises over data that is not ours says that it could not be evaluated.
    except Exception as error:
        if len(chosen) > 1:
            return {at: it for one in chosen for at, it in _run(source, [one], piece, columns).items()}
        return {chosen[0][0]: _not_evaluated(piece, _told(f"{type(error).__name__}: {error}"))}
    return {
        position: _outcome(results[position], item, piece)
        if position in results
        else _not_evaluated(piece, "Great Expectations gave no result")
        for position, item, _ in chosen
    }


def _results(source: str, chosen: _Chosen, piece: pl.DataFrame, columns: Sequence[str]) -> dict[int, dict[str, Any]]:
    """Results by the positions in the expectations' `meta`. Great Expectations gives them back in another order."""
    import great_expectations as gx

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("metadata").add_dataframe_asset(source)
    expectations = [copy.copy(one) for _, _, one in chosen]
    definition = gx.ValidationDefinition(
        name=source,
        data=asset.add_batch_definition_whole_dataframe("all"),
        suite=context.suites.add(gx.ExpectationSuite(name=source, expectations=expectations)),
    )
    # With the default index, violating rows come back as positions; named columns would build a list of all of them.
    asked: dict[str, Any] = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
    if any(item.reason is not None for _, item, _ in chosen):
        asked |= {
            "result_format": "COMPLETE",
            "exclude_unexpected_values": True,
            "return_unexpected_index_query": False,
        }
    result = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": piece.select(columns or ["doc_id"]).to_pandas()}, result_format=asked
    )
    return {one["expectation_config"]["meta"]["position"]: one for one in result.to_json_dict()["results"]}


def _outcome(result: dict[str, Any], item: Expectation, piece: pl.DataFrame) -> Outcome:
    values, error = result["result"], _error(result["exception_info"])
    index = [at for at in values.get("partial_unexpected_index_list") or [] if isinstance(at, int)]
    outcome = Outcome(
        passed=bool(result["success"]),
        rows=values.get("element_count", piece.height),
        unexpected=values.get("unexpected_count"),
        missing=values.get("missing_count") or 0,
        observed=values.get("observed_value"),
        examples=tuple(_example(piece, at, item.columns) for at in index[:EXAMPLES]),
        error=error,
    )
    if item.reason is None or error is not None:
        return outcome
    listed = values.get("unexpected_index_list")
    # Only a list of all of them tells which rows may stay.
    if outcome.unexpected is None or listed is None or len(set(listed)) != outcome.unexpected:
        return replace(outcome, error="Great Expectations did not list the rows that violate it")
    wanted = list(dict.fromkeys([*_PLACE, *item.columns]))
    return replace(outcome, violating=piece.select(wanted)[sorted(listed)])


def _not_evaluated(piece: pl.DataFrame, why: str) -> Outcome:
    return Outcome(passed=False, rows=piece.height, unexpected=None, missing=0, observed=None, examples=(), error=why)


def _example(piece: pl.DataFrame, at: int, columns: Sequence[str]) -> Example:
    row = piece.row(at, named=True)
    shown = {column: _shortened(row[column]) for column in columns}
    return Example(raw_file=row["raw_file"], raw_row=row["raw_row"], doc_id=row["doc_id"], values=shown)


def _shortened(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _error(info: dict[str, Any]) -> str | None:
    """Why an expectation raised, or None. Some are told of directly, others by metric, of which any may have raised."""
    # Of several metrics that failed, Great Expectations names them in no certain order.
    every = [info] if "raised_exception" in info else list(info.values())
    messages = [str(one.get("exception_message") or "") for one in every if one.get("raised_exception")]
    if messages:
        return _told(min(messages))
    return None


def _told(message: str) -> str:
    """The first line, the same in every run: tracebacks and addresses of objects stay out."""
    lines = re.sub(r" at 0x[0-9a-fA-F]+", "", message).strip().splitlines()
    return (lines[0] if lines else "it raised an exception without a message")[:300]


def _merged(pieces: Sequence[Outcome], item: Expectation) -> Outcome:
    """The outcome over all pieces; `mostly` is judged once, over all rows."""
    if len(pieces) == 1:
        return pieces[0]
    rows, missing = sum(one.rows for one in pieces), sum(one.missing for one in pieces)
    unexpected = sum(one.unexpected or 0 for one in pieces)
    judged = rows - missing
    mostly = float(item.arguments.get("mostly", 1.0))
    examples = sorted((example for one in pieces for example in one.examples), key=lambda e: (e.raw_file, e.raw_row))
    violating = [one.violating for one in pieces if one.violating is not None]
    return Outcome(
        passed=judged == 0 or (judged - unexpected) / judged >= mostly,
        rows=rows,
        unexpected=unexpected,
        missing=missing,
        observed=None,
        examples=tuple(examples[:EXAMPLES]),
        error=next((one.error for one in pieces if one.error is not None), None),
        violating=pl.concat(violating).sort("raw_file", "raw_row") if violating else None,
    )
