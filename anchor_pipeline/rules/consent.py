"""Rule 16, `consent`: first-party data has a consent basis, is scrubbed, and within the stage's risk limit."""

from __future__ import annotations

from typing import get_args

from anchor_pipeline.project.policy import ConsentRule, Risk
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.violations import Group, Words, groups_by, judge_groups

RULE = "consent"
_WORDS = Words("drawn document of first-party or risk-classed sources", "have consent and an admissible risk class")
_RISKS: tuple[str, ...] = get_args(Risk)


def evaluate(evidence: Evidence) -> list[Finding]:
    """Enterprise documents have consent and are scrubbed; whatever has a risk class keeps within the limit."""

    def fault(place: Place[ConsentRule], group: Group) -> str | None:
        return _fault(evidence, place.setting, group)

    groups = [group for group in groups_by(evidence, ["domain", "source", "kind"]) if _asked(evidence, group)]
    return judge_groups(evidence, RULE, ConsentRule, groups, fault, _WORDS)


def _first_party(evidence: Evidence, group: Group) -> bool:
    declared = evidence.project.sources.get(group["source"])
    return group["kind"] == "enterprise" or declared is None or declared.kind == "enterprise"


def _asked(evidence: Evidence, group: Group) -> bool:
    declared = evidence.project.sources.get(group["source"])
    return _first_party(evidence, group) or (declared is not None and declared.risk is not None)


def _fault(evidence: Evidence, setting: ConsentRule, group: Group) -> str | None:
    source = group["source"]
    declared = evidence.project.sources.get(source)
    if declared is None:
        return f"`{source}` is not a declared source, so its consent is not known: declare it"
    if _first_party(evidence, group):
        if declared.consent is None or not declared.consent.basis.strip():
            return f"`{source}` has no consent basis: declare `consent: {{basis: …, scrubbed: true}}`, or leave it out"
        if not declared.consent.scrubbed:
            return f"`{source}` is not scrubbed: remove secrets and personal data, then declare `scrubbed: true`"
    # What nobody classified counts as high.
    if _RISKS.index(declared.risk or "high") > _RISKS.index(setting.max_risk):
        shown = f"risk class {declared.risk}" if declared.risk else "no risk class, which counts as high"
        return f"`{source}` has {shown}, at most {setting.max_risk} may enter: leave it out, or have it classified"
    return None
