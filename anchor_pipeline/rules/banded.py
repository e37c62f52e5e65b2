"""What rules 8 and 10 share: each domain, and the stage as a whole, against the calibrated bands.

They are advisory where the project has no band, and say that it is not calibrated. Where a domain has one they block,
unless the project says that they only warn. The limits of both rules were set for all statistics together: human
text sets off either of them in one bucket in a hundred at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from anchor_pipeline.corpus.register import active
from anchor_pipeline.facts.bands.judge import Judged, judge, judge_together
from anchor_pipeline.facts.bands.model import Band, DomainBand, band_for, bands_in_use
from anchor_pipeline.rules.band_findings import finding, not_calibrated, too_little_finding
from anchor_pipeline.rules.buckets import (
    BUCKETS,
    HUMAN,
    Bucket,
    BucketName,
    matched,
    measure_bucket,
    ordered,
    size_for,
    text_documents,
    too_little,
)
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, S, not_taken, once_calibrated, share_places


@dataclass(frozen=True)
class _Domain:
    """The documents of one domain, and the band they are compared with."""

    evidence: Evidence
    documents: pl.DataFrame
    digest: str
    model: Band
    band: DomainBand

    def draw(self, name: BucketName) -> Bucket | str | None:
        """The bucket, why there is none, or None where there is nothing to judge."""
        documents = ordered(self.documents, name, self.model)
        if documents.is_empty():
            return None if name == "newest_synthetic" else "a probe was trained on all of it"
        size, why = self._fits(documents, name)
        if name == "domain" and (alike := matched(documents, self.band.shares)) is not None:
            size_alike, why_not = self._fits(alike, name)
            # Rather a bucket of other proportions than none.
            if why_not is None:
                documents, size, why = alike, size_alike, why_not
        if why is not None or size is None:
            return why
        return measure_bucket(self.evidence.store, name, documents, size, self.band, self.digest, self.model)

    def _fits(self, documents: pl.DataFrame, name: BucketName) -> tuple[int | None, str | None]:
        """The size to which documents in their order are brought down, and why there is none."""
        size = size_for(documents, name, self.band, self.evidence.cycle.start)
        return size, too_little(documents, size, self.band)

    def people(self) -> Bucket | None:
        """A bucket of what people wrote alone; None where that fills none."""
        bucket = replace(self, documents=self.documents.filter(HUMAN)).draw("domain")
        return bucket if isinstance(bucket, Bucket) else None


def banded(evidence: Evidence, rule: str, kind: type[S], wanted: Callable[[str], bool]) -> list[Finding]:
    """The findings of a rule about the statistics that are `wanted`, for every place where it is on."""
    if passed := not_taken(evidence, rule, kind, "text"):
        return passed
    places = [place for place in share_places(evidence, rule, kind) if place.modality == "text"]
    bands = bands_in_use(evidence.store, evidence.cycle.key)
    if not bands:
        return [not_calibrated(place, "no band is in use in this cycle") for place in places]
    documents = text_documents(evidence)
    using = {entry.digest for entry in active(evidence.store, "probe", evidence.cycle.key)}
    found: list[Finding] = []
    drawn: list[tuple[_Domain, Bucket]] = []
    domains = [place for place in places if place.domain is not None]
    for domain in sorted(set(documents["domain"].to_list()) | {str(place.domain) for place in domains}):
        place = next((place for place in domains if place.domain == domain), None)
        known = band_for(bands, domain)
        why = _unusable(known, bands, domain, using, wanted)
        if known is None or why is not None:
            found += [not_calibrated(place, str(why))] if place else []
            continue
        mine = _Domain(evidence, documents.filter(pl.col("domain") == domain), *known)
        findings, buckets = _of_domain(place, mine, wanted)
        found += findings
        drawn += [(mine, bucket) for bucket in buckets]
    stage = next((place for place in places if place.domain is None), None)
    return found if stage is None else found + _of_stage(stage, drawn, bands, wanted)


def _of_domain(
    place: Place[Any] | None, mine: _Domain, wanted: Callable[[str], bool]
) -> tuple[list[Finding], list[Bucket]]:
    if mine.documents.is_empty():
        return [place.nothing_drawn()] if place else [], []
    found, buckets = [], []
    for name in BUCKETS:
        bucket = mine.draw(name)
        if isinstance(bucket, Bucket):
            buckets.append(bucket)
        if place is None or bucket is None:
            continue
        blocking = once_calibrated(place)
        if isinstance(bucket, str):
            found.append(too_little_finding(blocking, name, bucket))
            continue
        judged = [one for one in judge(bucket.band.statistics, bucket.measured) if wanted(one.statistic)]
        people = mine.people() if name == "domain" and any(one.side for one in judged) else None
        alone = judge(people.band.statistics, people.measured) if people else []
        found += [_finding(blocking, one, [bucket], alone, [people] if people else []) for one in judged]
    return found, buckets


def _of_stage(
    place: Place[Any], drawn: Sequence[tuple[_Domain, Bucket]], bands: dict[str, Band], wanted: Callable[[str], bool]
) -> list[Finding]:
    """All domains together, those judged by the same band (with the same statistics)."""
    found = []
    for name in BUCKETS:
        mine = [(domain, bucket) for domain, bucket in drawn if bucket.name == name]
        mine = [(domain, bucket) for domain, bucket in mine if bucket.digest == mine[-1][1].digest]
        if not mine:
            continue
        buckets = [bucket for _, bucket in mine]
        judged = [one for one in _together(buckets, bands) if wanted(one.statistic)]
        ask = name == "domain" and any(one.side for one in judged)
        people = [bucket for domain, _ in mine if (bucket := domain.people())] if ask else []
        alone = _together(people, bands) if people else []
        found += [_finding(once_calibrated(place), one, buckets, alone, people) for one in judged]
    return found or [not_calibrated(place, "no domain of the stage could be compared with a band")]


def _together(buckets: Sequence[Bucket], bands: dict[str, Band]) -> list[Judged]:
    false_alarms = bands[buckets[0].digest].false_alarms
    return judge_together(buckets[0].band.statistics, [bucket.measured for bucket in buckets], false_alarms)


def _finding(
    place: Place[Any], judged: Judged, buckets: Sequence[Bucket], alone: Sequence[Judged], people: Sequence[Bucket]
) -> Finding:
    """A finding; with the buckets of `people` if what they wrote lies on the same side of the band by itself."""
    same = any(one.statistic == judged.statistic and one.side == judged.side != 0 for one in alone)
    return finding(place, judged, buckets, people if same else [])


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
