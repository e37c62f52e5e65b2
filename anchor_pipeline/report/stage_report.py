"""The report on one stage: gathers what the page shows from the verdict, the plan and the corpus.

Shares are those of the findings, not computed a second time.
"""

from __future__ import annotations

import polars as pl

from anchor_pipeline.mix.limits import feeding_sources
from anchor_pipeline.mix.selection import Selection
from anchor_pipeline.report.release_report import ReportData, ShareRow, SourceRow, release_report
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import Verdict

_MEASURES = {
    "domain_weights": "weight",
    "anchor_share": "anchors",
    "anchor_freshness": "fresh among anchors",
    "synthetic_share": "synthetic",
}


def stage_report(evidence: Evidence, selection: Selection, verdict: Verdict) -> bytes:
    """The page for a stage and cycle, released or refused."""
    return release_report(
        ReportData(
            verdict=verdict.model_dump(mode="json"),
            shares=tuple(_shares(evidence, verdict)),
            sources=tuple(_sources(evidence)),
            plans=selection.plans,
            weights=selection.weights,
        )
    )


def _shares(evidence: Evidence, verdict: Verdict) -> list[ShareRow]:
    """One row per share that a finding states, in the order stage, then domains."""
    measures = list(_MEASURES)
    found = [one for one in verdict.findings if one.rule in _MEASURES and one.modality is not None]
    found.sort(key=lambda one: (one.modality or "", one.domain or "", measures.index(one.rule)))
    return [_share(evidence, one) for one in found]


def _share(evidence: Evidence, finding: Finding) -> ShareRow:
    low = finding.required if finding.comparator == ">=" else finding.evidence.get("lower")
    high = finding.required if finding.comparator == "<=" else finding.evidence.get("upper")
    cells = evidence.cells.filter(pl.col("modality") == finding.modality)
    if finding.domain is not None:
        cells = cells.filter(pl.col("domain") == finding.domain)
    return ShareRow(
        modality=finding.modality or "",
        domain=finding.domain,
        measure=_MEASURES[finding.rule],
        observed=finding.observed,
        low=low,
        high=high,
        kept=finding.status == "pass",
        tokens=int(cells["tokens"].sum()),
    )


def _sources(evidence: Evidence) -> list[SourceRow]:
    rows = []
    for name, source in feeding_sources(evidence.project, evidence.stage).items():
        rows.append(
            SourceRow(
                name=name,
                kind=source.kind,
                domain=source.domain.name or f"by column {source.domain.column}",
                steward=source.steward,
                counts=evidence.corpus.sources.get(name),
                selected=evidence.drawn.get(name, (0, 0))[0],
                left_out=evidence.left_out.get(name, {}),
            )
        )
    return rows
