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
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Batch:
    """Expectations that are evaluated together, and the columns that keep rows together when split."""

    positions: list[int]
    key: tuple[str, ...] | None
    """None: one piece, whatever its size."""


def evaluate(
    source: str, expectations: Sequence[Expectation], built: Sequence[Any], metadata: pl.LazyFrame
) -> tuple[int, list[Outcome]]:
    """The number of rows, and the outcome of each expectation, in order.

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
        parts = max(1, -(-rows // ROWS_AT_ONCE))
        found: dict[int, list[Outcome]] = {position: [] for position in range(len(built))}
        for batch in _batches(expectations, split=parts > 1):
            columns = _touched([expectations[position] for position in batch.positions])
            for piece in _pieces(metadata, columns, batch.key, parts):
                outcomes = _run(source, [built[position] for position in batch.positions], piece, columns)
                for position, outcome in outcomes.items():
                    found[position].append(outcome)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DamagedData(f"source {source}: its metadata cannot be read for validation: {error}") from None
    return rows, [_merged(found[position], item) for position, item in enumerate(expectations)]


def _batches(expectations: Sequence[Expectation], *, split: bool) -> Iterator[_Batch]:
    if not split:
        yield _Batch(list(range(len(expectations))), None)
        return
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for position, item in enumerate(expectations):
        if _ROWWISE.fullmatch(item.type):
            groups.setdefault(("rows", ("doc_id",)), []).append(position)
        else:
            kind = "rows" if item.type in _UNIQUE else "whole"
            groups.setdefault((kind, item.columns), []).append(position)
    for (kind, columns), positions in groups.items():
        yield _Batch(positions, columns if kind == "rows" else None)


def _touched(expectations: Sequence[Expectation]) -> list[str]:
    """The columns that expectations name, in their row conditions too."""
    words = {word for item in expectations for word in re.findall(r"\w+", str(item.arguments.get("row_condition", "")))}
    named = {column for item in expectations for column in item.columns} | words
    return [column for column in METADATA_COLUMNS if column in named]


def _pieces(
    metadata: pl.LazyFrame, columns: Sequence[str], key: tuple[str, ...] | None, parts: int
) -> Iterator[pl.DataFrame]:
    """The rows in pieces, each in the order of the raw files, so that the order of shards does not show."""
    wanted = metadata.select(list(dict.fromkeys([*columns, *_PLACE])))
    if "parents" in columns:
        joined = pl.col("parents").list.join(", ")
        wanted = wanted.with_columns(parents=pl.when(pl.col("parents").list.len() > 0).then(joined))
    if key is None:
        yield wanted.sort("raw_file", "raw_row").collect(engine="streaming")
        return
    for part in range(parts):
        mine = pl.struct(key).hash(seed=0) % parts == part
        yield wanted.filter(mine).sort("raw_file", "raw_row").collect(engine="streaming")


def _run(source: str, built: Sequence[Any], piece: pl.DataFrame, columns: Sequence[str]) -> dict[int, Outcome]:
    """Outcomes by the positions in the expectations' `meta`. Great Expectations gives them back in another order."""
    import great_expectations as gx

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("metadata").add_dataframe_asset(source)
    definition = gx.ValidationDefinition(
        name=source,
        data=asset.add_batch_definition_whole_dataframe("all"),
        suite=context.suites.add(gx.ExpectationSuite(name=source, expectations=[copy.copy(one) for one in built])),
    )
    # With the default index, violating rows come back as positions; named columns would build a list of all of them.
    result = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": piece.select(columns or ["doc_id"]).to_pandas()},
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
    )
    outcomes: dict[int, Outcome] = {}
    for one in result.to_json_dict()["results"]:
        outcomes[one["expectation_config"]["meta"]["position"]] = _outcome(one, piece)
    return outcomes


def _outcome(result: dict[str, Any], piece: pl.DataFrame) -> Outcome:
    values, config = result["result"], result["expectation_config"]["kwargs"]
    named = [config[key] for key in ("column", "column_A", "column_B") if key in config]
    named += config.get("column_list", [])
    index = [at for at in values.get("partial_unexpected_index_list") or [] if isinstance(at, int)]
    return Outcome(
        passed=bool(result["success"]),
        rows=values.get("element_count", piece.height),
        unexpected=values.get("unexpected_count"),
        missing=values.get("missing_count") or 0,
        observed=values.get("observed_value"),
        examples=tuple(_example(piece, at, named) for at in index[:EXAMPLES]),
        error=_error(result["exception_info"]),
    )


def _example(piece: pl.DataFrame, at: int, columns: Sequence[str]) -> Example:
    row = piece.row(at, named=True)
    shown = {column: _shortened(row[column]) for column in columns}
    return Example(raw_file=row["raw_file"], raw_row=row["raw_row"], doc_id=row["doc_id"], values=shown)


def _shortened(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _error(info: dict[str, Any]) -> str | None:
    """Why an expectation raised, or None. Tracebacks name the machine's folders and stay out."""
    raised = info if "raised_exception" in info else next(iter(info.values()), {})
    if not raised.get("raised_exception"):
        return None
    lines = str(raised.get("exception_message") or "").strip().splitlines()
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
    return Outcome(
        passed=judged == 0 or (judged - unexpected) / judged >= mostly,
        rows=rows,
        unexpected=unexpected,
        missing=missing,
        observed=None,
        examples=tuple(examples[:EXAMPLES]),
        error=next((one.error for one in pieces if one.error is not None), None),
    )
