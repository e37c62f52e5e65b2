"""What rules 8 and 10 say: findings about a statistic of a bucket and its band, in words that a steward can act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from anchor_pipeline.facts.bands.judge import Judged
from anchor_pipeline.facts.bands.model import Band
from anchor_pipeline.facts.bands.statistics import PROFILE, meaning_of, probe_in
from anchor_pipeline.rules.buckets import Bucket, BucketName
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.wording import count

_MOST_EXAMPLES = 5
_MOST_SOURCES = 3
_SUBJECTS = {"domain": "", "newest_synthetic": " (its newest synthetic text)"}
_REMEDIES = {
    "domain": "look at what was added since the last release and draw less of it; if people now write so, collect new"
    " anchors and calibrate again",
    "newest_synthetic": "look at the newest output of its generators, and draw less of it or change how it is made",
}
_MORE = {
    "domain": "draw more of it, calibrate with more text of its kind (anchors, or references)",
    "newest_synthetic": "draw more of it or none, choose a longer cycle, calibrate with more text of the domain",
}


def not_calibrated(place: Place[Any], why: str) -> Finding:
    """There is no band to compare with."""
    message = f"{place.subject}: not calibrated: {why}; run anchor calibrate, or collect more anchors first"
    return place.finding("insufficient", message)


def too_little_finding(place: Place[Any], name: BucketName, why: str) -> Finding:
    """There is a band, but no bucket that could be compared with it."""
    message = (
        f"{place.subject}{_SUBJECTS[name]} cannot be compared with human text: {why}; {_MORE[name]}, or declare"
        f" `{place.rule}: {{severity: warn}}` for this domain"
    )
    return place.finding("insufficient", message, evidence={"bucket": name})


def finding(place: Place[Any], judged: Judged, buckets: Sequence[Bucket], people: Sequence[Bucket]) -> Finding:
    """One statistic of one bucket; of several buckets, all domains of the stage together.

    `people`: buckets of what people wrote alone, if that lies on the same side of the band by itself.
    """
    name = buckets[0].name
    tokens = sum(bucket.measured.limits.tokens for bucket in buckets)
    probe = probe_in(judged.statistic)
    card = buckets[0].model.probes.get(probe or "")
    meaning = meaning_of(judged.statistic, *(card.unit, card.name) if card else ())
    values = f"{_number(judged.observed)}{f' {meaning.unit}' if meaning.unit else ''}, the band of human text is "
    values += f"{_number(judged.low)} to {_number(judged.high)}"
    message = f"{place.subject}{_SUBJECTS[name]}: {meaning.title} of {count(tokens, 'token')} is {values}"
    means = meaning.below if judged.side < 0 else meaning.above
    if people:
        # What people wrote cannot be unlike human text, only unlike the human text at hand.
        message += f": {means.replace('human text', 'its anchors')}; {_unlike_anchors(people)}"
    elif judged.side:
        message += f": {means}; {_REMEDIES[name]}"
    edge = judged.low if judged.side < 0 else judged.high
    evidence: dict[str, Any] = {
        # By its name: a digest would be no heading of a table or plot. `models` has it.
        "statistic": f"bits:{card.name}" if card else judged.statistic,
        "bucket": name,
        "tokens": tokens,
        "documents": sum(bucket.documents.height for bucket in buckets),
        "band": [judged.low, judged.high],
        "models": {"band": buckets[0].digest} | ({"probe": probe} if probe else {}),
    }
    if people:
        evidence["human_alone"] = sum(bucket.documents.height for bucket in people)
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


def _unlike_anchors(people: Sequence[Bucket]) -> str:
    """What to do where the documents declared human are outside the band without any other."""
    model: Band = people[0].model
    known = {source for bucket in people for source in bucket.band.snapshots}
    sources = Counter(source for bucket in people for source in bucket.documents["source"].to_list())
    others = [source for source, _ in sources.most_common() if source not in known][:_MOST_SOURCES]
    beside = " and references" if model.references else ""
    said = f"its human documents alone lie outside too, unlike the anchors{beside}: widen the anchors"
    if others:
        named = " ".join(f"--reference {source}" for source in others)
        return f"{said}, or, if you vouch that people wrote these, anchor calibrate {named}"
    return f"{said} and calibrate again, or draw its sources in the proportions that they have there"


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
