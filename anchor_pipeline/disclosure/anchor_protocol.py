"""The anchor protocol of a release: which fresh human data it rests on, who answers for it, and what was achieved.

Promises are the sampling plans and floors that are declared, achievements are counted in the release and its corpus,
and the outcome of every rule about anchors is that of the verdict.
"""

from __future__ import annotations

from anchor_pipeline.disclosure.origins import Told, share
from anchor_pipeline.disclosure.record import SourceRecord
from anchor_pipeline.disclosure.statement import Answer, Section, Statement, Table, Value, declared, recorded
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.wording import number

TEMPLATE = "Anchor protocol 1.0.0, of anchor-pipeline"

_RULES = (
    "anchor_share", "anchor_freshness", "anchor_modality", "anchor_purity", "anchor_drift", "sampling_plan",
    "synthetic_share",
)  # fmt: skip


def anchor_protocol(told: Told) -> Statement:
    """The statement, from the record of the release and its verdict."""
    anchors = [source for source in told.record.sources if source.kind == "anchor"]
    return Statement(
        kind="anchor-protocol",
        title=f"Anchor protocol: {told.dataset_title()}",
        template=TEMPLATE,
        remarks=(
            "Anchors are fresh samples of reality that a named steward collected and signed off. They keep a model"
            " that is trained on synthetic text as well from drifting away from the world.",
        ),
        release=told.release(),
        sections=(
            Section("1.", "Stewards", tuple(_stewards(told, anchors))),
            Section("2.", "Sampling plans and refresh cadence", tuple(_plans(told, anchors))),
            Section("3.", "What was achieved", (_achieved(told), _fresh(told, anchors))),
            Section("4.", "Rules about anchors", (_rules(told.record.findings),)),
        ),
    )


def _stewards(told: Told, anchors: list[SourceRecord]) -> list[Answer | Table | str]:
    if not anchors:
        return ["No source of this stage is declared as an anchor."]
    parts: list[Answer | Table | str] = []
    for source in anchors:
        key = f"sources.{source.name}"
        parts.append(declared("1", f"Steward of {told.title(source)}", source.steward, f"{key}.steward"))
        parts.append(recorded("1", f"{told.title(source)} is signed off as an anchor", source.signed_off))
    return parts


def _plans(told: Told, anchors: list[SourceRecord]) -> list[Answer | Table | str]:
    parts: list[Answer | Table | str] = []
    promised: list[tuple[Value, ...]] = []
    strata: list[tuple[Value, ...]] = []
    for source in anchors:
        plan = source.sampling_plan
        if plan is None:
            key = f"sources.{source.name}.sampling_plan"
            parts.append(declared("2", f"Sampling plan of {told.title(source)}", None, key))
            continue
        held = sum(part.documents for part in source.on_hand)
        newest = max((part.latest for part in source.on_hand), default=None)
        day: str | None = None if newest is None else newest.date().isoformat()
        promised.append((source.name, plan.cadence, plan.minimum, held, plan.minimum_new, day))
        there = {part.stratum: part.documents for part in source.on_hand}
        for stratum, least in sorted(plan.strata.items()):
            found = there.get(stratum, 0)
            strata.append((source.name, stratum, least, found, share(min(found, least), least) if least else 100.0))
    if promised:
        planned = ("Source", "Cadence", "Least on hand", "On hand", "Least new per period", "Newest document")
        parts.append(Table("Promised, and on hand when the corpus was made", planned, tuple(promised)))
    if strata:
        columns = ("Source", "Stratum", "Least on hand", "On hand", "Achieved in %")
        parts.append(Table("Strata", columns, tuple(strata)))
    return parts


def _achieved(told: Told) -> Table:
    """Shares of anchors by modality and domain, with repeats, as the rules count them."""
    rows: list[tuple[Value, ...]] = []
    for modality in told.record.modalities:
        totals = [total for total in told.record.totals if total.modality == modality]
        for domain in [*sorted({total.domain for total in totals}), None]:
            own = [total for total in totals if domain in (None, total.domain)]
            whole = sum(total.tokens for total in own)
            anchors = sum(total.tokens for total in own if total.kind == "anchor")
            fresh = sum(total.fresh_tokens for total in own)
            synthetic = sum(total.synthetic_tokens for total in own)
            rows.append(
                (domain or "the stage", modality, number(whole, modality), told.unit(modality), share(anchors, whole),
                 share(fresh, anchors), share(synthetic, whole))
            )  # fmt: skip
    columns = (
        "Domain", "Modality", "Amount (with repeats)", "Unit", "Anchors in %", "Fresh among anchors in %",
        "Counted as synthetic in %",
    )  # fmt: skip
    return Table("Shares", columns, tuple(rows))


def _fresh(told: Told, anchors: list[SourceRecord]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for source in anchors:
        fresh = None if source.fresh_share is None else round(100 * source.fresh_share, 4)
        first, last = (moment.date().isoformat() for moment in source.period) if source.period else (None, None)
        amount = number(source.tokens, source.modality)
        rows.append((source.name, source.documents, amount, told.unit(source.modality), fresh, first, last))
    columns = ("Source", "Documents", "Amount (with repeats)", "Unit", "Fresh in %", "Collected from", "Collected to")
    return Table("Anchor sources in the release", columns, tuple(rows))


def _rules(findings: tuple[Finding, ...]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for finding in findings:
        if finding.rule in _RULES:
            rows.append(
                (finding.rule, finding.domain or "the stage", finding.modality or "all", finding.status,
                 finding.severity, "" if finding.observed is None else finding.observed, finding.comparator,
                 "" if finding.required is None else finding.required, finding.message)
            )  # fmt: skip
    columns = ("Rule", "Domain", "Modality", "Status", "Severity", "Observed", "Is to be", "Required", "In words")
    return Table("Findings of the verdict", columns, tuple(rows))
