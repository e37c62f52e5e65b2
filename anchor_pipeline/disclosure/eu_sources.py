"""Section 2 of the European summary: the sources of a release, under the six headings of the template."""

from __future__ import annotations

from collections.abc import Iterable

from anchor_pipeline.disclosure.origins import Told, month, sources_table
from anchor_pipeline.disclosure.record import SourceRecord
from anchor_pipeline.disclosure.statement import Answer, Link, Section, Table, Value, declared
from anchor_pipeline.disclosure.totals import Total, period_of
from anchor_pipeline.project.disclosure import Acquired
from anchor_pipeline.rules.wording import number

_COVERED = "If yes, modality(ies) of the content covered"


def source_sections(told: Told) -> list[Section]:
    """Sections 2.1 to 2.6."""
    private = "Private non-publicly available datasets obtained from third parties"
    return [
        Section("2.1.", "Publicly available datasets", _public(told)),
        Section("2.2.", private),
        Section("2.2.1.", "Datasets commercially licensed by rightsholders or their representatives", _licensed(told)),
        Section("2.2.2.", "Private datasets obtained from other third parties", _third_party(told)),
        Section("2.3.", "Data crawled and scraped from online sources", _crawled(told)),
        Section("2.4.", "User data", _user_data(told)),
        Section("2.5.", "Synthetic data", _synthetic(told)),
        Section("2.6.", "Other sources of data", _other(told)),
    ]


def _question(told: Told, number: str, asked: str, category: Acquired) -> Answer:
    """Yes if a source says so; no only if all sources say something else."""
    used = told.used(category)
    keys = tuple(f"sources.{source.name}.disclosure.acquired" for source in told.of_category(None))
    return Answer(number, asked, used, "not stated" if used is None else "declared and record", keys)


def _modalities(number: str, asked: str, sources: Iterable[SourceRecord]) -> Answer:
    return Answer(number, asked, tuple(sorted({source.modality for source in sources})), "declared and record")


def _public(told: Told) -> tuple[Answer | Table | str, ...]:
    sources = told.of_category("public")
    question = _question(told, "2.1", "Have you used publicly available datasets to train the model?", "public")
    if not sources:
        return (question,)
    without = [source for source in sources if told.link(source) is None]
    return (
        question,
        _modalities("2.1", _COVERED, sources),
        sources_table(told, "Publicly available datasets, large and other ones", sources),
        *(
            declared("2.1", f"Link to the dataset {told.title(source)}, or its description", source.description or None,
                     f"sources.{source.name}.disclosure.url")
            for source in without
        ),
    )  # fmt: skip


def _licensed(told: Told) -> tuple[Answer | Table | str, ...]:
    asked = (
        "Have you concluded transactional commercial licensing agreement(s) with rightsholder(s) or with their"
        " representatives?"
    )
    question = _question(told, "2.2.1", asked, "commercial_licence")
    sources = told.of_category("commercial_licence")
    if not sources:
        return (question,)
    table = sources_table(told, "Commercially licensed datasets", sources)
    return (question, _modalities("2.2.1", _COVERED, sources), table)


def _third_party(told: Told) -> tuple[Answer | Table | str, ...]:
    asked = (
        "Have you obtained private datasets from third parties that are not licensed as described in Section 2.2.1,"
        " such as data obtained from providers of private databases, or data intermediaries?"
    )
    question = _question(told, "2.2.2", asked, "third_party")
    sources = told.of_category("third_party")
    if not sources:
        return (question,)
    return (
        question,
        _modalities("2.2.2", _COVERED, sources),
        sources_table(told, "Private datasets obtained from other third parties", sources),
        *_described(told, "2.2.2", sources),
    )


def _crawled(told: Told) -> tuple[Answer | Table | str, ...]:
    question = _question(told, "2.3", "Were crawlers used by the provider or on behalf of?", "crawled")
    sources = told.of_category("crawled")
    if not sources:
        return (question,)
    parts: list[Answer | Table | str] = [question, sources_table(told, "Crawled sources", sources)]
    for source in sources:
        crawler, key = told.sources[source.name].crawler, f"sources.{source.name}.disclosure.crawler"
        of = f" ({told.title(source)})"
        period = period_of(source.totals)
        when = None if period is None else f"{month(period[0])} to {month(period[1])}"
        asked: tuple[tuple[str, str | None, str], ...] = (
            ("Crawler name(s)/identifier(s)", crawler.name if crawler else None, "name"),
            ("Purposes of the crawler(s)", crawler.purpose if crawler else None, "purpose"),
            ("General description of crawler behaviour", crawler.behaviour if crawler else None, "behaviour"),
            ("Comprehensive description of the type of content and online sources crawled",
             crawler.content if crawler else None, "content"),
            ("Summary of the most relevant domain names crawled", crawler.domains if crawler else None, "domains"),
        )  # fmt: skip
        parts += [declared("2.3", what + of, answer, f"{key}.{name}") for what, answer, name in asked]
        parts.append(Answer("2.3", f"Period of data collection{of}", when, "record"))
    parts.append(_modalities("2.3", "Type of modality covered", sources))
    provider = told.project.provider
    if provider is None or provider.small is None:
        parts.append(
            "The domain names asked for are the top 10 % by size of the content crawled; of small and medium-sized"
            " enterprises the top 5 % or 1,000, whichever is less. Whether the provider is one is not stated."
        )
    return tuple(parts)


def _user_data(told: Told) -> tuple[Answer | Table | str, ...]:
    sources = told.of_category("user_data")
    known = told.used("user_data")
    kinds = {told.sources[source.name].user_data for source in sources}
    keys = tuple(f"sources.{source.name}.disclosure.acquired" for source in told.of_category(None))
    keys += tuple(
        f"sources.{source.name}.disclosure.user_data"
        for source in sources
        if told.sources[source.name].user_data is None
    )
    questions = (
        ("model", "Was data from user interactions with the AI model (e.g. user input and prompts) used to train the"
                  " model?"),
        ("services", "Was data collected from user interactions with the provider's other services or products used to"
                     " train the model?"),
    )  # fmt: skip
    parts: list[Answer | Table | str] = []
    for kind, asked in questions:
        # No is said only where no source without a category, and no user data of unknown kind, is left.
        none_left = not told.of_category(None) and None not in kinds
        answer = True if kind in kinds else False if none_left else None
        parts.append(Answer("2.4", asked, answer, "not stated" if answer is None else "declared and record", keys))
    if known:
        parts.append(_modalities("2.4", "Type of modality covered", sources))
        parts.append(sources_table(told, "User data", sources))
        parts += [
            declared("2.4", f"Services or products used to collect the user data ({told.title(source)})",
                     told.sources[source.name].services, f"sources.{source.name}.disclosure.services")
            for source in sources
            if told.sources[source.name].user_data != "model"
        ]  # fmt: skip
    return tuple(parts)


def _synthetic(told: Told) -> tuple[Answer | Table | str, ...]:
    asked = "Was synthetic AI-generated data created by the provider or on their behalf to train the model?"
    question = _question(told, "2.5", asked, "synthetic")
    sources = told.of_category("synthetic")
    parts: list[Answer | Table | str] = [question]
    if sources:
        parts.append(_modalities("2.5", "Modality of the synthetic data", sources))
        parts.append(sources_table(told, "Synthetic data by or for the provider", sources))
    generators = _generators(told)
    if generators.rows:
        parts.append(generators)
    for source in sources:
        said, key = told.sources[source.name], f"sources.{source.name}.disclosure"
        name = source.generator.identity if source.generator else source.name
        parts.append(declared("2.5", f"Is {name} available on the market? ({told.title(source)})", said.on_market,
                              f"{key}.on_market"))  # fmt: skip
        if said.on_market is False:
            asked = f"What {name} was trained on, as far as known ({told.title(source)})"
            training = said.generator_training or _fitted_on(source)
            parts.append(declared("2.5", asked, training, f"{key}.generator_training"))
    unknown = [total for total in told.record.totals if total.authorship == "unknown"]
    if unknown:
        documents = sum(total.documents for total in unknown)
        parts.append(
            f"Nobody stated who wrote {documents:,} documents of this release; they may hold synthetic content."
        )
    return tuple(parts)


def _fitted_on(source: SourceRecord) -> str | None:
    """Of a generator of the run itself, the record knows what it was fitted on."""
    return None if source.generated_from is None else f"the source {source.generated_from} of this project"


def _generators(told: Told) -> Table:
    """Every model that wrote documents of the release, in whatever source; amounts from the rows."""
    found: dict[tuple[str, str, str, str], list[Total]] = {}
    for source in told.record.drawn:
        for total in source.totals:
            if total.generator is not None or total.authorship == "synthetic":
                key = (total.generator or "", total.family or "", total.source, total.modality)
                found.setdefault(key, []).append(total)
    rows: list[tuple[Value, ...]] = []
    for (generator, family, source_name, modality), totals in sorted(found.items()):
        said = told.sources[source_name]
        summary = Link(said.generator_summary) if said.generator_summary else None
        amount = number(sum(total.tokens for total in totals), modality)
        documents = sum(total.documents for total in totals)
        rows.append(
            (generator or None, family or None, source_name, said.on_market, summary, documents, amount,
             told.unit(modality))
        )  # fmt: skip
    columns = ("Model", "Family", "Source", "On the market", "Its public summary", "Documents",
               "Amount (with repeats)", "Unit")  # fmt: skip
    return Table("Models that wrote documents of this release", columns, tuple(rows))


def _other(told: Told) -> tuple[Answer | Table | str, ...]:
    asked = "Have data sources other than those described in Sections 2.1 to 2.5 been used to train the model?"
    question = _question(told, "2.6", asked, "own")
    sources = told.of_category("own")
    if not sources:
        return (question,)
    return (question, sources_table(told, "Other sources", sources), *_described(told, "2.6", sources))


def _described(told: Told, number: str, sources: Iterable[SourceRecord]) -> list[Answer]:
    """A description of each source in words; what the declaration says of it otherwise will do."""
    return [
        declared(number, f"Description of {told.title(source)}", told.sources[source.name].content
                 or source.description or None, f"sources.{source.name}.disclosure.content")
        for source in sources
    ]  # fmt: skip
