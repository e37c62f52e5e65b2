"""The inventory of first-party data: what there is of each source, on what terms, where it is used, what it is worth.

Listed are enterprise, licensed and anchor sources: data that the team collects, buys or asks for. Everything is taken
from the declaration, the corpus of one cycle and the releases in the store; ages are measured at the end of the cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import polars as pl

from anchor_pipeline.corpus.corpus import Corpus, SourceCounts, corpus_table, read_corpus
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.manifest import unit_of
from anchor_pipeline.mix.release import current_release
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.source import Source
from anchor_pipeline.report.inventory_advice import Advice, Records, advice
from anchor_pipeline.report.inventory_supply import Supply, supplies

FORMAT = 1
KINDS = ("anchor", "enterprise", "licensed")


@dataclass(frozen=True)
class Use:
    """What the newest release of a stage and cycle holds of a source."""

    stage: str
    cycle: str
    revision: int
    documents: int
    tokens: int
    share: float
    """Of the tokens of its modality."""


@dataclass(frozen=True)
class Worth:
    """What one more token of a source would admit in a stage."""

    stage: str
    supply: str
    """What the rules see of it, such as "human `support` documents"."""
    price: float


@dataclass(frozen=True)
class Entry:
    """A source in the inventory. Amounts are in the unit of its modality's column `tokens`."""

    source: str
    kind: str
    modality: str
    unit: str
    steward: str | None
    description: str
    domains: tuple[str, ...]
    rows_read: int
    documents: int
    """Kept in the corpus, each once."""
    tokens: int
    bytes: int
    duplicates: int
    quarantined: dict[str, int]
    """Rows by reason."""
    not_usable: dict[str, dict[str, int]]
    """By stage: kept documents that it may not use, by reason."""
    collected_from: date | None
    collected_to: date | None
    days_old: int | None
    """Of the newest document, at the end of the cycle."""
    fresh: float | None
    """Share of the documents within the fresh window of their domain."""
    risk: str
    risk_declared: bool
    consent: str | None
    """The legal basis."""
    scrubbed: bool | None
    """None where no consent is declared."""
    value_metric: str | None
    value_weight: float
    """1 where none is declared."""
    expires: date | None
    days_left: int | None
    """Of the licence, at the end of the cycle; negative when it has expired."""
    permitted_uses: tuple[str, ...] | None
    licences: dict[str, int]
    """Documents by SPDX expression."""
    uses: tuple[Use, ...]
    """Newest cycle first."""
    worth: tuple[Worth, ...]


@dataclass(frozen=True)
class Inventory:
    """The catalogue, and what to clean, license or collect next."""

    project: str
    cycle: str
    as_of: datetime
    entries: tuple[Entry, ...]
    advice: tuple[Advice, ...]
    """The most useful first."""

    def to_json(self) -> dict[str, Any]:
        """Plain data; dates in ISO 8601."""
        return {"format": FORMAT, **_plain(asdict(self))}


def inventory(project: Project, cycle: Cycle, store: Store) -> Inventory:
    """The inventory at the end of a cycle. Refused if its corpus was never assembled."""
    corpus = read_corpus(store, cycle.key)
    if corpus is None:
        raise Refused(f"the corpus of {cycle.key} was never assembled; make it with `anchor plan {project.path}`")
    listed = {name: source for name, source in project.sources.items() if source.kind in KINDS}
    held, left_out = supplies(project, cycle, store)
    stock = _stock(project, cycle, store, listed)
    uses = _uses(project, cycle, store)
    entries = tuple(
        _entry(project, cycle, corpus, name, source, stock[name], uses.get(name, []), left_out, held)
        for name, source in listed.items()
    )
    stocked = {entry.source: (entry.documents, entry.tokens) for entry in entries}
    told = advice(Records(project, cycle, corpus, held, left_out, _shut_out(cycle, store), stocked))
    return Inventory(project.project, cycle.key, cycle.as_of, entries, tuple(told))


@dataclass(frozen=True)
class _Stock:
    """What the corpus holds of a source."""

    documents: int
    tokens: int
    bytes: int
    fresh: int
    earliest: datetime | None
    latest: datetime | None
    domains: tuple[str, ...]
    licences: dict[str, int]


def _stock(project: Project, cycle: Cycle, store: Store, listed: Mapping[str, Source]) -> dict[str, _Stock]:
    windows = pl.LazyFrame(
        {"domain": list(project.domains), "since": [d.window.before(cycle.as_of) for d in project.domains.values()]},
        schema={"domain": pl.String, "since": pl.Datetime("us", "UTC")},
    )
    rows = (
        pl.scan_parquet(corpus_table(store, cycle.key), glob=False)
        .filter((pl.col("status") == "kept") & pl.col("source").is_in(list(listed)))
        .select("source", "domain", "licence", "tokens", "bytes", "collected_at")
        .join(windows, on="domain", how="left")
        .group_by("source", "domain", "licence")
        .agg(
            pl.len().alias("documents"),
            pl.col("tokens", "bytes").sum(),
            (pl.col("collected_at") >= pl.col("since")).sum().alias("fresh"),
            pl.col("collected_at").min().alias("earliest"),
            pl.col("collected_at").max().alias("latest"),
        )
        .sort("source", "domain", "licence")
        .collect(engine="streaming")
    )
    found = {}
    for name in listed:
        own = rows.filter(pl.col("source") == name)
        licences: dict[str, int] = {}
        for licence, documents in own.select("licence", "documents").iter_rows():
            licences[licence or "NOASSERTION"] = licences.get(licence or "NOASSERTION", 0) + documents
        sums = [int(own[column].sum()) for column in ("documents", "tokens", "bytes", "fresh")]
        dates = [own["earliest"].min(), own["latest"].max()]
        earliest, latest = (one if isinstance(one, datetime) else None for one in dates)
        domains = tuple(own["domain"].unique().sort().to_list())
        found[name] = _Stock(sums[0], sums[1], sums[2], sums[3], earliest, latest, domains, licences)
    return found


def _uses(project: Project, cycle: Cycle, store: Store) -> dict[str, list[Use]]:
    """By source: the newest release of every stage and cycle up to this one that holds some of it, newest first."""
    found: dict[str, list[Use]] = {}
    for stage in project.stages:
        for key in sorted((key for key in store.list(f"mix/{stage}") if key <= cycle.key), reverse=True):
            release = current_release(store, stage, key)
            if release is None:
                continue
            for shares in release.manifest.shares.values():
                for source, share in shares["source"].items():
                    use = Use(stage, key, release.revision, share.documents, share.tokens, float(share.share))
                    found.setdefault(source, []).append(use)
    return found


def _shut_out(cycle: Cycle, store: Store) -> dict[tuple[str, str], tuple[int, int]]:
    """By source and reason: documents that the corpus put into quarantine, and their tokens."""
    rows = (
        pl.scan_parquet(corpus_table(store, cycle.key), glob=False)
        .filter(pl.col("status") == "quarantined")
        .group_by("source", "reason")
        .agg(pl.len(), pl.col("tokens").sum())
        .sort("source", "reason")
        .collect(engine="streaming")
    )
    return {(source, reason): (documents, tokens) for source, reason, documents, tokens in rows.iter_rows()}


def _entry(
    project: Project,
    cycle: Cycle,
    corpus: Corpus,
    name: str,
    source: Source,
    stock: _Stock,
    uses: list[Use],
    left_out: Mapping[str, Mapping[str, Mapping[str, int]]],
    held: list[Supply],
) -> Entry:
    nothing = SourceCounts(snapshot="", read=0, kept=0, duplicate=0, later=0, quarantined={}, filtered=0, kept_tokens=0)
    counts = corpus.sources.get(name, nothing)
    expires = source.terms.expires if source.terms else None
    worth = [
        Worth(supply.stage, kind.words, round(supply.price(kind), 6))
        for supply in held
        for kind in supply.kinds_of(name)
    ]
    return Entry(
        source=name,
        kind=source.kind,
        modality=source.modality,
        unit=unit_of(source.modality),
        steward=source.steward,
        description=source.description,
        domains=stock.domains or ((source.domain.name,) if source.domain.name else ()),
        rows_read=counts.read,
        documents=stock.documents,
        tokens=stock.tokens,
        bytes=stock.bytes,
        duplicates=counts.duplicate,
        quarantined=dict(sorted(counts.quarantined.items())),
        not_usable={stage: dict(reasons[name]) for stage, reasons in left_out.items() if name in reasons},
        collected_from=stock.earliest.date() if stock.earliest else None,
        collected_to=stock.latest.date() if stock.latest else None,
        days_old=(cycle.as_of - stock.latest).days if stock.latest else None,
        fresh=float(Fraction(stock.fresh, stock.documents)) if stock.documents else None,
        risk=source.risk or ("high" if source.kind == "enterprise" else "low"),
        risk_declared=source.risk is not None,
        consent=source.consent.basis if source.consent else None,
        scrubbed=source.consent.scrubbed if source.consent else None,
        value_metric=source.value.metric if source.value else None,
        value_weight=float(source.value.weight) if source.value else 1.0,
        expires=expires,
        days_left=days_left(expires, cycle),
        permitted_uses=source.terms.uses if source.terms else None,
        licences=stock.licences,
        uses=tuple(sorted(uses, key=lambda use: use.cycle, reverse=True)),
        worth=tuple(worth),
    )


def days_left(expires: date | None, cycle: Cycle) -> int | None:
    """Whole days of a licence that are left at the end of a cycle; its last day counts."""
    if expires is None:
        return None
    last = datetime(expires.year, expires.month, expires.day, tzinfo=UTC)
    return (last - cycle.as_of).days + 1


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value
