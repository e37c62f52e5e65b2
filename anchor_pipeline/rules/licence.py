"""Rule 15, `licence`: every document is licensed for training, on the day the mix is for.

Licences are SPDX expressions (SPDX 2.3, annex D). A contract's last day counts whole: a cycle whose `as_of` is
midnight after it is still within.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from anchor_pipeline.corpus.licences import admits, canonical_licence
from anchor_pipeline.project.policy import Licence
from anchor_pipeline.project.source import Terms
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.violations import Group, Words, groups_by, judge_groups
from anchor_pipeline.rules.wording import count

RULE = "licence"
_WORDS = Words("drawn document", "are licensed for training")
_REASONS = ("licence_expired", "licence_not_allowed", "licence_unparsable", "use_not_permitted")


def evaluate(evidence: Evidence) -> list[Finding]:
    """Every document's licence is allowed, its terms have not expired, and training is among its uses."""

    def fault(place: Place[Licence], group: Group) -> str | None:
        return _fault(evidence, place.setting, group)

    groups = groups_by(evidence, ["domain", "source", "licence"])
    found = judge_groups(evidence, RULE, Licence, groups, fault, _WORDS)
    return [_with_left_out(evidence, finding) for finding in found]


def _fault(evidence: Evidence, setting: Licence, group: Group) -> str | None:
    source, licence = group["source"], group["licence"] or ""
    declared = evidence.project.sources.get(source)
    if declared is None:
        return f"`{source}` is not a declared source, so its terms are not known: declare it"
    if canonical_licence(licence) is None:
        return f"`{source}` holds documents under {licence or 'no licence'!r}, which is no SPDX expression: correct it"
    if setting.allow is not None and not admits(setting.allow, licence):
        return f"`{source}` holds documents under {licence}, which is not in `allow`: add it there, or drop them"
    return terms_fault(source, declared.terms, evidence.cycle.as_of)


def terms_fault(source: str, terms: Terms | None, as_of: datetime) -> str | None:
    """Why a source's terms do not permit training at `as_of`; None if they do."""
    if terms is None:
        return None
    if terms.expires is not None:
        end = datetime(terms.expires.year, terms.expires.month, terms.expires.day, tzinfo=UTC)
        # Not `end + one day < as_of`: the last day a calendar knows has no next one.
        if as_of - end > timedelta(days=1):
            return f"the terms of `{source}` expired on {terms.expires}: renew them, or leave the source out"
    if terms.uses is not None and "training" not in terms.uses:
        uses = ", ".join(terms.uses) or "no use"
        return f"the terms of `{source}` permit {uses}, not training: renegotiate them, or leave the source out"
    return None


def _with_left_out(evidence: Evidence, finding: Finding) -> Finding:
    """Say what the licence kept out already, so that its absence does not surprise."""
    left: dict[str, dict[str, int]] = {}
    for name, source in feeding(evidence.project, evidence.stage).items():
        if finding.domain is not None and source.domain.name not in (None, finding.domain):
            continue
        counts = evidence.corpus.sources.get(name)
        reasons: dict[str, int] = dict(counts.quarantined) if counts else {}
        for reason, n in evidence.left_out.get(name, {}).items():
            reasons[reason] = reasons.get(reason, 0) + n
        kept_out = {reason: reasons[reason] for reason in _REASONS if reasons.get(reason)}
        if kept_out:
            left[name] = kept_out
    if not left:
        return finding
    listed = "; ".join(
        f"{count(n, 'document')} of `{name}` ({reason})"
        for name, reasons in left.items()
        for reason, n in reasons.items()
    )
    details: dict[str, Any] = {**finding.evidence, "left_out": left}
    return finding.model_copy(update={"message": f"{finding.message}. Left out before: {listed}", "evidence": details})
