"""The inventory for people: a block of lines for each source, and the list of what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from anchor_pipeline.report.inventory import Entry, Inventory
from anchor_pipeline.report.inventory_advice import Advice
from anchor_pipeline.rules.wording import amount, count

_MOST_USES = 5
_MOST_LICENCES = 6


def lines(found: Inventory) -> Iterator[str]:
    """The whole, without line ends; what is not declared is said to be unknown."""
    yield f"Inventory of {found.project}, cycle {found.cycle}, as of {found.as_of:%Y-%m-%d}"
    for entry in found.entries:
        yield ""
        yield from _entry(entry)
    yield ""
    yield "What to clean, license or collect next"
    if not found.advice:
        yield "  nothing: no stage would take more than it has, and no licence ends soon"
    modalities = {entry.source: entry.modality for entry in found.entries}
    for number, one in enumerate(found.advice, start=1):
        yield f"  {number:>2}. {_advice(one, modalities.get(one.source or '', 'text'))}"


def _entry(entry: Entry) -> Iterator[str]:
    yield f"{entry.source} ({entry.kind}, {entry.modality}; {', '.join(entry.domains) or 'no domain'})"
    yield f"  volume     {count(entry.documents, 'document')}, {amount(entry.tokens, entry.modality)}{_rest(entry)}"
    yield f"  freshness  {_freshness(entry)}"
    yield f"  risk       {entry.risk}{'' if entry.risk_declared else ' (not declared)'}"
    if entry.kind == "enterprise" or entry.consent is not None:
        scrubbed = {True: "scrubbed", False: "not scrubbed", None: "not scrubbed"}[entry.scrubbed]
        yield f"  consent    {entry.consent or 'no basis declared'}, {scrubbed}"
    if entry.value_metric is not None:
        yield f"  value      {entry.value_metric}, weight {entry.value_weight:g}"
    yield f"  licence    {_licence(entry)}"
    yield f"  steward    {entry.steward or 'unknown'}"
    for stage, reasons in entry.not_usable.items():
        yield f"  not usable in {stage}: {_reasons(reasons)}"
    yield f"  in mixes   {_uses(entry)}"
    for worth in entry.worth:
        yield f"  worth      {worth.price:.2f} tokens of mix for one more token in {worth.stage} ({worth.supply})"


def _rest(entry: Entry) -> str:
    """What else was read of it."""
    parts = [count(entry.duplicates, "duplicate")] if entry.duplicates else []
    if entry.quarantined:
        parts.append(f"in quarantine: {_reasons(entry.quarantined)}")
    return f"; {'; '.join(parts)}" if parts else ""


def _reasons(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {reason}" for reason, number in reasons.items())


def _freshness(entry: Entry) -> str:
    if entry.collected_to is None or entry.fresh is None:
        return "no documents"
    return (
        f"collected {entry.collected_from} to {entry.collected_to}, the newest {count(entry.days_old or 0, 'day')} old;"
        f" {100 * entry.fresh:.1f} % of the documents within the fresh window"
    )


def _licence(entry: Entry) -> str:
    named = sorted(entry.licences.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{licence} ({number:,})" for licence, number in named[:_MOST_LICENCES]) or "no documents"
    if len(named) > _MOST_LICENCES:
        shown += f" and {len(named) - _MOST_LICENCES} more"
    if entry.expires is None or entry.days_left is None:
        return shown
    left = f"{count(entry.days_left, 'day')} left" if entry.days_left >= 0 else "expired"
    return f"{shown}; ends {entry.expires} ({left})"


def _uses(entry: Entry) -> str:
    if not entry.uses:
        return "none yet"
    shown = "; ".join(
        f"{use.stage} {use.cycle}: {amount(use.tokens, entry.modality)}, {100 * use.share:.1f} %"
        for use in entry.uses[:_MOST_USES]
    )
    return shown if len(entry.uses) <= _MOST_USES else f"{shown}; and {len(entry.uses) - _MOST_USES} more releases"


def _advice(one: Advice, modality: str) -> str:
    where = one.source or f"domain {one.domain}"
    about = f"{one.documents:,} documents, " if one.documents is not None else ""
    size = f"{'about ' if one.estimated else ''}{amount(one.tokens, modality)}"
    stages = f" in {', '.join(one.stages)}" if one.stages else ""
    worth = f"{amount(one.gain, modality)} of mix{stages}"
    value = f", value {one.weight:g}" if one.weight != 1 else ""
    kept = "keeps" if one.reason == "licence_ends" else "admits"
    return f"{one.action} {where}: {one.what} ({about}{size}): {kept} {worth}{value}"
