"""An expectation on the metadata of a source, and what came of it. Plain data: Great Expectations is not needed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

ExpectationStatus = Literal["pass", "fail", "error", "empty"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expectation(_Record):
    """One expectation, by Great Expectations' own names, before it is tried."""

    name: str
    """Unique within the source, and the same in every run: type, columns, and a number if asked twice."""
    type: str
    arguments: dict[str, Any]
    """Keyword arguments of the type, `column` and `severity` among them."""
    declared: int | None
    """Position in the source's `expectations`; None if the suite of its kind asks for it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about; none for those about the whole table."""
        named = [self.arguments[key] for key in ("column", "column_A", "column_B") if key in self.arguments]
        listed = self.arguments.get("column_list", ())
        return tuple(str(name) for name in [*named, *(listed if isinstance(listed, (list, tuple)) else [listed])])

    @property
    def severity(self) -> Literal["block", "warn"]:
        """Great Expectations' `critical` (its default) blocks; `warning` and `info` warn."""
        return "block" if self.arguments.get("severity", "critical") == "critical" else "warn"


class Example(_Record):
    """A row that violates an expectation."""

    raw_file: str
    raw_row: int
    doc_id: str
    values: dict[str, str]
    """What stands in the columns the expectation is about, shortened."""


class ExpectationResult(_Record):
    """What came of an expectation. Only `pass` is a pass."""

    source: str
    name: str
    type: str
    columns: tuple[str, ...]
    severity: Literal["block", "warn"]
    declared: bool
    """Whether the project asked for it; otherwise the suite of the kind did."""
    requirement: str
    """What is expected, in Great Expectations' own words."""
    status: ExpectationStatus
    """`fail`: rows violate it. `error`: it could not be evaluated. `empty`: there are no rows to judge by."""
    observed: str
    """What was seen, in one line."""
    rows: int
    unexpected: int | None = None
    """Rows that violate it; None for expectations about a column as a whole."""
    unexpected_percent: float | None = None
    """Of the rows that have a value, 0 to 100."""
    examples: tuple[Example, ...] = ()
    """The first few violating rows in the order of the raw files."""
    error: str | None = None
    """Why it could not be evaluated."""

    @property
    def success(self) -> bool:
        """Whether it was evaluated and holds."""
        return self.status == "pass"


class SourceValidation(_Record):
    """All results of a source's latest validation, and what they were computed from."""

    source: str
    kind: str
    domain: str
    steward: str | None
    snapshot: str
    """Digest of the snapshot whose metadata were judged."""
    suite: str
    """Digest of the expectations."""
    engine: str
    """Great Expectations and its version."""
    rows: int
    results: tuple[ExpectationResult, ...]
