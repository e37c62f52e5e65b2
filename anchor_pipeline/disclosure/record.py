"""The release record: what is known of a release before it is written, added up from its rows and the declaration.

Everything that a release says of itself is written from this and from nothing else, so that no document can say more
than another. What was neither declared nor recorded is None or "unknown" here and stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from urllib.parse import urlsplit

from anchor_pipeline.corpus.corpus import SourceCounts
from anchor_pipeline.disclosure.totals import OnHand, Total, derived_of, on_hand_of, period_of, totals_of
from anchor_pipeline.mix.limits import feeding_sources
from anchor_pipeline.project.addresses import without_credentials
from anchor_pipeline.project.source import Consent, Generator, SamplingPlan, Source
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import Verdict

_PUBLIC = ("https", "http", "ftp", "hf")


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows of a source: read = kept + duplicate + later + quarantined."""

    read: int
    filtered: int
    """Left out by `where`; not read."""
    kept: int
    duplicate: int
    later: int
    quarantined: tuple[tuple[str, int], ...]
    """By reason, sorted."""
    unreadable_files: int


@dataclass(frozen=True)
class SourceRecord:
    """A source that feeds the stage: what is declared of it, and what became of its rows."""

    name: str
    kind: str
    modality: str
    domain: str | None
    """None where a column names it row by row."""
    description: str
    url: str | None
    """Where it was read, without credentials, if others can read there: https, http, ftp, hf. A path of one machine or
    bucket says nothing to them, and what a release holds does not depend on it."""
    generated_from: str | None
    """For a source that the run itself wrote: the source its generator was fitted on."""
    steward: str | None
    signed_off: bool
    hold_out: float
    """Share that never enters a mix."""
    expires: date | None
    """Last day of the licence."""
    uses: tuple[str, ...] | None
    """Permitted uses; None if the terms do not say."""
    consent: Consent | None
    risk: str | None
    generator: Generator | None
    sampling_plan: SamplingPlan | None
    rows: RowCounts | None
    """What became of every row read; None if the source was not in the corpus."""
    on_hand: tuple[OnHand, ...]
    derived_from: tuple[tuple[str, int], ...]
    """Sources that hold parents of documents drawn from this one, and how many such documents there are."""
    totals: tuple[Total, ...]

    @property
    def documents(self) -> int:
        """Documents drawn, each once; 0 if nothing was drawn."""
        return sum(total.documents for total in self.totals)

    @property
    def passes(self) -> int:
        return sum(total.passes for total in self.totals)

    @property
    def tokens(self) -> int:
        """In all passes; a source has one modality, so one unit."""
        return sum(total.tokens for total in self.totals)

    @property
    def bytes(self) -> int:
        return sum(total.bytes for total in self.totals)

    @property
    def fresh_share(self) -> float | None:
        """Of its tokens; None if it is no anchor or nothing was drawn."""
        if self.kind != "anchor" or not self.tokens:
            return None
        return sum(total.fresh_tokens for total in self.totals) / self.tokens

    @property
    def licences(self) -> tuple[str, ...]:
        """Expressions of the documents drawn, sorted."""
        return tuple(sorted({total.licence for total in self.totals}))

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """When the first and the last document drawn were collected."""
        return period_of(self.totals)


@dataclass(frozen=True)
class ReleaseRecord:
    """What is known of a release; the same for the same selection, corpus, verdict and declaration."""

    project: str
    stage: str
    cycle: str
    as_of: datetime
    """End of the cycle, UTC."""
    stage_description: str
    domains: tuple[tuple[str, float, str], ...]
    """Of the stage: name, declared weight, description."""
    tokens_by: str
    """The unit of text: `words`, or the file name of a tokenizer."""
    sources: tuple[SourceRecord, ...]
    """All that feed the stage, in the order of declaration, those with nothing drawn too."""
    verdict: Verdict

    @property
    def drawn(self) -> tuple[SourceRecord, ...]:
        """Sources with documents in the release."""
        return tuple(source for source in self.sources if source.totals)

    @property
    def totals(self) -> tuple[Total, ...]:
        """All of them, source by source."""
        return tuple(total for source in self.sources for total in source.totals)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of the documents drawn, sorted."""
        return tuple(sorted({total.modality for total in self.totals}))

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.verdict.findings

    @property
    def previous(self) -> str | None:
        """Mix digest of the release before this one."""
        return self.verdict.digests.previous_release

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """When the first and the last document drawn were collected."""
        return period_of(self.totals)


def release_record(evidence: Evidence, verdict: Verdict) -> ReleaseRecord:
    """The record of what is about to be released; memory is that of the groups, not of the rows."""
    project, stage = evidence.project, evidence.stage
    totals = totals_of(evidence)
    feeding = feeding_sources(project, stage)
    held = on_hand_of(evidence, feeding)
    derived = derived_of(evidence)
    sources = tuple(
        _source(name, source, evidence.corpus.sources.get(name), held, derived, totals)
        for name, source in feeding.items()
    )
    return ReleaseRecord(
        project=project.project,
        stage=stage,
        cycle=evidence.cycle.key,
        as_of=evidence.cycle.as_of,
        stage_description=project.stages[stage].description,
        domains=tuple(
            (name, float(part.weight), project.domains[name].description)
            for name, part in project.stages[stage].domains.items()
        ),
        tokens_by=PurePath(project.tokens).name,
        sources=sources,
        verdict=verdict,
    )


def public_address(uri: str | None) -> str | None:
    """An address that others can follow, without credentials; None for a path, or a place inside an organisation."""
    return without_credentials(uri) if uri is not None and urlsplit(uri).scheme in _PUBLIC else None


def _rows(counts: SourceCounts) -> RowCounts:
    return RowCounts(
        read=counts.read,
        filtered=counts.filtered,
        kept=counts.kept,
        duplicate=counts.duplicate,
        later=counts.later,
        quarantined=tuple(sorted(counts.quarantined.items())),
        unreadable_files=len(counts.unreadable),
    )


def _source(
    name: str,
    source: Source,
    counts: SourceCounts | None,
    held: dict[str, list[OnHand]],
    derived: dict[str, list[tuple[str, int]]],
    totals: dict[str, list[Total]],
) -> SourceRecord:
    terms = source.terms
    return SourceRecord(
        name=name,
        kind=source.kind,
        modality=source.modality,
        domain=source.domain.name,
        description=source.description,
        url=public_address(source.uri),
        generated_from=source.generate.fit if source.generate else None,
        steward=source.steward,
        signed_off=source.signed_off,
        hold_out=float(source.hold_out),
        expires=terms.expires if terms else None,
        uses=terms.uses if terms else None,
        consent=source.consent,
        risk=source.risk,
        generator=source.generator,
        sampling_plan=source.sampling_plan,
        rows=_rows(counts) if counts else None,
        on_hand=tuple(held.get(name, ())),
        derived_from=tuple(derived.get(name, ())),
        totals=tuple(totals.get(name, ())),
    )
