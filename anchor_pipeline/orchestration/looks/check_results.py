"""What a check says: one line with what is wrong and what would fix it, a table per domain, and numbers to plot.

A check is never missing from a run. Whatever keeps it from being judged, it says so: status `insufficient`, with
the reason, and as an error where it blocks, so that nothing downstream runs on silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.looks.distributions import distributions
from anchor_pipeline.orchestration.looks.tables import findings_table, rounded
from anchor_pipeline.orchestration.retries import is_retried
from anchor_pipeline.project.addresses import redacted
from anchor_pipeline.rules.explain import explain, summary
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.registry import REGISTRY, RuleEntry
from anchor_pipeline.rules.verdict import Verdict

Judge = Callable[[str], dg.AssetCheckResult]
Metadata = dict[str, Any]

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN

_MOST_PLOTTED = 24
"""Places whose numbers can be plotted; the table has all of them."""
_SAID = {
    ("fail", True): "BLOCKS",
    ("insufficient", True): "BLOCKS, NO EVIDENCE",
    ("fail", False): "advice",
    ("insufficient", False): "advice, no evidence",
}


def every_check(specs: Sequence[dg.AssetCheckSpec], opened: Callable[[], Judge]) -> Iterator[dg.AssetCheckResult]:
    """One result per declared check, whatever happens.

    Args:
        specs: the declared checks.
        opened: reads what all of them are judged by, and gives the function from a check's name to its result.

    """
    judge: Judge | None = None
    trouble: Exception | None = None
    try:
        judge = opened()
    except Exception as error:  # Whatever it was, it must not silence the checks.
        if is_retried(error):
            raise
        trouble = error
    # All of them before the first is told: if another attempt is made, none is told twice.
    yield from [_judged(spec, judge, trouble) for spec in specs]


def _judged(spec: dg.AssetCheckSpec, judge: Judge | None, trouble: Exception | None) -> dg.AssetCheckResult:
    if judge is not None:
        try:
            return judge(spec.name)
        except Exception as error:  # As above; the other checks are judged all the same.
            if is_retried(error):
                raise
            trouble = error
    return insufficient(spec, reason_of(trouble) if trouble else "nothing was found to judge by")


def insufficient(spec: dg.AssetCheckSpec, reason: str) -> dg.AssetCheckResult:
    """The result of a check that could not be judged."""
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=False,
        severity=ERROR if spec.blocking else WARN,
        description=f"{_SAID['insufficient', spec.blocking]}: {reason}",
        metadata={"status": "insufficient", "reason": reason},
    )


def reason_of(error: Exception) -> str:
    """An error in one line, without credentials."""
    text = str(error) if isinstance(error, AnchorError) else f"{type(error).__name__}: {error}"
    return redacted(" ".join(text.split()))[:500]


def rule_result(spec: dg.AssetCheckSpec, entry: RuleEntry, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    """The findings of one rule as one result; a rule without findings never passes."""
    if not findings:
        return insufficient(spec, f"the verdict has no finding of rule {entry.name}; build the selection again")
    ranked = sorted(findings, key=_badness)
    open_ones = [one for one in ranked if one.status != "pass"]
    refuses = any(one.refuses for one in findings)
    blocks = refuses if open_ones else entry.blocking
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=not open_ones,
        severity=ERROR if blocks else WARN,
        description=_line(ranked, open_ones),
        metadata={
            "status": ranked[0].status,
            "severity": "block" if blocks else "warn",
            "findings": findings_table(ranked),
            "not_passed": len(open_ones),
            "judged": sum(one.status != "insufficient" for one in findings),
            **distributions(ranked),
            **_numbers(findings),
        },
    )


def _badness(finding: Finding) -> tuple[bool, int, float, str]:
    """What refuses before advice, failures before missing evidence, then the largest gap relative to the limit."""
    gap = 0.0
    if finding.observed is not None and finding.required is not None:
        gap = abs(finding.observed - finding.required) / (abs(finding.required) or 1.0)
    # Among passes the one nearest to its limit comes first: it is the next to fail.
    gap = gap if finding.status == "pass" else -gap
    return (not finding.refuses, ("fail", "insufficient", "pass").index(finding.status), gap, finding.message)


def _line(ranked: Sequence[Finding], open_ones: Sequence[Finding]) -> str:
    if not open_ones:
        nearest = ranked[0].message
        return nearest if len(ranked) == 1 else f"Holds in all {len(ranked)} places; nearest to its limit: {nearest}"
    worst = open_ones[0]
    more = f" (and {len(open_ones) - 1} more)" if len(open_ones) > 1 else ""
    return f"{_SAID[worst.status, worst.refuses]}: {worst.message}{more}"


def _numbers(findings: Sequence[Finding]) -> Metadata:
    """Observed and shortfall by place, under keys that stay the same from cycle to cycle."""
    counted = Counter(_place(one) for one in findings)
    plotted = sorted(counted, key=lambda place: (place.split("/")[0] != "stage", place))[:_MOST_PLOTTED]
    found: Metadata = {}
    for place in plotted:
        there = [one for one in findings if _place(one) == place]
        # Several questions about one place have no common number, but what is missing adds up.
        if len(there) == 1 and (observed := rounded(there[0].observed)) is not None:
            found[f"observed/{place}"] = observed
        # How far outside its band a statistic is can be read off the statistic; it would be one more plot of zeros.
        missing = [one.shortfall for one in there if one.shortfall is not None and one.band is None]
        if missing and (total := rounded(sum(missing))) is not None:
            found[f"shortfall/{place}"] = total
    return found


def _place(finding: Finding) -> str:
    """What a finding is about: a source where it names one, else the domain; then what tells it from others there."""
    parts = [str(finding.evidence.get("source") or finding.domain or "stage")]
    parts += [finding.modality] if finding.modality not in (None, "text") else []
    parts += [str(finding.evidence[key]) for key in ("statistic", "bucket") if key in finding.evidence]
    return "/".join(parts)


def verdict_result(spec: dg.AssetCheckSpec, verdict: Verdict, report: Any) -> dg.AssetCheckResult:
    """How many of how many rules were judged, and what it came to."""
    passed = verdict.status == "pass"
    counts = rule_counts(verdict)
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=passed,
        severity=ERROR,
        description=f"{'' if passed else 'BLOCKS: '}{summary(verdict)}",
        metadata={
            "status": verdict.status,
            "rules": counts.pop("rules"),
            "told": dg.MetadataValue.md("\n".join(f"- {line}" for line in explain(verdict, passes=False)) or "-"),
            "report": report,
            **counts,
        },
    )


def rule_counts(verdict: Verdict) -> Metadata:
    """`16 of 27 rules judged, 11 not yet available`, and the same as numbers to plot."""
    count = verdict.rules
    off = {entry.rule for entry in count.off if entry.where == "everywhere"}
    failing = {one.rule for one in verdict.findings if one.status == "fail"}
    judged, everything = len(count.evaluated), len(REGISTRY)
    unproven = everything - judged - len(count.not_available) - len(off)
    said = [f"{judged} of {everything} rules judged"]
    said += [f"{len(count.not_available)} not yet available"] if count.not_available else []
    said += [f"{unproven} without evidence"] if unproven else []
    said += [f"{len(off)} off"] if off else []
    return {
        "rules": ", ".join(said),
        "rules_judged": judged,
        "rules_failing": len(failing),
        "rules_not_judged": everything - judged - len(off),
    }
