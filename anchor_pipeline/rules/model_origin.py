"""Rule 11, `model_origin`: how much text of our own model hides in what is declared human.

Per domain, buckets of 200 documents of anchors, licensed and enterprise sources: the share of each that the model
wrote is estimated from the detector's scores and how it errs (facts/origin/prevalence.py). A bucket at or
above the declared share fails, unless chance explains it. A share that rose since the last release, by more than both
intervals allow for, is reported as a warning. Without a detector the rule is not calibrated, and only says so; with
one that has seen too little human text of a domain to be calibrated there, it warns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import polars as pl

from anchor_pipeline.corpus.register import active
from anchor_pipeline.facts.origin.fact_set import origin_key
from anchor_pipeline.facts.origin.model import Detector, open_detector
from anchor_pipeline.project.policy import ModelOrigin
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.measured import facts_of
from anchor_pipeline.rules.origin_buckets import BUCKET, Judged, declared_human, judge_documents
from anchor_pipeline.rules.places import Place, document_places, home, not_taken, once_calibrated
from anchor_pipeline.rules.wording import count, percent

RULE = "model_origin"


def evaluate(evidence: Evidence) -> list[Finding]:
    """One finding for each domain with text, beside what the last release's verdict found there."""
    if passed := not_taken(evidence, RULE, ModelOrigin, "text"):
        return passed
    detector = detector_in_use(evidence)
    previous = figures_of(evidence.previous_findings)
    places = list(document_places(evidence, RULE, ModelOrigin))
    if detector is None:
        return [_not_calibrated(place) for place in places]
    documents = declared_human(facts_of(evidence, origin_key(detector.digest), ["score", "judged"]))
    homes = {domain: home(evidence, domain) for domain in documents["domain"].unique().to_list()}
    found = []
    for place in places:
        mine = documents.filter(pl.col("domain").is_in([name for name, at in homes.items() if at == place.domain]))
        found.append(judge(_blocking(place, detector), mine, detector, previous.get(place.domain)))
    return found


def detector_in_use(evidence: Evidence) -> Detector | None:
    """The detector that judges a cycle: the one that was added first of those in use.

    While a new one overlaps with it, both score; the older one judges until it is retired.
    """
    using = active(evidence.store, "origin", evidence.cycle.key)
    return open_detector(evidence.store, using[0].digest) if using else None


def figures_of(findings: Iterable[Finding]) -> dict[str | None, Mapping[str, Any]]:
    """What a verdict's findings say of each domain (None: the rest of the stage), for the verdict after it."""
    return {
        finding.domain: {**finding.evidence["contamination"], "detector": finding.evidence["detector"]}
        for finding in findings
        if finding.rule == RULE and "contamination" in finding.evidence
    }


def judge(
    place: Place[ModelOrigin], documents: pl.DataFrame, detector: Detector, previous: Mapping[str, Any] | None = None
) -> Finding:
    """The finding of one place, from its documents that are declared human.

    Their columns: doc_id, source, collected_at, score, judged.

    `previous` is the place's entry of `figures_of`; one by another detector is not compared.
    """
    if documents.is_empty():
        return place.finding("pass", f"{place.subject} holds no text that is declared human", evidence={"documents": 0})
    judged = judge_documents(documents, detector, place.domain)
    if judged is None:
        enough = int(documents["judged"].fill_null(False).sum())
        return place.finding(
            "insufficient",
            f"{place.subject}: contamination is estimated from {BUCKET} documents of {detector.card.shortest} words or"
            f" more, and only {enough:,} of {count(len(documents), 'document')} that are declared human are so long;"
            f" draw longer or more documents, or declare `{RULE}: off` for this domain",
            evidence=_details(detector) | {"documents": len(documents), "judged": enough},
        )
    return _finding(place, judged, detector, previous)


def _finding(
    place: Place[ModelOrigin], judged: Judged, detector: Detector, previous: Mapping[str, Any] | None
) -> Finding:
    most, worst = float(place.setting.max), judged.worst
    alarms = [bucket for bucket in judged.buckets if bucket.alarms(most)]
    rose = _rose(judged, detector, previous)
    whole = judged.whole
    details = _details(detector) | {
        "documents": judged.documents,
        "too_short": judged.short,
        "contamination": {name: round(getattr(whole, name), 4) for name in ("estimate", "low", "high")},
        "buckets": len(judged.buckets),
        "alarms": [bucket.to_json() for bucket in alarms[:20]],
        "worst": worst.to_json(),
        "highest": list(judged.highest),
    }
    if previous is not None:
        details["previous"] = dict(previous)
    message = (
        f"{place.subject}: {_share(whole.estimate)} (95 % interval {_share(whole.low)} to {_share(whole.high)}) of"
        f" {count(whole.documents, 'document')} declared human look written by {_ours(detector)}; at most"
        f" {_share(worst.found.estimate)} in one of {count(len(judged.buckets), 'bucket')} of {BUCKET}"
    )
    if judged.short:
        message += f" ({count(judged.short, 'document')} under {detector.card.shortest} words not judged)"
    if place.domain not in detector.card.scales:
        message += "; the detector has seen too little human text of this domain to know its error there"
    if alarms:
        sources = sorted({str(one["source"]) for one in judged.highest})
        message += (
            f"; {count(len(alarms), 'bucket')} at or above {percent(place.setting.max)}: read the documents named in"
            f" the evidence, from {', '.join(f'`{name}`' for name in sources[:3])}, and move what a model wrote to a"
            " synthetic source"
        )
    elif rose is not None:
        message += f"; that is more than the {_share(rose)} of the last release: find out where it comes from"
    finding = place.finding(
        "fail" if alarms or rose is not None else "pass",
        message,
        observed=round(worst.found.estimate, 4),
        required=most,
        comparator="<=",
        shortfall=round(max(0.0, worst.found.estimate - most), 4) if alarms else 0.0,
        evidence=details,
    )
    # A rise below the declared share is something to look into, not a reason to refuse.
    return finding if alarms or rose is None else finding.model_copy(update={"severity": "warn"})


def _rose(judged: Judged, detector: Detector, previous: Mapping[str, Any] | None) -> float | None:
    """The previous estimate if the present one is higher, and their intervals do not touch."""
    if previous is None or previous["detector"] != detector.digest or judged.whole.low <= previous["high"]:
        return None
    return float(previous["estimate"])


def _details(detector: Detector) -> dict[str, Any]:
    card = detector.card
    return {
        "detector": detector.digest,
        "name": card.name,
        "seen": list(card.seen),
        "blind": list(card.blind),
        "auroc": card.all.auroc,
        "detected_at_1_percent": card.all.detected,
    }


def _blocking(place: Place[ModelOrigin], detector: Detector) -> Place[ModelOrigin]:
    """Calibrated for the domain, the rule blocks unless the project says that it only warns."""
    return once_calibrated(place) if place.domain in detector.card.scales else place


def _not_calibrated(place: Place[ModelOrigin]) -> Finding:
    return place.finding(
        "insufficient",
        f"{place.subject}: not calibrated: no origin detector is in use in this cycle; train one with"
        " `anchor origin train`",
    )


def _ours(detector: Detector) -> str:
    return " or ".join(f"`{name}`" for name in detector.card.seen[:3]) or f"`{detector.card.name}`"


def _share(value: float) -> str:
    return percent(Fraction(value).limit_denominator(10_000))
