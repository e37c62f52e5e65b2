"""What to clean, license or collect next: every way to more lawful mix that the records show, the most useful first.

Each proposal is a number of tokens that could be added to a supply, and what the planner's program then admits more
in each stage; renewing a licence is worth what would be lost without it. Tokens of rows that were never taken in are
not known: they are estimated by the mean of the source's kept documents, and marked so. Proposals are ordered by
their gain times the business value of the source (`value.weight`, 1 where none is declared).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from anchor_pipeline.corpus.corpus import Corpus
from anchor_pipeline.mix.layout import Kind
from anchor_pipeline.mix.limits import feeding_sources
from anchor_pipeline.mix.shortfall import Shortfall
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.source import Source
from anchor_pipeline.report.inventory_supply import Supply

Action = Literal["clean", "license", "collect"]

SOON = timedelta(days=90)
"""A licence that ends within this time after the cycle is worth renewing now."""

_CLEAN = {
    "no_consent": "declare the basis of consent, and scrub it of secrets and personal data",
    "risk_above_limit": "lower its risk class by cleaning it, or declare one if it has none",
    "larger_than_stage": "split its documents into smaller ones",
    "unparsable_row": "correct rows that cannot be parsed",
    "ragged_row": "correct rows with too many or too few fields",
    "bad_utf8": "write it as UTF-8",
    "null_text": "fill in missing texts",
    "text_not_string": "write texts as text",
    "oversized": "split oversized documents, or raise max_bytes",
    "not_an_image": "replace files that are no images",
    "not_audio": "replace files that are no sounds",
    "unsafe_name": "rename files with unsafe names",
    "no_id": "give every document an id",
    "duplicate_id": "give different contents different ids",
    "no_date": "record when it was collected",
    "unparsable_date": "write dates in the declared form",
    "unknown_authorship": "record who wrote it, in the declared words",
    "unknown_domain": "name a declared domain in every row",
}
_LICENSE = {
    "no_licence": "have a licence recorded for every document",
    "unparsable_licence": "record licences as SPDX expressions",
    "licence_not_allowed": "agree on a licence that the project allows",
    "licence_expired": "renew the licence",
    "use_not_permitted": "have training permitted",
}


@dataclass(frozen=True)
class Records:
    """What proposals rest on."""

    project: Project
    cycle: Cycle
    corpus: Corpus
    held: Sequence[Supply]
    left_out: Mapping[str, Mapping[str, Mapping[str, int]]]
    """By stage, source and reason: kept documents that the stage may not use."""
    shut_out: Mapping[tuple[str, str], tuple[int, int]]
    """By source and reason: documents that the corpus put into quarantine, and their tokens."""
    stock: Mapping[str, tuple[int, int]]
    """By source of the inventory: its kept documents and their tokens."""

    def weight(self, source: str | None) -> float:
        """Business value; 1 where none is declared."""
        value = self.project.sources[source].value if source is not None else None
        return 1.0 if value is None else float(value.weight)


@dataclass(frozen=True)
class Advice:
    """One thing to do, and what it would bring."""

    action: Action
    source: str | None
    """None where no declared source is of that kind yet."""
    domain: str | None
    what: str
    """What to do, in words."""
    reason: str
    """The reason in the records that it rests on."""
    documents: int | None
    """Documents that it is about; None for what is not there yet."""
    tokens: int
    """Tokens that it adds, or keeps."""
    estimated: bool
    """Whether the tokens are estimated."""
    gain: int
    """Tokens of mix that it admits, or keeps, in all stages, each stage by itself."""
    stages: tuple[str, ...]
    """Where."""
    per_token: float
    """Gain for each token added or kept."""
    weight: float
    """Business value of the source."""

    @property
    def score(self) -> float:
        """What proposals are ordered by."""
        return self.gain * self.weight


def advice(records: Records) -> list[Advice]:
    """All proposals that bring anything, the most useful first, ties by action and name."""
    found: list[Advice] = []
    for name in records.stock:
        found += [_freed(records, name, *barred) for barred in _barred(records, name)]
        renewed = _renewal(records, name)
        found += [] if renewed is None else [renewed]
    useful = [one for one in found if one.gain > 0] + list(_collections(records))
    rank: dict[Action, int] = {"clean": 0, "license": 1, "collect": 2}
    return sorted(
        useful, key=lambda one: (-one.score, rank[one.action], one.source or "", one.domain or "", one.reason)
    )


def _barred(records: Records, name: str) -> Iterator[tuple[str, int, int, bool]]:
    """Reason, documents, tokens, and whether these are estimated, of all that cleaning or licensing would free."""
    counts, (kept, kept_tokens) = records.corpus.sources.get(name), records.stock[name]
    mean = kept_tokens / kept if kept else 0.0
    for reason, rows in sorted(counts.quarantined.items()) if counts else []:
        known, tokens = records.shut_out.get((name, reason), (0, 0))
        if reason in _CLEAN or reason in _LICENSE:
            # Those of the ingest were never counted in tokens.
            yield reason, rows, tokens + round((rows - known) * mean), rows > known
    # The stages leave out documents of the same source for the same reason: what counts is the most of them.
    reasons: dict[str, int] = {}
    for by_source in records.left_out.values():
        for reason, documents in by_source.get(name, {}).items():
            reasons[reason] = max(reasons.get(reason, 0), documents)
    for reason, documents in sorted(reasons.items()):
        if reason in _CLEAN or reason in _LICENSE:
            yield reason, documents, round(documents * mean), True


def _freed(records: Records, name: str, reason: str, documents: int, tokens: int, estimated: bool) -> Advice:
    """What would come of freeing tokens of a source."""
    source = records.project.sources[name]
    gains = {
        supply.stage: supply.gain(_spread(supply, name, source, tokens))
        for supply in records.held
        if supply.modality == source.modality and name in feeding_sources(records.project, supply.stage)
    }
    action: Action = "clean" if reason in _CLEAN else "license"
    what = {**_CLEAN, **_LICENSE}[reason]
    return _about(records, name, action, what, reason, (documents, tokens), gains, estimated=estimated)


def _about(
    records: Records,
    name: str,
    action: Action,
    what: str,
    reason: str,
    amount: tuple[int, int],
    gains: Mapping[str, int],
    *,
    estimated: bool = False,
) -> Advice:
    """A proposal about documents and tokens (`amount`) that a declared source has; `gains` by stage."""
    (documents, tokens), gain = amount, sum(gains.values())
    return Advice(
        action=action,
        source=name,
        domain=records.project.sources[name].domain.name,
        what=what,
        reason=reason,
        documents=documents,
        tokens=tokens,
        estimated=estimated,
        gain=gain,
        stages=tuple(stage for stage, admitted in gains.items() if admitted),
        per_token=_ratio(gain, tokens),
        weight=records.weight(name),
    )


def _spread(supply: Supply, name: str, source: Source, tokens: int) -> dict[Kind, int]:
    """Tokens by what the rules would see of them: as the source's usable documents are, else as it is declared."""
    there = supply.kinds_of(name)
    whole = sum(there.values())
    if whole:
        return {kind: tokens * part // whole for kind, part in there.items()}
    domains = [source.domain.name] if source.domain.name else list(supply.limits.weights)
    known = [domain for domain in domains if domain in supply.limits.weights]
    # Nothing is known of their age: an anchor counts as an older one.
    return {Kind(domain, source.kind == "anchor", False, False, "", ""): tokens // len(known) for domain in known}


def _renewal(records: Records, name: str) -> Advice | None:
    """A licence that ends soon, and what would be lost with it."""
    source, as_of = records.project.sources[name], records.cycle.as_of
    expires = source.terms.expires if source.terms else None
    if expires is None or not as_of.date() <= expires + timedelta(days=1) <= (as_of + SOON).date():
        return None
    losses = {supply.stage: supply.loss_of(name) for supply in records.held if supply.modality == source.modality}
    what = f"renew the licence, which ends on {expires.isoformat()}"
    return _about(records, name, "license", what, "licence_ends", records.stock[name], losses)


def _collections(records: Records) -> Iterator[Advice]:
    """What the stages lack for their targets, with the source that could best give it.

    What a stage lacks of several kinds may bring nothing alone: its gain is then 0, and what all bring is said.
    """
    for supply in records.held:
        lacks = [(_kind(lack), lack) for lack in supply.shortfalls()]
        together = supply.gain({kind: lack.tokens for kind, lack in lacks}) if len(lacks) > 1 else 0
        for kind, lack in lacks:
            best = _giver(records, supply, kind)
            steward = records.project.sources[best].steward if best else None
            by = f"; ask {steward}" if steward else "" if best else "; no declared source is of that kind"
            more = f" (with all else that the stage lacks: {together:,} more tokens of mix)" if together else ""
            yield Advice(
                action="collect",
                source=best,
                domain=lack.domain,
                what=f"collect {lack.what} documents{by}{more}",
                reason=lack.message,
                documents=None,
                tokens=lack.tokens,
                estimated=False,
                gain=supply.gain({kind: lack.tokens}),
                stages=(supply.stage,),
                per_token=round(supply.price(kind), 6),
                weight=records.weight(best),
            )


def _kind(lack: Shortfall) -> Kind:
    return Kind(lack.domain, lack.what != "human", lack.what == "fresh anchor", False, "", "")


def _giver(records: Records, supply: Supply, kind: Kind) -> str | None:
    """The declared source that could give documents of a kind: of several, the one of most business value."""
    kinds = ("anchor",) if kind.anchor else ("enterprise", "licensed", "anchor")
    able = [
        name
        for name, source in feeding_sources(records.project, supply.stage).items()
        if source.kind in kinds and source.modality == supply.modality and source.domain.name in (None, kind.domain)
    ]
    held = {cell.source for cell in supply.cells if cell.domain == kind.domain}

    def rank(name: str) -> tuple[bool, float, bool]:
        # Rows may name the domain: whether they ever name this one is known of sources that have. And anchors are
        # asked for where nothing less will do.
        source = records.project.sources[name]
        return source.domain.name is not None or name in held, records.weight(name), source.kind != "anchor"

    return max(able, key=rank, default=None)


def _ratio(gain: int, tokens: int) -> float:
    return round(gain / tokens, 6) if tokens else 0.0
