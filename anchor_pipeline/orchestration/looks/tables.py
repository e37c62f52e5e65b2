"""Tables as the UI shows them: numbers stay numbers, rounded to what a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from anchor_pipeline.rules.finding import Finding

Cell = str | int | float | bool | None

MOST_ROWS = 200
"""Rows of a table; the reports have all of them."""

_FINDINGS = {
    "domain": "string",
    "status": "string",
    "observed": "float",
    "required": "float",
    "shortfall": "float",
    "finding": "string",
}


def table(columns: Mapping[str, str], rows: Sequence[Sequence[Cell]]) -> dg.TableMetadataValue:
    """A table of named, typed columns; the first MOST_ROWS rows."""
    schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns.items()])
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows[:MOST_ROWS]]
    return dg.MetadataValue.table(records=records, schema=schema)


def findings_table(findings: Sequence[Finding]) -> dg.TableMetadataValue:
    """Findings by domain, in the given order; amounts in the unit of the modality. Few columns: windows are narrow."""
    return table(
        _FINDINGS,
        [
            (
                _where(one),
                one.status,
                rounded(one.observed),
                rounded(one.required),
                rounded(one.shortfall),
                one.message,
            )
            for one in findings
        ],
    )


def _where(finding: Finding) -> str:
    parts = [finding.domain or "(stage)"]
    parts += [finding.modality] if finding.modality not in (None, "text") else []
    # What tells the findings of one rule about one domain apart; the whole domain is the usual bucket.
    parts += [str(finding.evidence["statistic"])] if "statistic" in finding.evidence else []
    parts += ["newest synthetic"] if finding.evidence.get("bucket") == "newest_synthetic" else []
    return ", ".join(parts)


def rounded(value: float | None) -> int | float | None:
    """Six digits, and whole numbers as such."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value == int(value) else float(f"{value:.6g}")
