"""How the data of a release came to the provider: sources by the categories that the templates ask for.

A source belongs to the category that is declared for it (`disclosure: {acquired: …}`); of those that are not, only
text that the run itself wrote is known, as synthetic. All others stay without a category, and then no question of
a template is answered with "no".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from anchor_pipeline.disclosure.licences import identifiers
from anchor_pipeline.disclosure.record import ReleaseRecord, SourceRecord
from anchor_pipeline.disclosure.statement import Link, Table, Value
from anchor_pipeline.disclosure.totals import Total, period_of
from anchor_pipeline.project import Project
from anchor_pipeline.project.disclosure import Acquired, Disclosure, SourceDisclosure, followable
from anchor_pipeline.rules.wording import in_units

NAMES: Mapping[Acquired | None, str] = {
    "public": "publicly available",
    "commercial_licence": "commercially licensed",
    "third_party": "other private, from third parties",
    "crawled": "crawled or scraped",
    "user_data": "user data",
    "synthetic": "synthetic",
    "own": "other",
    None: "category not stated",
}
UNITS = {"text": "tokens", "image": "images", "audio": "seconds", "table": "rows"}


@dataclass(frozen=True)
class Told:
    """A release record beside what people declared for disclosure."""

    record: ReleaseRecord
    project: Disclosure
    sources: Mapping[str, SourceDisclosure]
    since: date
    """The release is of this day or later; see `_no_earlier_than`."""

    @classmethod
    def of(cls, record: ReleaseRecord, project: Project) -> Told:
        """Where nothing is declared, everything is None."""
        said = {name: source.disclosure or SourceDisclosure() for name, source in project.sources.items()}
        return cls(record, project.disclosure or Disclosure(), said, _no_earlier_than(record, project))

    def category(self, source: SourceRecord) -> Acquired | None:
        """How its data came to the provider; None if that is not known."""
        if self.sources[source.name].acquired is not None:
            return self.sources[source.name].acquired
        return "synthetic" if source.generated_from is not None else None

    def of_category(self, category: Acquired | None) -> list[SourceRecord]:
        """The sources of the release that belong to it."""
        return [source for source in self.record.drawn if self.category(source) == category]

    def used(self, category: Acquired) -> bool | None:
        """Whether the release holds data of that category; None unless every source has one."""
        if self.of_category(category):
            return True
        return None if self.of_category(None) else False

    def unit(self, modality: str) -> str:
        """What an amount of that modality counts; text may be counted in words."""
        return "words" if modality == "text" and self.record.tokens_by == "words" else UNITS[modality]

    def title(self, source: SourceRecord) -> str:
        """The name under which a source is known, or its name here."""
        return self.sources[source.name].title or source.name

    def link(self, source: SourceRecord) -> Link | None:
        """Where readers find a source: as declared, or where it was read, if that is an address of the web."""
        url = self.sources[source.name].url or source.url
        return Link(url) if url is not None and followable(url) else None

    def dataset_title(self) -> str:
        """Title of the data set."""
        return self.project.title or f"{self.record.project}, {self.record.stage}"

    def release(self) -> tuple[tuple[str, Value], ...]:
        """What identifies the release that a statement is about.

        Not by its mix digest, which is of MANIFEST.json, which holds the digests of the statements in turn.
        """
        record = self.record
        return (
            ("Project", record.project),
            ("Stage", record.stage),
            ("Cycle", record.cycle),
            ("Data as of", record.as_of.strftime("%Y-%m-%d")),
            ("SHA-256 of the selection", record.verdict.digests.selection),
            ("Mix digest of the release before", record.previous or "none"),
        )


def _no_earlier_than(record: ReleaseRecord, project: Project) -> date:
    """The latest day on which the release cannot yet have been made, as far as the record knows: no clock is asked.

    The end of the cycle; where cycles may be built before they are over, its start or the newest document.
    """
    if not project.cycle.unfinished:
        return record.as_of.date()
    start = project.calendar.at(record.cycle).start
    newest = record.period[1] if record.period else start
    return min(max(start, newest), record.as_of).date()


def by_category(told: Told) -> Table:
    """The amounts of the release by category and modality, with their shares; they add up to the whole."""
    rows: list[tuple[Value, ...]] = []
    for modality in told.record.modalities:
        sums: dict[Acquired | None, list[Total]] = defaultdict(list)
        for source in told.record.drawn:
            sums[told.category(source)] += [total for total in source.totals if total.modality == modality]
        whole = sum(total.tokens for totals in sums.values() for total in totals)
        for category, name in NAMES.items():
            totals = sums.get(category, [])
            if totals:
                rows.append((name, *amounts(told, modality, totals), share(sum(t.tokens for t in totals), whole)))
        every = [total for totals in sums.values() for total in totals]
        rows.append(("all", *amounts(told, modality, every), share(whole, whole)))
    columns = (
        "Category",
        "Modality",
        "Documents",
        "Rows (with repeats)",
        "Amount (with repeats)",
        "Unit",
        "Share in %",
    )
    return Table("Totals by category", columns, tuple(rows))


def amounts(told: Told, modality: str, totals: Iterable[Total]) -> tuple[Value, ...]:
    """Modality, documents each once, rows, amount in all passes, and its unit."""
    known = list(totals)
    tokens = sum(total.tokens for total in known)
    amount = in_units(tokens, modality)
    return (
        modality,
        sum(total.documents for total in known),
        sum(total.passes for total in known),
        int(amount) if amount == int(amount) else amount,
        told.unit(modality),
    )


def share(part: int, whole: int) -> float:
    """In per cent, to four places; 0 of 0 is 0."""
    return round(100 * part / whole, 4) if whole else 0.0


def month(moment: datetime) -> str:
    """MM/YYYY, as the European template has it."""
    return moment.strftime("%m/%Y")


def span(source: SourceRecord) -> tuple[str | None, str | None]:
    """First and last month in which the documents drawn were collected."""
    period = period_of(source.totals)
    return (None, None) if period is None else (month(period[0]), month(period[1]))


def licences_named(sources: Iterable[SourceRecord]) -> tuple[str, ...]:
    """The licences that the expressions of some sources name; there can be thousands of expressions, of few licences.

    The expressions themselves stand in ATTRIBUTION.md of the release.
    """
    return tuple(sorted({name for source in sources for one in source.licences for name in identifiers(one)}))


def sources_table(told: Told, title: str, sources: Iterable[SourceRecord]) -> Table:
    """One row per source: what it is and where, how much of it, of when, and under which licences."""
    columns = (
        "Source", "Title", "Address", "Modality", "Documents", "Rows (with repeats)", "Amount (with repeats)", "Unit",
        "Collected from", "Collected to", "Licences named", "Content",
    )  # fmt: skip
    rows: list[tuple[Value, ...]] = []
    for source in sources:
        said = told.sources[source.name]
        content = said.content or source.description or None
        rows.append(
            (
                source.name,
                said.title,
                told.link(source),
                *amounts(told, source.modality, source.totals),
                *span(source),
                licences_named([source]),
                content,
            )
        )
    return Table(title, columns, tuple(rows))
