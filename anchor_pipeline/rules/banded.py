"""What rules 8 and 10 share: each domain, and the stage as a whole, against the calibrated bands.

They are advisory where the project has no band, and say that it is not calibrated. Where a domain has one they block,
unless the project says that they only warn. The limits of both rules were set for all statistics together: human
text sets off either of them in one bucket in a hundred at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from anchor_pipeline.corpus.register import active
from anchor_pipeline.facts.bands.judge import Judged, judge, judge_together
from anchor_pipeline.facts.bands.model import Band, DomainBand, band_for, bands_in_use
from anchor_pipeline.facts.bands.statistics import PROFILE, meaning_of, probe_in
from anchor_pipeline.rules.buckets import (
    BUCKETS,
    Bucket,
    BucketName,
    measure_bucket,
    ordered,
    size_for,
    text_documents,
    too_little,
)
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, S, not_taken, share_places
from anchor_pipeline.rules.wording import count

_MOST_EXAMPLES = 5
_SUBJECTS = {"domain": "", "newest_synthetic": " (its newest synthetic text)"}
_REMEDIES = {
    "domain": "look at what was added since the last release and draw less of it; if people now write so, collect new"
    " anchors and calibrate again",
    "newest_synthetic": "look at the newest output of its generators, and draw less of it or change how it is made",
}


def banded(evidence: Evidence, rule: str, kind: type[S], wanted: Callable[[str], bool]) -> list[Finding]:
    """The findings of a rule about the statistics that are `wanted`, for every place where it is on."""
    if passed := not_taken(evidence, rule, kind, "text"):
        return passed
    places = [place for place in share_places(evidence, rule, kind) if place.modality == "text"]
    bands = bands_in_use(evidence.store, evidence.cycle.key)
    if not bands:
        return [_not_calibrated(place, "no band is in use in this cycle") for place in places]
    documents = text_documents(evidence)
    using = {entry.digest for entry in active(evidence.store, "probe", evidence.cycle.key)}
    found: list[Finding] = []
    buckets: list[Bucket] = []
    domains = [place for place in places if place.domain is not None]
    for domain in sorted(set(documents["domain"].to_list()) | {str(place.domain) for place in domains}):
        place = next((place for place in domains if place.domain == domain), None)
        known = band_for(bands, domain)
        mine = documents.filter(pl.col("domain") == domain)
        why = _unusable(known, bands, domain, using, wanted)
        if known is None or why is not None:
            found += [_not_calibrated(place, str(why))] if place else []
            continue
        digest, model, band = known
        findings, measured = _of_domain(evidence, place, mine, partial(_draw, digest, model, band), wanted)
        found += findings
        buckets += measured
    stage = next((place for place in places if place.domain is None), None)
    return found if stage is None else found + _of_stage(stage, buckets, bands, wanted)


def _draw(
    digest: str, model: Band, band: DomainBand, evidence: Evidence, name: BucketName, mine: pl.DataFrame
) -> Bucket | str | None:
    """The bucket, why there is none, or None where there is nothing to judge."""
    documents = ordered(mine, name, model)
    if documents.is_empty():
        return None if name == "newest_synthetic" else "a probe was trained on all of it"
    size = size_for(documents, name, band, evidence.cycle.start)
    why = too_little(documents, size, band)
    if why is not None or size is None:
        return why
    return measure_bucket(evidence.store, name, documents, size, band, digest, model)


def _of_domain(
    evidence: Evidence,
    place: Place[Any] | None,
    mine: pl.DataFrame,
    draw: Callable[[Evidence, BucketName, pl.DataFrame], Bucket | str | None],
    wanted: Callable[[str], bool],
) -> tuple[list[Finding], list[Bucket]]:
    if mine.is_empty():
        return [place.nothing_drawn()] if place else [], []
    found, buckets = [], []
    for name in BUCKETS:
        bucket = draw(evidence, name, mine)
        if isinstance(bucket, Bucket):
            buckets.append(bucket)
        if place is None or bucket is None:
            continue
        blocking = _blocking(place)
        if isinstance(bucket, str):
            found.append(_too_little(blocking, name, bucket))
            continue
        for judged in judge(bucket.band.statistics, bucket.measured):
            if wanted(judged.statistic):
                found.append(_finding(blocking, judged, [bucket]))
    return found, buckets


def _of_stage(
    place: Place[Any], buckets: Sequence[Bucket], bands: dict[str, Band], wanted: Callable[[str], bool]
) -> list[Finding]:
    """All domains together, those judged by the same band (with the same statistics)."""
    found = []
    for name in BUCKETS:
        mine = [bucket for bucket in buckets if bucket.name == name]
        newest = mine[-1].digest if mine else ""
        mine = [bucket for bucket in mine if bucket.digest == newest]
        if not mine:
            continue
        together = judge_together(
            mine[0].band.statistics, [bucket.measured for bucket in mine], bands[newest].false_alarms
        )
        found += [_finding(_blocking(place), judged, mine) for judged in together if wanted(judged.statistic)]
    return found or [_not_calibrated(place, "no domain of the stage could be compared with a band")]


def _unusable(
    known: tuple[str, Band, DomainBand] | None,
    bands: dict[str, Band],
    domain: str,
    using: set[str],
    wanted: Callable[[str], bool],
) -> str | None:
    """Why a domain cannot be judged, in words."""
    if known is None:
        newest = list(bands.values())[-1]
        return newest.not_calibrated.get(domain, "the band in use does not cover this domain")
    gone = sorted(card.name for digest, card in known[1].probes.items() if digest not in using)
    if gone:
        return f"the band was calibrated with probe {gone[0]}, which is not in use in this cycle"
    if not any(wanted(statistic) for statistic in known[2].statistics):
        return "the band was calibrated without a probe; train one with anchor probe train"
    return None


def _blocking(place: Place[Any]) -> Place[Any]:
    """Calibrated, a rule blocks unless the project says that it only warns."""
    if "severity" in place.setting.model_fields_set:
        return place
    return replace(place, setting=place.setting.model_copy(update={"severity": "block"}))


def _not_calibrated(place: Place[Any], why: str) -> Finding:
    message = f"{place.subject}: not calibrated: {why}; run anchor calibrate, or collect more anchors first"
    return place.finding("insufficient", message)


def _too_little(place: Place[Any], name: BucketName, why: str) -> Finding:
    message = (
        f"{place.subject}{_SUBJECTS[name]} cannot be compared with human text: {why}; draw more of it or none, or"
        f" declare `{place.rule}: {{severity: warn}}` for this domain"
    )
    return place.finding("insufficient", message, evidence={"bucket": name})


def _finding(place: Place[Any], judged: Judged, buckets: Sequence[Bucket]) -> Finding:
    """One statistic of one bucket; of several buckets, all domains of the stage together."""
    name = buckets[0].name
    tokens = sum(bucket.measured.limits.tokens for bucket in buckets)
    probe = probe_in(judged.statistic)
    meaning = meaning_of(judged.statistic, *_probe_words(judged.statistic, buckets[0].model))
    unit = f" {meaning.unit}" if meaning.unit else ""
    values = (
        f"{_number(judged.observed)}{unit}, the band of human text is {_number(judged.low)} to {_number(judged.high)}"
    )
    message = f"{place.subject}{_SUBJECTS[name]}: {meaning.title} of {count(tokens, 'token')} is {values}"
    if judged.side:
        message += f": {meaning.below if judged.side < 0 else meaning.above}; {_REMEDIES[name]}"
    edge = judged.low if judged.side < 0 else judged.high
    evidence: dict[str, Any] = {
        "statistic": judged.statistic,
        "bucket": name,
        "tokens": tokens,
        "documents": sum(bucket.documents.height for bucket in buckets),
        "band": [judged.low, judged.high],
        "models": {"band": buckets[0].digest} | ({"probe": probe} if probe else {}),
    }
    if place.domain is None:
        evidence["domains"] = [bucket.domain for bucket in buckets]
    elif probe:
        evidence |= _details(judged, buckets[0], probe, meaning.unit)
    return place.finding(
        "fail" if judged.side else "pass",
        message,
        observed=judged.observed,
        required=edge,
        comparator="between" if judged.statistic != PROFILE else "<=",
        shortfall=abs(judged.observed - edge) if judged.side else 0.0,
        evidence=evidence,
    )


def _probe_words(statistic: str, model: Band) -> tuple[str, str]:
    """Unit and name of the probe that a statistic is about."""
    card = model.probes.get(probe_in(statistic) or "")
    return (card.unit, card.name) if card else ("", "")


def _details(judged: Judged, bucket: Bucket, probe: str, unit: str) -> dict[str, Any]:
    """The distribution over documents beside that of the anchors; outside the band, the documents farthest out."""
    values = bucket.documents[probe].to_numpy()
    found: dict[str, Any] = {}
    known = bucket.band.histogram.get(judged.statistic)
    if known is not None:
        edges = np.array(known[0])
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist()
        found["distribution"] = {
            "unit": unit,
            "edges": list(known[0]),
            "counts": {"anchor": list(known[1]), bucket.name: counts},
            "marks": {"low": judged.low, "high": judged.high, "observed": judged.observed},
        }
    if judged.side:
        farthest = bucket.documents.sort(probe, "doc_id", descending=[judged.side > 0, False]).head(_MOST_EXAMPLES)
        found["examples"] = [
            {"document": document, "source": source, "value": round(value, 3)}
            for document, source, value in farthest.select("doc_id", "source", probe).iter_rows()
        ]
    return found


def _number(value: float) -> str:
    return f"{value:.4g}"
