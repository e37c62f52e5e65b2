"""Rule 4, `anchor_purity`: anchors are human, signed off by a steward, and not from the model being trained."""

from __future__ import annotations

import polars as pl

from anchor_pipeline.project.policy import AnchorPurity
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.violations import Group, Words, groups_by, judge_groups

RULE = "anchor_purity"
_WORDS = Words("drawn anchor", "are human and signed off (an origin score of their text is not yet available)")


def evaluate(evidence: Evidence) -> list[Finding]:
    """No anchor that is not human, has a generator, or whose source no steward signed off."""
    columns = ["domain", "source", "kind", "authorship", "generator", "family"]
    groups = groups_by(evidence, columns, where=pl.col("kind") == "anchor")

    def fault(place: Place[AnchorPurity], group: Group) -> str | None:
        return _fault(evidence, place.setting.trained_model, group)

    return judge_groups(evidence, RULE, AnchorPurity, groups, fault, _WORDS)


def _fault(evidence: Evidence, trained: str | None, group: Group) -> str | None:
    source, generator, family = group["source"], group["generator"], group["family"]
    declared = evidence.project.sources.get(source)
    origins = {generator, (generator or "").split("@")[0], family}
    if declared is not None and declared.generator is not None:
        origins |= {declared.generator.name, declared.generator.identity, declared.generator.family}
    if trained is not None and trained in origins:
        return f"`{source}` holds output of `{trained}`, the model being trained: move it to a synthetic source"
    if group["authorship"] not in ("human", "human_edited"):
        return (
            f"`{source}` holds documents of {group['authorship']} authorship: declare who wrote them, or make it a"
            " source of another kind"
        )
    if generator is not None or family is not None:
        return f"`{source}` holds documents written by `{generator or family}`: move them to a synthetic source"
    if declared is None:
        return f"`{source}` is not a declared source: declare it, with its steward"
    if not declared.signed_off:
        steward = declared.steward or "its steward, who is not declared either"
        return f"`{source}` is not signed off: ask {steward}, then declare `signed_off: true`"
    return None
