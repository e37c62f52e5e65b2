"""The release report: one self-contained page on which a steward reads what was released or refused, and why.

Aggregates only: a few examples at most, never rows. The same data give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from anchor_pipeline.corpus.corpus import SourceCounts
from anchor_pipeline.mix.selection import DomainWeights, ModalityPlan
from anchor_pipeline.pages import render
from anchor_pipeline.report.figures import Figures, bar, declared, figures, realised
from anchor_pipeline.report.plots import Plots, plots
from anchor_pipeline.rules.registry import REGISTRY
from anchor_pipeline.rules.wording import amount

CARDS = 40
"""Findings that are shown at length; further ones keep all their numbers, in a table."""
DISTRIBUTION = "distribution"
"""Key of the evidence that is drawn: facts.histograms.histogram."""
_VALUE, _ITEMS = 300, 10


@dataclass(frozen=True)
class ShareRow:
    """One share beside what was declared for it; shares and limits are 0 to 1."""

    modality: str
    domain: str | None
    """None: the whole stage."""
    measure: str
    """What is shared: `weight`, `anchors`, `fresh among anchors`, `synthetic`."""
    observed: float | None
    """None: nothing was drawn that it could be a share of."""
    low: float | None = None
    high: float | None = None
    kept: bool = True
    """Whether the limits hold, decided in whole tokens."""
    tokens: int = 0
    """Amount drawn of the modality there, in the unit of the column `tokens`."""


@dataclass(frozen=True)
class SourceRow:
    """What became of a source's rows."""

    name: str
    kind: str
    domain: str
    """Its domain; or, where a column names it, what is said of that."""
    steward: str | None
    counts: SourceCounts | None
    """None: the source is not in the corpus."""
    selected: int = 0
    """Distinct documents in the selection."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Of those not selected: what the stage may not use, by reason."""


@dataclass(frozen=True)
class ReportData:
    """Everything on the page."""

    verdict: Mapping[str, Any]
    """A rules.verdict.Verdict as plain data: `model_dump(mode="json")`."""
    shares: tuple[ShareRow, ...] = ()
    sources: tuple[SourceRow, ...] = ()
    plans: Mapping[str, ModalityPlan] = field(default_factory=dict)
    """By modality."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Further digests, such as that of the mix, beside the verdict's."""
    weights: Mapping[str, DomainWeights] = field(default_factory=dict)
    """By domain, where the stage weighs its synthetic texts."""


@dataclass(frozen=True)
class _Shown:
    """A finding with everything a card says of it."""

    it: Mapping[str, Any]
    title: str
    outcome: str
    figures: Figures
    where: str
    owners: list[str]
    evidence: list[tuple[str, str]]
    plots: Plots | None


def release_report(data: ReportData) -> bytes:
    """The page, HTML in UTF-8, whether the verdict lets the mix through or not."""
    verdict = data.verdict
    waiting = set(verdict["rules"]["not_available"])
    shown = [_shown(finding, data.sources, waiting) for finding in verdict["findings"]]
    blocking = sorted((one for one in shown if _refuses(one.it)), key=_urgency)
    advisory = [one for one in shown if one.it["severity"] == "warn" and one.it["status"] != "pass"]
    advisory = sorted((one for one in advisory if one.outcome != "not_available"), key=_urgency)
    passed = [one for one in shown if one.it["status"] == "pass"]
    asked = Counter(one.it["rule"] for one in shown)
    return render(
        "release_report.html.j2",
        it=verdict,
        released=verdict["status"] == "pass",
        counts=_rule_counts(verdict, blocking, advisory),
        blocking=blocking,
        advisory=advisory,
        cards=CARDS,
        passed=[(name, list(found), asked[name]) for name, found in groupby(passed, key=lambda one: one.it["rule"])],
        unjudged=_unjudged(verdict),
        titles={name: rule.title for name, rule in REGISTRY.items()},
        shares=_share_tables(data.shares),
        plans=[_plan(modality, plan) for modality, plan in sorted(data.plans.items())],
        weights=data.weights,
        sources=[_source(row) for row in data.sources],
        totals=_totals(data.sources),
        digests=[*verdict["digests"].items(), *data.digests.items()],
    )


def _refuses(finding: Mapping[str, Any]) -> bool:
    return bool(finding["severity"] == "block" and finding["status"] != "pass")


def _urgency(one: _Shown) -> int:
    """What fails comes first, then what lacks evidence, then what cannot be judged yet; else as in the verdict."""
    return ("fail", "insufficient", "not_available").index(one.outcome)


def _shown(finding: Mapping[str, Any], sources: Iterable[SourceRow], waiting: set[str]) -> _Shown:
    rule = REGISTRY.get(finding["rule"])
    parts = (finding["domain"] or "the whole stage", finding["modality"])
    return _Shown(
        it=finding,
        title=rule.title if rule is not None else finding["rule"],
        outcome="not_available" if finding["rule"] in waiting else finding["status"],
        figures=figures(finding),
        where=", ".join(part for part in parts if part),
        owners=_owners(finding, sources) if finding["status"] != "pass" else [],
        evidence=[(key, _short(value)) for key, value in finding["evidence"].items() if key != DISTRIBUTION],
        plots=plots(finding["evidence"].get(DISTRIBUTION, {})),
    )


def _owners(finding: Mapping[str, Any], sources: Iterable[SourceRow]) -> list[str]:
    """Whom to ask: stewards of the source that is named, or of the domain's sources, anchors first."""
    rows = sorted(sources, key=lambda row: (row.kind != "anchor", row.name))
    named = [row for row in rows if row.name == finding["evidence"].get("source")]
    inside = [row for row in rows if finding["domain"] in (None, row.domain)]
    by_steward: dict[str, list[str]] = {}
    for row in named or inside:
        if row.steward:
            by_steward.setdefault(row.steward, []).append(row.name)
    found = [f"{steward} ({_few(names, 3)})" for steward, names in by_steward.items()]
    return found if len(found) <= 5 else [*found[:5], f"{len(found) - 5} more stewards"]


def _few(names: list[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _short(value: Any) -> str:
    """A value of the evidence in one line."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {_short(item)}" for key, item in list(value.items())[:_ITEMS])
    elif isinstance(value, (list, tuple)):
        text = ", ".join(_short(item) for item in value[:_ITEMS])
    elif isinstance(value, float):
        text = f"{value:,.10g}"
    elif isinstance(value, int) and not isinstance(value, bool):
        text = f"{value:,}"
    else:
        text = "none" if value is None else str(value)
    if isinstance(value, (Mapping, list, tuple)) and len(value) > _ITEMS:
        text += f" and {len(value) - _ITEMS} more"
    return text if len(text) <= _VALUE else text[: _VALUE - 1] + "…"


def _rule_counts(verdict: Mapping[str, Any], blocking: list[_Shown], advisory: list[_Shown]) -> dict[str, int]:
    """How many of how many rules were evaluated, and what came of them. Rules, not findings."""
    rules = verdict["rules"]
    numbered, judged = set(rules["declared"]), set(rules["evaluated"])
    failing = {one.it["rule"] for one in blocking if one.outcome == "fail"}
    refusing = {one.it["rule"] for one in blocking}
    return {
        "declared": len(numbered),
        "evaluated": len(judged & numbered),
        "own": len(judged - numbered),
        "off": sum(entry["where"] == "everywhere" for entry in rules["off"]),
        "not_available": len(rules["not_available"]),
        "failing": len(failing),
        "unproven": len(refusing - failing),
        "advised": len({one.it["rule"] for one in advisory} - refusing),
    }


def _unjudged(verdict: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(rule, outcome, where) of all that was not judged: what is off, and what is not yet available."""
    words = {"everywhere": "everywhere", "stage": "for the stage as a whole"}
    off = [
        (entry["rule"], "off", words.get(entry["where"], f"in domain {entry['domain']}"))
        for entry in verdict["rules"]["off"]
    ]
    return off + [(rule, "not_available", "everywhere") for rule in verdict["rules"]["not_available"]]


def _share_tables(rows: Iterable[ShareRow]) -> list[tuple[str, list[tuple[str, str, list[dict[str, Any]]]]]]:
    """By modality, then by place with its amount, in the order given: what the rows of a table show."""
    tables = []
    for modality, of_modality in groupby(rows, key=lambda row: row.modality):
        places = []
        for domain, of_place in groupby(of_modality, key=lambda row: row.domain):
            measures = list(of_place)
            cells = [
                {
                    "measure": row.measure,
                    "realised": realised(row.observed, row.low, row.high),
                    "declared": declared(row.low, row.high, row.observed),
                    "bar": bar(row.observed, row.low, row.high),
                    "outcome": "insufficient" if row.observed is None else "pass" if row.kept else "fail",
                    "limited": row.low is not None or row.high is not None,
                }
                for row in measures
            ]
            places.append((domain or "the whole stage", amount(measures[0].tokens, modality), cells))
        tables.append((modality, places))
    return tables


def _plan(modality: str, plan: ModalityPlan) -> dict[str, Any]:
    numbers = {"target": plan.target, "most": plan.most, "drawn": plan.drawn}
    shown = {name: amount(tokens, modality) for name, tokens in numbers.items()}
    missing = [f"{one.domain}: {one.message}" for one in plan.missing]
    return {"modality": modality, "lawful": plan.lawful, "messages": plan.messages, "missing": missing, **shown}


def _source(row: SourceRow) -> dict[str, Any]:
    """A row of the table of sources; `unaccounted` is 0 when nothing vanished."""
    counts = row.counts
    if counts is None:
        return {"it": row, "counts": None, "unaccounted": 0, "unreadable": []}
    notes = [f"{reason}: {n:,} quarantined" for reason, n in sorted(counts.quarantined.items())]
    notes += [f"{reason}: {n:,} not for this stage" for reason, n in sorted(row.left_out.items())]
    notes += [f"{counts.filtered:,} left out by `where`, not counted as read"] if counts.filtered else []
    unreadable = [f"{one.path}{f' at {one.offset}' if one.offset else ''}: {one.message}" for one in counts.unreadable]
    more = len(unreadable) - _ITEMS
    return {
        "it": row,
        "counts": _columns(row, counts),
        "unaccounted": counts.balance if counts.balance else min(0, counts.kept - row.selected),
        "notes": notes,
        "unreadable": unreadable[:_ITEMS] + ([f"{more} more files"] if more > 0 else []),
    }


def _columns(row: SourceRow, counts: SourceCounts) -> dict[str, int]:
    return {
        "read": counts.read,
        "selected": row.selected,
        "unselected": counts.kept - row.selected,
        "duplicate": counts.duplicate,
        "quarantined": sum(counts.quarantined.values()),
        "later": counts.later,
    }


def _totals(rows: Iterable[SourceRow]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for row in rows:
        if row.counts is not None:
            totals.update(_columns(row, row.counts))
    return dict(totals)
