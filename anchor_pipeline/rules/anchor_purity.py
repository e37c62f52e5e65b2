"""Rule 4, `anchor_purity`: anchors are human, signed off by a steward, and not from the model being trained.

Where an origin detector is in use, anchors must also score as human text does: of no bucket of 200 anchors of one
source may it take as much for our model's as rule 11 allows, unless chance explains it.
"""

from __future__ import annotations

import polars as pl

from anchor_pipeline.facts.origin.fact_set import origin_key
from anchor_pipeline.facts.origin.model import Detector
from anchor_pipeline.project.policy import AnchorPurity, ModelOrigin
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.measured import facts_of
from anchor_pipeline.rules.model_origin import detector_in_use
from anchor_pipeline.rules.origin_buckets import declared_human, judge_documents
from anchor_pipeline.rules.places import Place, home, setting_at
from anchor_pipeline.rules.violations import Group, Words, groups_by, judge_groups

RULE = "anchor_purity"
_WORDS = Words("drawn anchor", "are human and signed off (the origin of their text is not calibrated: no detector)")
_WORDS_SCORED = Words("drawn anchor", "are human and signed off, and what could be judged of their text reads so")

Places = dict[tuple[str, str], str]
"""By (domain, source): what the detector says of its anchors, as part of a sentence."""


def evaluate(evidence: Evidence) -> list[Finding]:
    """No anchor that is not human, has a generator, scores as the model's, or whose source no steward signed off."""
    columns = ["domain", "source", "kind", "authorship", "generator", "family"]
    groups = groups_by(evidence, columns, where=pl.col("kind") == "anchor")
    detector = detector_in_use(evidence) if groups else None
    suspects = _suspects(evidence, detector) if detector else {}

    def fault(place: Place[AnchorPurity], group: Group) -> str | None:
        return _fault(evidence, place.setting.trained_model, group) or suspects.get((group["domain"], group["source"]))

    return judge_groups(evidence, RULE, AnchorPurity, groups, fault, _WORDS_SCORED if detector else _WORDS)


def _suspects(evidence: Evidence, detector: Detector) -> Places:
    documents = facts_of(evidence, origin_key(detector.digest), ["score", "judged"])
    allowed = {
        domain: float(setting_at(evidence, "model_origin", ModelOrigin, home(evidence, domain)).max)
        for domain in documents["domain"].unique().to_list()
    }
    return suspect_sources(documents, detector, allowed)


def suspect_sources(documents: pl.DataFrame, detector: Detector, allowed: dict[str, float]) -> Places:
    """Sources of anchors with a bucket outside the human band, from documents with their scores.

    Only in domains that the detector is calibrated for: elsewhere it does not know what human text scores there.
    `allowed`: contamination by domain at which rule 11 sounds its alarm.
    """
    found: Places = {}
    anchors = declared_human(documents).filter(pl.col("kind") == "anchor")
    for (domain, source), rows in sorted(anchors.partition_by("domain", "source", as_dict=True).items()):
        judged = judge_documents(rows, detector, str(domain)) if domain in detector.card.scales else None
        if judged is not None and judged.worst.alarms(allowed[str(domain)]):
            share, first = judged.worst.found.estimate, judged.highest[0]["document"]
            found[str(domain), str(source)] = (
                f"`{source}` holds text that scores as written by `{detector.card.name}` (about {share:.0%} of its"
                f" bucket from {judged.worst.first}; {first} most): read it, and move what a model wrote to a"
                " synthetic source"
            )
    return found


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
