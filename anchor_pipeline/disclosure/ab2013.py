"""What California asks developers of generative AI to post of their training data: Civil Code § 3111(a)(1) to (12).

Added by Assembly Bill 2013 (Statutes of 2024, chapter 817): before a generative AI system or service, or a substantial
modification of one, is made available to Californians.
"""

from __future__ import annotations

from datetime import date

from anchor_pipeline.disclosure.origins import Told, amounts, by_category, licences_named, span
from anchor_pipeline.disclosure.record import SourceRecord
from anchor_pipeline.disclosure.statement import Answer, Section, Statement, Table, Value, declared

TEMPLATE = "California Civil Code § 3111(a), added by Assembly Bill 2013 (2024)"

_ASKED = {
    1: "The sources or owners of the datasets.",
    2: "A description of how the datasets further the intended purpose of the artificial intelligence system or"
    " service.",
    3: "The number of data points included in the datasets, which may be in general ranges, and with estimated figures"
    " for dynamic datasets.",
    4: "A description of the types of data points within the datasets: the types of labels used, or, without labels,"
    " the general characteristics.",
    5: "Whether the datasets include any data protected by copyright, trademark, or patent, or whether the datasets are"
    " entirely in the public domain.",
    6: "Whether the datasets were purchased or licensed by the developer.",
    7: "Whether the datasets include personal information, as defined in subdivision (v) of Section 1798.140.",
    8: "Whether the datasets include aggregate consumer information, as defined in subdivision (b) of Section"
    " 1798.140.",
    9: "Whether there was any cleaning, processing, or other modification to the datasets by the developer, including"
    " the intended purpose of those efforts in relation to the artificial intelligence system or service.",
    10: "The time period during which the data in the datasets were collected, including a notice if the data"
    " collection is ongoing.",
    11: "The dates the datasets were first used during the development of the artificial intelligence system or"
    " service.",
    12: "Whether the generative artificial intelligence system or service used or continuously uses synthetic data"
    " generation in its development.",
}


def ab2013(told: Told) -> Statement:
    """The statement, from what is recorded and what is declared; one answer for each source and question."""
    said = told.project
    about: tuple[Answer | Table | str, ...] = (
        declared("(a)", "Developer", said.provider.name if said.provider else None, "disclosure.provider.name"),
        declared("(a)", "System or service", said.model.name if said.model else None, "disclosure.model.name"),
        declared("(a)", "Its intended purpose", said.model.purpose if said.model else None, "disclosure.model.purpose"),
        by_category(told),
    )
    sections = [_owners, _purpose, _number, _types, _rights, _obtained, _personal, _aggregate, _cleaning, _period,
                _first_used, _synthetic]  # fmt: skip
    return Statement(
        kind="california-ab-2013",
        title=f"Training data documentation: {told.dataset_title()}",
        template=TEMPLATE,
        remarks=(
            "A high-level summary of the datasets in the release named below, each source being a dataset. Training in"
            " the sense of the law includes testing, validation and fine-tuning; other data that was used for those is"
            " not part of this release, and not of this summary.",
        ),
        release=told.release(),
        sections=(
            Section("(a)", "The system and its developer", about),
            *(
                Section(f"(a)({number})", _ASKED[number], tuple(make(told, f"(a)({number})")))
                for number, make in enumerate(sections, start=1)
            ),
        ),
    )


def _each(told: Told, number: str, key: str, values: dict[str, Value]) -> list[Answer | Table | str]:
    """One declared answer a source."""
    return [
        declared(number, told.title(source), values[source.name], f"sources.{source.name}.disclosure.{key}")
        for source in told.record.drawn
    ]


def _owners(told: Told, number: str) -> list[Answer | Table | str]:
    rows = [
        (source.name, told.sources[source.name].title, told.link(source), source.steward, source.kind)
        for source in told.record.drawn
    ]
    owners: dict[str, Value] = {source.name: told.sources[source.name].owner for source in told.record.drawn}
    columns = ("Source", "Title", "Address", "Steward here", "Kind, as declared")
    return [*_each(told, number, "owner", owners), Table("Sources", columns, tuple(rows))]


def _purpose(told: Told, number: str) -> list[Answer | Table | str]:
    return _each(told, number, "purpose", {name: said.purpose for name, said in told.sources.items()})


def _number(told: Told, number: str) -> list[Answer | Table | str]:
    rows: list[tuple[Value, ...]] = [
        (source.name, *amounts(told, source.modality, source.totals)) for source in told.record.drawn
    ]
    columns = ("Source", "Modality", "Data points (documents)", "Rows (with repeats)", "Amount (with repeats)", "Unit")
    return [Table("Counted in the release", columns, tuple(rows))]


def _types(told: Told, number: str) -> list[Answer | Table | str]:
    parts: list[Answer | Table | str] = []
    for source in told.record.drawn:
        said, key = told.sources[source.name], f"sources.{source.name}.disclosure"
        if said.labels is not None:
            parts.append(declared(number, f"{told.title(source)}: types of labels", said.labels))
        text = said.content or source.description or None
        parts.append(
            declared(number, f"{told.title(source)} ({source.modality}): general characteristics", text,
                     f"{key}.content", f"{key}.labels", optional=said.labels is not None)
        )  # fmt: skip
    return parts


def _rights(told: Told, number: str) -> list[Answer | Table | str]:
    parts: list[Answer | Table | str] = []
    for source in told.record.drawn:
        rights = told.sources[source.name].rights
        words: Value = None
        if rights == ("public_domain",):
            words = "Entirely in the public domain"
        elif rights is not None:
            words = f"Includes data protected by {', '.join(sorted(set(rights)))}"
        parts.append(declared(number, told.title(source), words, f"sources.{source.name}.disclosure.rights"))
    rows = [(source.name, licences_named([source])) for source in told.record.drawn]
    named = Table("Licences recorded of the documents", ("Source", "SPDX identifiers"), tuple(rows))
    return [*parts, named, "The licence expressions themselves are in ATTRIBUTION.md."]


def _obtained(told: Told, number: str) -> list[Answer | Table | str]:
    parts: list[Answer | Table | str] = []
    for source in told.record.drawn:
        said, category = told.sources[source.name], told.category(source)
        bought = {True: "purchased", False: "not purchased", None: "purchased or not: not stated"}[said.purchased]
        licensed = None
        if category == "commercial_licence":
            licensed = "licensed"
        elif source.kind == "licensed":
            licensed = "used under the licences recorded in (a)(5)"
        elif category in ("own", "synthetic") and said.purchased is False:
            licensed = "the developer's own"
        told_so = said.purchased is not None or licensed is not None
        words = "; ".join(one for one in (licensed, bought) if one) if told_so else None
        parts.append(
            Answer(number, told.title(source), words, "declared" if told_so else "not stated",
                   (f"sources.{source.name}.disclosure.purchased",))
        )  # fmt: skip
    return parts


def _personal(told: Told, number: str) -> list[Answer | Table | str]:
    values: dict[str, Value] = {name: said.personal_information for name, said in told.sources.items()}
    parts = _each(told, number, "personal_information", values)
    scrubbed = [source.name for source in told.record.drawn if source.consent is not None and source.consent.scrubbed]
    if scrubbed:
        parts.append(
            f"Declared as scrubbed of secrets and personal data before it was taken in: {', '.join(scrubbed)}. Whether"
            " nothing was left is not known from that."
        )
    return parts


def _aggregate(told: Told, number: str) -> list[Answer | Table | str]:
    values: dict[str, Value] = {name: said.aggregate_consumer_information for name, said in told.sources.items()}
    return _each(told, number, "aggregate_consumer_information", values)


def _cleaning(told: Told, number: str) -> list[Answer | Table | str]:
    """The record knows what was left out, and why; what else was done, only people know."""
    rows: list[tuple[Value, ...]] = []
    for source in told.record.drawn:
        if source.rows is not None:
            left = tuple(f"{reason}: {count:,}" for reason, count in source.rows.quarantined)
            rows.append((source.name, source.rows.read, source.rows.filtered, source.rows.duplicate, left))
    columns = ("Source", "Rows read", "Left out by its row filter", "Exact duplicates left out", "In quarantine")
    return [
        Answer(number, "Rows were selected, and duplicates and rows that broke a rule left out, so that the release"
               " keeps the rules that its verdict names", True, "record"),
        Table("Rows left out", columns, tuple(rows)),
        declared(number, "Any other cleaning, processing or modification, and its purpose", told.project.processing,
                 "disclosure.processing"),
    ]  # fmt: skip


def _period(told: Told, number: str) -> list[Answer | Table | str]:
    rows = []
    parts: list[Answer | Table | str] = []
    for source in told.record.drawn:
        said = told.sources[source.name]
        rows.append((source.name, *span(source)))
        # Who promises to collect something new in each period, goes on collecting.
        ongoing = True if said.ongoing is None and source.sampling_plan is not None else said.ongoing
        parts.append(
            declared(number, f"{told.title(source)}: collection is ongoing", ongoing,
                     f"sources.{source.name}.disclosure.ongoing")
        )  # fmt: skip
    table = Table("Collected, by the dates of the documents in the release", ("Source", "From", "To"), tuple(rows))
    return [table, *parts]


def _first_used(told: Told, number: str) -> list[Answer | Table | str]:
    values: dict[str, Value] = {
        name: _iso(said.first_used or told.project.first_used) for name, said in told.sources.items()
    }
    return [
        *_each(told, number, "first_used", values),
        f"This release is of the cycle {told.record.cycle}, whose data is as of {told.record.as_of:%Y-%m-%d}.",
    ]


def _synthetic(told: Told, number: str) -> list[Answer | Table | str]:
    made = [source for source in told.record.drawn if _generated(source)]
    unknown = any(total.authorship == "unknown" for total in told.record.totals)
    answer = True if made else None if unknown or told.of_category(None) else False
    parts: list[Answer | Table | str] = [
        Answer(number, "Synthetic data generation was used", answer, "not stated" if answer is None else "record")
    ]
    rows: list[tuple[Value, ...]] = []
    for source in made:
        synthetic = [total for total in source.totals if total.authorship == "synthetic"]
        models = tuple(sorted({total.generator for total in synthetic if total.generator is not None}))
        purpose = told.sources[source.name].purpose
        rows.append((source.name, models or None, *amounts(told, source.modality, synthetic), purpose))
    columns = ("Source", "Models", "Modality", "Documents", "Rows (with repeats)", "Amount (with repeats)", "Unit",
               "Its purpose")  # fmt: skip
    if rows:
        parts.append(Table("Synthetic data in the release", columns, tuple(rows)))
    if unknown:
        parts.append("Of some documents it is not known who wrote them; they may be synthetic as well.")
    return parts


def _generated(source: SourceRecord) -> bool:
    return any(total.authorship == "synthetic" for total in source.totals)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
