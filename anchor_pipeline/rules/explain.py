"""A verdict in plain lines, for the command and the log."""

from __future__ import annotations

from collections import Counter

from anchor_pipeline.project.policy import RULES
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.registry import NOT_AVAILABLE
from anchor_pipeline.rules.verdict import Verdict

_KINDS = {
    ("fail", "block"): "BLOCKS",
    ("insufficient", "block"): "BLOCKS, NO EVIDENCE",
    ("fail", "warn"): "advice",
    ("insufficient", "warn"): "advice, no evidence",
    ("pass", "block"): "passes",
    ("pass", "warn"): "passes",
}
_NOTHING = "no declared rule was evaluated"
_SYMBOLS = {">=": "at least", "<=": "at most", "==": "exactly", "between": "about", "": ""}


def summary(verdict: Verdict) -> str:
    """One line: `refused: 2 of 16 evaluated rules fail, 11 not yet available, 1 off`."""
    count = verdict.rules
    failing = {finding.rule for finding in verdict.findings if finding.status == "fail" and finding.refuses}
    advised = {finding.rule for finding in verdict.findings if finding.status == "fail"} - failing
    lacking = {
        finding.rule
        for finding in verdict.findings
        if finding.status == "insufficient" and finding.rule not in count.not_available
    }
    relied_on = {finding.rule for finding in verdict.findings if finding.refuses} & set(count.not_available)
    off = {entry.rule for entry in count.off if entry.where == "everywhere"}
    partly = {entry.rule for entry in count.off} - off
    parts = [_NOTHING] if not any(name in RULES for name in count.evaluated) else []
    parts += [f"{len(failing)} of {_rules(len(count.evaluated), 'evaluated')} fail{'s' if len(failing) == 1 else ''}"]
    parts += [f"{len(lacking)} without evidence"] if lacking else []
    parts += [f"{len(advised)} only advised against"] if advised else []
    parts += [f"{len(count.not_available)} not yet available"] if count.not_available else []
    parts += [f"{len(relied_on)} of them declared blocking"] if relied_on else []
    parts += [f"{len(off)} off"] if off else []
    parts += [f"{len(partly)} off in part"] if partly else []
    return f"{'passed' if verdict.status == 'pass' else 'refused'}: {', '.join(parts)}"


def explain(verdict: Verdict, *, passes: bool = False) -> list[str]:
    """What blocks, what is advised, what was not judged and what is off; on demand also what passes."""
    shown = [finding for finding in verdict.findings if finding.rule not in NOT_AVAILABLE or finding.refuses]
    blocking = [finding for finding in shown if finding.refuses]
    advice = [finding for finding in shown if not finding.refuses and finding.status != "pass"]
    passing = [finding for finding in shown if finding.status == "pass"] if passes else []
    lines = [line(finding) for finding in blocking] + _advice(advice) + [line(finding) for finding in passing]
    if not any(name in RULES for name in verdict.rules.evaluated):
        lines.insert(0, f"BLOCKS: {_NOTHING}: a mix is released only after at least one was; switch some on")
    waiting = [name for name in verdict.rules.not_available if name not in {finding.rule for finding in blocking}]
    if waiting:
        lines.append(f"not yet available, not judged: {', '.join(waiting)}")
    everywhere = [entry.rule for entry in verdict.rules.off if entry.where == "everywhere"]
    if everywhere:
        lines.append(f"off: {', '.join(everywhere)}")
    lines += [
        f"off: {entry.rule} {f'in domain {entry.domain}' if entry.domain else 'for the stage as a whole'}"
        for entry in verdict.rules.off
        if entry.where != "everywhere"
    ]
    return lines


def _advice(findings: list[Finding]) -> list[str]:
    """A line per failure, and one per rule without evidence: what lacks everywhere is said once."""
    lines, told = [], set[str]()
    lacking = Counter(finding.rule for finding in findings if finding.status == "insufficient")
    for finding in findings:
        if finding.status != "insufficient":
            lines.append(line(finding))
        elif finding.rule not in told:
            told.add(finding.rule)
            more = lacking[finding.rule] - 1
            lines.append(line(finding) + (f" (and {more} more place{'' if more == 1 else 's'})" if more else ""))
    return lines


def line(finding: Finding) -> str:
    """One finding: whether it blocks, rule, domain, observed, required, what is missing, and the remedy."""
    where = ", ".join(part for part in (finding.domain or "whole stage", finding.modality) if part)
    numbers = []
    if finding.observed is not None:
        numbers.append(f"observed {_number(finding.observed, finding.required)}")
    if finding.band is not None:
        low, high = (_number(limit, finding.observed) for limit in finding.band)
        numbers.append(f"required {low} to {high}")
    elif finding.required is not None:
        words = f"required {_SYMBOLS[finding.comparator]}".strip()
        numbers.append(f"{words} {_number(finding.required, finding.observed)}")
    if finding.shortfall and finding.status == "fail":
        numbers.append(f"{'too many' if finding.comparator == '<=' else 'missing'} {_number(finding.shortfall)}")
    facts = f" [{', '.join(numbers)}]" if numbers else ""
    return f"{_KINDS[finding.status, finding.severity]}: {finding.rule} ({where}){facts}: {finding.message}"


def _number(value: float, unlike: float | None = None) -> str:
    """At least four digits, and as many as tell it from the other."""
    for digits in range(4, 17):
        text = f"{value:,.{digits}g}"
        if "e" not in text and (unlike is None or value == unlike or text != f"{unlike:,.{digits}g}"):
            return text
    return f"{value:,}"


def _rules(n: int, adjective: str) -> str:
    return f"{n} {adjective} rule{'' if n == 1 else 's'}"
