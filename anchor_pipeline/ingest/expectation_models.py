"""An expectation on the metadata of a source, and what came of it. Plain data: Great Expectations is not needed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.set_aside import SetAside
from anchor_pipeline.corpus.snapshot import canonical_digest

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
    reason: str | None = None
    """Why rows that violate it are quarantined; None if they stay."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about; none for those about the whole table."""
        named = [self.arguments[key] for key in ("column", "column_A", "column_B") if key in self.arguments]
        listed = self.arguments.get("column_list", ())
        return tuple(str(name) for name in [*named, *(listed if isinstance(listed, (list, tuple)) else [listed])])

    @property
    def severity(self) -> Literal["block", "warn"]:
        """Great Expectations' `critical` blocks; `warning` and `info` warn.

        Its default is `critical`. Where rows are quarantined it is `warning`: what is wrong has been kept out already.
        """
        default = "critical" if self.reason is None else "warning"
        return "block" if self.arguments.get("severity", default) == "critical" else "warn"


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
    """`fail`: rows violate it. `error`: it could not be evaluated. `empty`: there is nothing to judge by."""
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
    reason: str | None = None
    """Rows that violate it are quarantined for this reason; None if they stay."""

    @property
    def success(self) -> bool:
        """Whether it was evaluated and holds."""
        return self.status == "pass"

    @property
    def alarming(self) -> bool:
        """Whether somebody must act: it blocks and fails, or could not be evaluated though it blocks or quarantines."""
        if self.status == "error":
            return self.severity == "block" or self.reason is not None
        return self.status == "fail" and self.severity == "block"

    @property
    def line(self) -> str | None:
        """The same for the terminal, with the name; None where nobody need look."""
        told = {"fail": "fails", "error": "not evaluated", "pass": "quarantines"}.get(self.status)
        if told is None or (self.status == "pass" and not (self.reason and self.unexpected)):
            return None
        words = told if self.severity == "block" or self.status != "fail" else "fails, advisory"
        # What stands in ids must not steer a terminal.
        plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in self.summary)
        return f"{self.name} ({words}): {plain}"

    @property
    def summary(self) -> str:
        """What came of it in one line: the description of its check."""
        if self.status == "error" and self.reason is not None:
            return f"{self.observed}; which rows to quarantine is not known, so all {self.rows:,} are"
        if not self.unexpected:
            return self.observed
        named = [example.doc_id for example in self.examples]
        more = self.unexpected - len(named)
        ids = ", ".join(named) + (f" and {more:,} more" if more > 0 and named else "")
        where = f"; quarantined as {self.reason}" if self.reason is not None else ""
        return f"{self.observed}{where}{': ' if ids else ''}{ids}"


class SourceValidation(_Record):
    """All results of one validation of a source, and what they were computed from."""

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
    set_aside: SetAside = SetAside()
    """The rows that violate expectations which quarantine."""

    @property
    def key(self) -> str:
        """Names the validation: the same for the same rows, suite, engine and results, whoever is the steward."""
        judged = self.model_dump(mode="json", exclude={"kind", "domain", "steward"})
        return canonical_digest(judged)[:16]
