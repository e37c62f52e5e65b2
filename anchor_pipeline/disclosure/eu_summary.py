"""The public summary of training content for general-purpose AI models (AI Act, Article 53(1)(d)).

Sections, questions and size ranges are those of the template of 24 July 2025 (annex to C(2025) 5235 final), in its
order. It is about all data a model was trained on; this is about one release, and says so.
"""

from __future__ import annotations

from datetime import date, datetime

from anchor_pipeline.disclosure.eu_sources import source_sections
from anchor_pipeline.disclosure.origins import Told, by_category, month, sources_table
from anchor_pipeline.disclosure.statement import Answer, Section, Statement, Table, Value, declared, recorded
from anchor_pipeline.project.units import Duration
from anchor_pipeline.rules.wording import number

TEMPLATE = (
    "Template for the Public Summary of Training Content for General-Purpose AI models required by Article 53(1)(d) of"
    " Regulation (EU) 2024/1689 (AI Act), European Commission, 24 July 2025"
)
_LATER = Duration("6mo", months=-6)
"""Six months after: the interval in which a summary is updated."""
_OLD_MODELS, _OLD_UNTIL = date(2025, 8, 2), date(2027, 8, 2)
"""Models placed on the market before the first day have until the second (AI Act, Article 111(3))."""

_BANDS = {
    "text": (10**9, 10**13, ("Less than 1 billion tokens", "1 billion to 10 trillion tokens",
                             "More than 10 trillion tokens")),
    "image": (10**6, 10**9, ("Less than 1 million images", "1 million to 1 billion images",
                             "More than 1 billion images")),
    "audio": (10**4 * 3_600_000, 10**6 * 3_600_000, ("Less than 10 000 hours", "10 000 to 1 million hours",
                                                     "More than 1 million hours")),
}  # fmt: skip
"""By modality: where the middle range of the template begins and ends, in the unit of the column `tokens`."""


def eu_summary(told: Told) -> Statement:
    """The statement, from what is recorded and what is declared; see the module."""
    record, said = told.record, told.project
    return Statement(
        kind="eu-public-summary",
        title=f"Public summary of training content: {told.dataset_title()}",
        template=TEMPLATE,
        remarks=(
            "This summary is about the release named below and about nothing else. A model that is trained on several"
            " releases, or on other data as well, needs a summary of all of it.",
            "Numbers and dates are computed from the rows of the release. Whatever only people know stands here as it"
            " was declared; what was not declared is not stated, and listed at the end.",
        ),
        release=(
            *told.release(),
            ("Version of the Summary", said.version or record.cycle),
            ("Earlier versions", tuple(said.previous_versions) or "none stated"),
            ("Last update (no earlier than)", told.since.strftime("%d/%m/%y")),
            ("Next update due", update_due(told.since).isoformat()),
        ),
        sections=(_deadlines(told), *_general(told), *_sources(told), *_processing(told)),
    )


def update_due(since: date) -> date:
    """Six months later: summaries are updated at six-month intervals, or sooner."""
    return _LATER.before(datetime(since.year, since.month, since.day)).date()


def size_range(modality: str, least: int, most: int) -> str | None:
    """The template's range for an amount between two bounds (column `tokens`); None if it has none, or they differ."""
    if modality not in _BANDS:
        return None
    low, high, names = _BANDS[modality]
    place = {0 if amount < low else 1 if amount <= high else 2 for amount in (least, most)}
    return names[place.pop()] if len(place) == 1 else None


def _deadlines(told: Told) -> Section:
    day = told.project.market_date
    until: Value = None
    if day is not None:
        until = (_OLD_UNTIL if day < _OLD_MODELS else day).isoformat()
    return Section(
        "0.",
        "Deadlines",
        (
            Answer("0.1", "To be public by", until, "declared" if until else "not stated", ("disclosure.market_date",)),
            recorded("0.2", "To be updated by", update_due(told.since).isoformat()),
            "A summary is public when the model is placed on the Union market; for models placed there before 2 August"
            " 2025 by 2 August 2027. Where a model on the market is trained further, it is updated at intervals of six"
            " months, or sooner if the new data requires a materially significant update. The day above is counted from"
            " the earliest on which this release can have been made; from the day of publication it may be later.",
        ),
    )


def _general(told: Told) -> list[Section]:
    said = told.project
    provider, model = said.provider, said.model
    who = [one for one in (provider.name, provider.address, provider.contact) if one] if provider else []
    versions: Value = None
    if model is not None:
        versions = model.versions or (model.name,)
    return [
        Section("1.", "General information"),
        Section(
            "1.1.",
            "Provider identification",
            (
                declared("1.1", "Provider name and contact details", "; ".join(who) or None, "disclosure.provider.name",
                         "disclosure.provider.contact"),
                declared("1.1", "Authorised representative name and contact details",
                         provider.representative if provider else None, "disclosure.provider.representative",
                         optional=True),
            ),
        ),
        Section(
            "1.2.",
            "Model identification",
            (
                declared("1.2", "Versioned model name(s)", versions, "disclosure.model.name",
                         "disclosure.model.versions"),
                declared("1.2", "Model dependencies", model.based_on if model else None, "disclosure.model.based_on",
                         optional=True),
                declared("1.2", "Date of placement of the model on the Union market",
                         said.market_date.isoformat() if said.market_date else None, "disclosure.market_date"),
            ),
        ),
        _characteristics(told),
    ]  # fmt: skip


def _characteristics(told: Told) -> Section:
    said, period = told.project, told.record.period
    latest = None if period is None else month(period[1])
    parts: list[Answer | Table | str] = [
        _sizes(told),
        recorded("1.3", "Latest date of data acquisition/collection for model training (MM/YYYY)", latest),
        declared("1.3", "Is the model continuously trained on new data after that date?", said.continuous_training,
                 "disclosure.continuous_training"),
        declared("1.3", "Types of content of the overall training data", said.content, "disclosure.content",
                 optional=all(told.sources[source.name].content for source in told.record.drawn)),
        declared("1.3", "Description of the linguistic characteristics of the overall training data", said.languages,
                 "disclosure.languages"),
        declared("1.3", "Other relevant characteristics of the overall training data", said.characteristics,
                 "disclosure.characteristics", optional=True),
        _authorship(told),
    ]  # fmt: skip
    cutoff = said.knowledge_cutoff
    if cutoff is not None and period is not None and period[1].date() > cutoff:
        parts.append(
            f"The declared knowledge cut-off is {cutoff.isoformat()}, but the newest document of the release was"
            f" collected on {period[1]:%Y-%m-%d}: the date above is that of the record."
        )
    elif cutoff is not None:
        parts.append(declared("1.3", "Knowledge cut-off, as declared", cutoff.isoformat()))
    name = "Modalities, overall training data size and other characteristics"
    return Section("1.3.", name, tuple(parts))


def _sizes(told: Told) -> Table:
    """One row a modality: the template's range, if the record decides it, and the very amount in its own unit."""
    rows: list[tuple[Value, ...]] = []
    for modality in told.record.modalities:
        totals = [total for total in told.record.totals if total.modality == modality]
        once = sum(total.tokens_once for total in totals)
        # A tokenizer makes no more tokens than there are bytes; words alone do not say how many tokens they are.
        words = modality == "text" and told.unit(modality) == "words"
        most = max(once, sum(total.bytes for total in totals)) if words else once
        own = (told.sources[source.name].content for source in told.record.drawn if source.modality == modality)
        content = told.project.content or "; ".join(dict.fromkeys(text for text in own if text is not None))
        rows.append(
            (
                modality if modality in _BANDS else f"other: {modality}",
                size_range(modality, once, most),
                f"{number(once, modality)} {told.unit(modality)} in "
                f"{sum(total.documents for total in totals):,} documents",
                content or None,
            )
        )
    columns = ("Modality", "Training data size", "In another unit, each document once", "Types of content")
    return Table("Modalities", columns, tuple(rows))


def _authorship(told: Told) -> Table:
    rows: list[tuple[Value, ...]] = []
    for modality in told.record.modalities:
        for authorship in ("human", "human_edited", "synthetic", "unknown"):
            totals = [t for t in told.record.totals if (t.modality, t.authorship) == (modality, authorship)]
            if totals:
                amount = number(sum(total.tokens for total in totals), modality)
                count = sum(total.documents for total in totals)
                rows.append((modality, authorship.replace("_", " "), count, amount, told.unit(modality)))
    return Table("By authorship", ("Modality", "Authorship", "Documents", "Amount (with repeats)", "Unit"), tuple(rows))


def _sources(told: Told) -> list[Section]:
    unknown = told.of_category(None)
    parts: list[Answer | Table | str] = [by_category(told)]
    if unknown:
        parts.append(sources_table(told, "Sources whose category is not stated", unknown))
        parts.append(
            "As long as a source has no category, no question of sections 2.1 to 2.6 can be answered with no. Declare"
            " it in project.yaml, under disclosure of the source, as acquired."
        )
    return [Section("2.", "List of data sources", tuple(parts)), *source_sections(told)]


def _processing(told: Told) -> list[Section]:
    said = told.project
    return [
        Section("3.", "Data processing aspects"),
        Section(
            "3.1.",
            "Respect of reservation of rights from text and data mining exception or limitation",
            (
                declared("3.1", "Are you a Signatory to the Code of Practice for general-purpose AI models that"
                         " includes commitments to respect reservations of rights from the TDM exception or"
                         " limitation?", said.code_of_practice, "disclosure.code_of_practice"),
                declared("3.1", "Measures implemented before model training to respect reservations of rights from the"
                         " TDM exception or limitation before and during data collection", said.rights_reservations,
                         "disclosure.rights_reservations"),
            ),
        ),
        Section(
            "3.2.",
            "Removal of illegal content",
            (
                declared("3.2", "General description of measures taken", said.illegal_content_measures,
                         "disclosure.illegal_content_measures"),
            ),
        ),
        Section(
            "3.3.",
            "Other information (optional)",
            (
                declared("3.3", "Other relevant information about data processing", said.processing,
                         "disclosure.processing", optional=True),
                _rows_read(told),
            ),
        ),
    ]  # fmt: skip


def _rows_read(told: Told) -> Table:
    """What became of the rows that were read for this cycle; from the corpus record."""
    rows: list[tuple[Value, ...]] = []
    for source in told.record.sources:
        if source.rows is not None:
            counts = source.rows
            left = tuple(f"{reason}: {rows_left:,}" for reason, rows_left in counts.quarantined)
            drawn = source.documents
            rows.append((source.name, counts.read, counts.filtered, counts.duplicate, counts.later, left, drawn))
    columns = ("Source", "Rows read", "Left out by its row filter", "Duplicates", "Of later cycles", "In quarantine",
               "Documents in the release")  # fmt: skip
    return Table("What became of the rows of the sources that feed this stage", columns, tuple(rows))
