"""What a materialisation says of itself: numbers that the UI plots over cycles, tables, and links.

Keys are the same in every cycle: a number that is missing in one cycle is a gap in its plot, not another plot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from anchor_pipeline import steps
from anchor_pipeline.corpus.corpus import Corpus, corpus_table_name
from anchor_pipeline.corpus.document import AMOUNT_UNITS
from anchor_pipeline.ingest.data_docs import docs_page
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.selection import Selection, selection_table, selection_table_name
from anchor_pipeline.orchestration.looks.check_results import rule_counts
from anchor_pipeline.orchestration.looks.links import at, link
from anchor_pipeline.orchestration.looks.tables import findings_table, rounded, table
from anchor_pipeline.orchestration.standing import standing_verdict
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.explain import explain, summary
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import Verdict
from anchor_pipeline.rules.wording import in_units
from anchor_pipeline.steps import Workplace

Metadata = dict[str, Any]

ROWS = "dagster/row_count"
_MOST_PLOTTED = 20
_PLOTTED_RULES = {
    "anchor_share": "anchor_share",
    "anchor_freshness": "fresh_share",
    "synthetic_share": "synthetic_share",
    "domain_weights": "domain_share",
}
"""Rules whose findings state shares, and how their plots are called."""


MOST_DOMAINS = 12
"""Domains whose effective sample size can be plotted; the table has all of them."""


def source_metadata(outcome: steps.Ingested, place: Workplace) -> Metadata:
    """What was read of a source, and what was not taken."""
    snapshot = outcome.snapshot
    quarantined = snapshot.quarantined
    shards = {shard.digest: shard for unit in snapshot.units for shard in unit.shards}
    held = sum(result.success for result in outcome.expectations)
    metadata: Metadata = {
        ROWS: snapshot.read - sum(quarantined.values()),
        "read": snapshot.read,
        "quarantined": sum(quarantined.values()),
        "filtered": snapshot.filtered,
        "raw_files": len(snapshot.files),
        "raw_bytes": sum(file.size for file in snapshot.files),
        "unreadable": len(snapshot.unreadable),
        "expectations": f"{held} of {len(outcome.expectations)} hold",
        "expectations_not_held": len(outcome.expectations) - held,
        # The page of the source, with all its validations; each check links to its own.
        "data_docs": link(place.store, docs_page(place.store, snapshot.source, "")),
        "reused": outcome.reused,
    }
    if quarantined:
        metadata["quarantined_by_reason"] = table({"reason": "string", "rows": "int"}, list(quarantined.items()))
    # Shards may hold rows of files that have changed since; then their sums are not the source's.
    if not snapshot.masked():
        modality = place.project.sources[snapshot.source].modality
        metadata[f"tokens/{modality}"] = rounded(in_units(sum(one.tokens for one in shards.values()), modality))
    return metadata


def corpus_metadata(corpus: Corpus, place: Workplace) -> Metadata:
    """What became of every row, in all and by source."""
    columns = ("read", "kept", "duplicate", "quarantined", "later", "filtered", "kept_tokens")
    rows = [
        (name, *(sum(one.quarantined.values()) if what == "quarantined" else getattr(one, what) for what in columns))
        for name, one in corpus.sources.items()
    ]
    reasons: dict[str, int] = {}
    for counts in corpus.sources.values():
        for reason, number in counts.quarantined.items():
            reasons[reason] = reasons.get(reason, 0) + number
    metadata: Metadata = {
        ROWS: sum(one.kept + one.duplicate + one.later for one in corpus.sources.values()),
        **{what: sum(row[index] for row in rows) for index, what in enumerate(columns, 1)},
        "sources": table({"source": "string", **dict.fromkeys(columns, "int")}, rows),
        "dagster/uri": place.store.address_of(corpus_table_name(corpus.cycle)),
    }
    if reasons:
        metadata["quarantined_by_reason"] = table({"reason": "string", "rows": "int"}, sorted(reasons.items()))
    return metadata


def selection_metadata(selection: Selection, verdict: Verdict, place: Workplace, cycle: Cycle) -> Metadata:
    """What was planned and drawn, what holds it back, and what the verdict is."""
    plans = selection.plans
    planned = [
        (modality, AMOUNT_UNITS[modality], *(rounded(in_units(n, modality)) for n in amounts), one.lawful)
        for modality, one in plans.items()
        for amounts in [(one.target, one.most, one.drawn)]
    ]
    units = {"target": "float", "possible": "float", "drawn": "float"}
    lacking = [
        (one.domain, one.what, rounded(in_units(one.tokens, modality)), one.message)
        for modality, plan in plans.items()
        for one in plan.missing
    ]
    said = [line for plan in plans.values() for line in plan.messages]
    name = f"selection/{selection.stage}/{selection.cycle}/report.html"
    metadata: Metadata = {
        ROWS: selection.rows,
        "verdict": summary(verdict),
        **rule_counts(verdict),
        **{f"tokens/{modality}": rounded(in_units(plan.drawn, modality)) for modality, plan in plans.items()},
        **{f"possible/{modality}": rounded(in_units(plan.most, modality)) for modality, plan in plans.items()},
        **_shares(verdict.findings),
        "report": link(place.store, name),
        "plan": table({"modality": "string", "unit": "string", **units, "lawful": "bool"}, planned),
        "drawn": _cells(selection, place, cycle),
        "left_out": sum(sum(reasons.values()) for reasons in selection.left_out.values()),
        "dagster/uri": place.store.address_of(selection_table_name(selection.stage, selection.cycle)),
    }
    if said:
        metadata["what_binds"] = dg.MetadataValue.md("\n".join(f"- {line}" for line in said))
    if lacking:
        columns = {"domain": "string", "what": "string", "amount": "float", "remedy": "string"}
        metadata["missing"] = table(columns, lacking)
    return {**metadata, **_weights(selection)}


def _weights(selection: Selection) -> Metadata:
    """How close synthetic texts are to the anchors, and the effective sample sizes to plot; {} unless weighed."""
    if not selection.weights:
        return {}
    columns = {"domain": "string", "anchors": "int", "synthetic": "int", "discarded": "int", "effective": "float"}
    rows = [
        (domain, one.anchors, one.synthetic, one.discarded if one.weighed else None, rounded(one.effective))
        for domain, one in selection.weights.items()
    ]
    plotted = {
        f"effective/{domain}": rounded(one.effective)
        for domain, one in list(selection.weights.items())[:MOST_DOMAINS]
        if one.effective is not None
    }
    return {"weights": table(columns, rows), **plotted}


def _cells(selection: Selection, place: Workplace, cycle: Cycle) -> dg.TableMetadataValue:
    """What was drawn of each cell, and what the corpus has of its source."""
    # Few columns: windows are narrow.
    by = ["domain", "source", "kind", "fresh", "modality"]
    cells = (
        pl.scan_parquet(selection_table(place.store, selection.stage, selection.cycle), glob=False)
        .group_by(by)
        .agg(pl.col("tokens").sum())
        .sort(by)
        .collect(engine="streaming")
    )
    kept = {name: counts.kept_tokens for name, counts in steps.current_corpus(place, cycle).sources.items()}
    rows = [
        (*cell, rounded(in_units(tokens, modality)), rounded(in_units(kept.get(cell[1], 0), modality)))
        for *cell, modality, tokens in cells.iter_rows()
    ]
    cell_columns = {"domain": "string", "source": "string", "kind": "string", "fresh": "bool"}
    return table({**cell_columns, "drawn": "float", "source has": "float"}, rows)


def mix_metadata(released: Release, place: Workplace, stage: str, cycle: Cycle) -> Metadata:
    """What was released, where it lies, and what it replaces."""
    manifest = released.manifest
    metadata: Metadata = {
        ROWS: manifest.rows,
        **{f"tokens/{modality}": rounded(in_units(one.tokens, modality)) for modality, one in manifest.amounts.items()},
        "dagster/size_bytes": sum(entry.bytes for entry in manifest.entries),
        "parts": len(manifest.parts),
        "revision": manifest.revision,
        "replaces": f"revision {manifest.replaces.revision}" if manifest.replaces else "nothing",
        "release": at(released.location),
        "report": link(place.store, f"mix/{stage}/{cycle.key}/{manifest.revision:04d}/REPORT.html"),
        "digest": manifest.digest,
        "dagster/uri": released.location,
        **_manifest_shares(manifest.shares),
        "reused": released.reused,
    }
    verdict = _standing(place, stage, cycle)
    if verdict is not None:
        metadata |= {"verdict": summary(verdict), **rule_counts(verdict), **_shares(verdict.findings)}
    return metadata


def refusal_metadata(place: Workplace, stage: str, cycle: Cycle) -> Metadata:
    """Why a mix was refused, for the page of the failed run; empty if there is no verdict that says so."""
    verdict = _standing(place, stage, cycle)
    if verdict is None:
        return {}
    return {
        "verdict": summary(verdict),
        "told": dg.MetadataValue.md("\n".join(f"- {line}" for line in explain(verdict))),
        "findings": findings_table([one for one in verdict.findings if one.refuses]),
        "report": link(place.store, f"selection/{stage}/{cycle.key}/report.html"),
        **rule_counts(verdict),
    }


def _standing(place: Workplace, stage: str, cycle: Cycle) -> Verdict | None:
    try:
        return standing_verdict(place, stage, cycle)
    except Exception:
        # These words only explain; what they explain must not depend on them.
        return None


def _shares(findings: Iterable[Finding]) -> Metadata:
    """Observed shares by rule and domain; the whole stage first."""
    found = [one for one in findings if one.rule in _PLOTTED_RULES and one.observed is not None]
    found.sort(key=lambda one: (one.domain or "", one.modality or ""))
    shares: Metadata = {}
    for rule, name in _PLOTTED_RULES.items():
        for one in [one for one in found if one.rule == rule][:_MOST_PLOTTED]:
            suffix = "" if one.modality in (None, "text") else f"/{one.modality}"
            shares[f"{name}/{one.domain or 'stage'}{suffix}"] = float(one.observed or 0.0)
    return shares


def _manifest_shares(shares: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Metadata:
    """Shares of kinds and authorships, as the manifest states them."""
    found: Metadata = {}
    for modality, columns in shares.items():
        suffix = "" if modality == "text" else f"/{modality}"
        for column in ("kind", "authorship"):
            for value, one in columns[column].items():
                found[f"{column}/{value}{suffix}"] = float(one.share)
    return found
