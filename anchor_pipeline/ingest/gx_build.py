"""Declared expectations as Great Expectations objects; whatever it would choke on later is said here, with line.

Imports of great_expectations (about 3 CPU-seconds) stay inside functions.
"""

from __future__ import annotations

import difflib
import os
import re
import string
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from anchor_pipeline.corpus.document import CONTENT_COLUMNS, METADATA_COLUMNS
from anchor_pipeline.errors import AnchorError, DeclarationError, Problem
from anchor_pipeline.ingest.expectation_models import Expectation
from anchor_pipeline.project import Project
from anchor_pipeline.project.yaml_lines import read_yaml

_ABOUT_ROWS = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")
# About databases, other tables, or the names of columns, which are ours and not the project's.
_NOT_FOR_METADATA = re.compile(r"expect_(query|table|multicolumn_values_to_be_unique$).*|unexpected_rows_expectation")
# Settings of how Great Expectations runs and reports, which are ours.
_RESERVED = ("id", "meta", "notes", "result_format", "catch_exceptions", "rendered_content", "windows", "batch_id")
_NUMBERS = ("tokens", "bytes", "raw_row")
# Their limits are compared with what stands in the column.
_COMPARED = (
    "expect_column_values_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
)
_DATES = ("min_value", "max_value", "value_set", "value")


def prepare() -> None:
    """Import Great Expectations with its usage statistics off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations  # noqa: F401


def build(project: Project, source: str, expectations: Sequence[Expectation]) -> list[Any]:
    """One Great Expectations object per expectation, in order; its `meta` holds the position.

    Raises DeclarationError with everything wrong in the source's `expectations`: unknown types, columns and
    arguments, with the nearest valid name.
    """
    prepare()
    built: list[Any] = []
    problems: list[tuple[Expectation, str, str]] = []
    for position, item in enumerate(expectations):
        try:
            built.append(_build(item, position))
        except _Wrong as wrong:
            problems.append((item, wrong.key, str(wrong)))
    if problems:
        raise _declaration_error(project, source, problems)
    return built


class _Wrong(AnchorError):
    """What is wrong with an expectation, and the key it is wrong in."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


def _build(item: Expectation, position: int) -> Any:
    implementation = _implementation(item.type)
    fields = [name for name in implementation.__fields__ if name not in _RESERVED]
    for column in item.columns:
        _check_column(column)
    for key in item.arguments:
        if key not in fields:
            raise _Wrong(key, f"`{item.type}` takes no `{key}`{nearest(key, fields)}")
    arguments = dict(item.arguments)
    _check_values(item)
    if item.columns == ("collected_at",):
        arguments |= {key: _instant(key, arguments[key]) for key in _DATES if arguments.get(key) is not None}
    try:
        return implementation(**arguments, meta={"position": position})
    except ValueError as error:  # pydantic's, of whichever version Great Expectations was built with
        detail = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        key = next((str(part) for part in detail["loc"] if part != "__root__"), "")
        what = f"`{key}` of `{item.type}`" if key else f"`{item.type}`"
        raise _Wrong(key or "type", f"{what}: {detail['msg']}") from None


def _implementation(name: str) -> Any:
    from great_expectations.expectations import registry

    known = sorted(set(registry.list_registered_expectation_implementations()))
    usable = [one for one in known if one in _ABOUT_ROWS or _NOT_FOR_METADATA.fullmatch(one) is None]
    if name not in known:
        raise _Wrong("type", f"there is no expectation `{name}`{nearest(name, usable)}")
    if name not in usable:
        raise _Wrong("type", f"`{name}` cannot be asked of metadata columns; ask for values of one or more columns")
    return registry.get_expectation_impl(name)


def _check_column(column: str) -> None:
    if column in CONTENT_COLUMNS:
        raise _Wrong(
            "column", f"expectations look at metadata, not at `{column}` itself; try `tokens`, `bytes` or `digest`"
        )
    if column not in METADATA_COLUMNS:
        raise _Wrong("column", f"documents have no column `{column}`{nearest(column, METADATA_COLUMNS)}")


def _check_values(item: Expectation) -> None:
    """Values are of the kind that the column holds: of another, all rows would seem to violate, or none be judged."""
    if len(item.columns) != 1 or item.columns == ("collected_at",):
        return
    column = item.columns[0]
    numeric = column in _NUMBERS
    values = item.arguments.get("value_set")
    for value in values if isinstance(values, (list, tuple)) else ():
        if isinstance(value, str) == numeric:
            other = "numbers" if numeric else f'text: write "{value}" in quotes'
            raise _Wrong("value_set", f"`value_set` of `{item.type}` has {value!r}, but `{column}` holds {other}")
    for key in ("min_value", "max_value") if item.type in _COMPARED else ():
        value = item.arguments.get(key)
        if value is not None and not (numeric and isinstance(value, (int, float))):
            hint = "write a number" if numeric else "ask for lengths, a value_set or a regex"
            holds = "numbers" if numeric else "text"
            raise _Wrong(key, f"`{key}` of `{item.type}` is {value!r}, but `{column}` holds {holds}; {hint}")


def _instant(key: str, value: Any) -> Any:
    """Dates as written in YAML, as the UTC instants that the column holds."""
    if isinstance(value, list):
        return [_instant(key, item) for item in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise _Wrong(key, f"`{key}` is {value!r}; write a date such as 2021-07-05, or a date and time") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def nearest(name: str, valid: Iterable[str]) -> str:
    """An end for a sentence that found `name` unknown: up to three near names, or all of a few."""
    names = list(valid)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(f'`{one}`' for one in close)}?"
    return f"; valid are {', '.join(names)}" if len(names) <= 30 else "; see the gallery of Great Expectations"


def _declaration_error(
    project: Project, source: str, problems: Sequence[tuple[Expectation, str, str]]
) -> DeclarationError:
    """The problems with the lines they stand on, as far as the file can still be read."""
    try:
        document = read_yaml(project.path.read_text(encoding="utf-8"), str(project.path))
    except (OSError, ValueError, DeclarationError):
        document = None
    found: list[Problem] = []
    for item, key, message in problems:
        path = ("sources", source, "expectations", item.declared or 0, key)
        line = document.line(path) if document is not None else 1
        found.append(Problem(str(project.path), line, f"expectations of source `{source}`: {message}"))
    return DeclarationError(found)


def requirement(expectation: Any) -> str:
    """What an expectation asks, as Great Expectations words it."""
    expectation.render()
    for content in expectation.rendered_content:
        rendered = content.to_json_dict()
        if rendered["name"] == "atomic.prescriptive.summary" and rendered["value"].get("template"):
            values = rendered["value"].get("params", {})
            words = {name: _word(parameter.get("value")) for name, parameter in values.items()}
            return string.Template(rendered["value"]["template"]).safe_substitute(words).strip()
    return str(expectation.expectation_type)


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    # Row conditions come wrapped in the name of a class.
    return re.sub(r"^PassThrough\('(.*)'\)$", r"\1", str(value))
