"""Amounts, sizes and dates of a release record in words that are the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime

from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.disclosure.record import ReleaseRecord, SourceRecord
from anchor_pipeline.disclosure.totals import Total

_MAIL = re.compile(r"[^\s@<>\"(),:;\\]+@[^\s@<>\"(),:;\\]+\.[^\s@<>\"(),:;\\]+")


def amount(modality: str, tokens: int, tokens_by: str) -> str:
    """Such as `1,234 words`; sounds, kept in milliseconds, in whole seconds."""
    unit = AMOUNT_UNITS[modality]
    if modality == "text":
        unit = "words" if tokens_by == "words" else f"tokens ({tokens_by})"
    return f"{tokens // AMOUNT_SCALE[modality]:,} {unit}"


def amounts(totals: Iterable[Total], tokens_by: str) -> str:
    """Of every modality, such as `1,234 words, 20 samples`; every pass counts."""
    sums: dict[str, int] = {}
    for total in totals:
        sums[total.modality] = sums.get(total.modality, 0) + total.tokens
    return ", ".join(amount(modality, tokens, tokens_by) for modality, tokens in sorted(sums.items()))


def between(period: tuple[datetime, datetime] | None) -> str:
    """`2024-01-01 to 2024-06-30`, one day alone, or `unknown`."""
    if period is None:
        return "unknown"
    first, last = (day(one) for one in period)
    return first if first == last else f"{first} to {last}"


def day(when: date | datetime) -> str:
    """ISO 8601."""
    return (when.date() if isinstance(when, datetime) else when).isoformat()


def is_mail(steward: str) -> bool:
    """Whether a steward is named by an e-mail address, and not as a team."""
    return _MAIL.fullmatch(steward) is not None


def source_summary(source: SourceRecord, record: ReleaseRecord) -> str:
    """What the record says of a source, in sentences; nothing that is not in it."""
    parts = [f"Source of kind {source.kind}"]
    if source.description:
        parts[0] += f": {source.description.rstrip('.')}"
    if source.totals:
        drawn = amounts(source.totals, record.tokens_by)
        parts.append(f"{source.documents:,} documents drawn, {source.passes:,} rows with repeats, {drawn}")
        parts.append(f"Collected {between(source.period)}")
    else:
        parts.append("No document drawn")
    if source.consent is not None:
        scrubbed = "declared scrubbed" if source.consent.scrubbed else "not declared scrubbed"
        parts.append(f"Legal basis as declared: {source.consent.basis}, {scrubbed}")
    if source.expires is not None:
        parts.append(f"Licence expires {day(source.expires)}")
    if source.uses is not None:
        parts.append(f"Permitted uses as declared: {', '.join(source.uses)}")
    if source.generated_from is not None:
        parts.append(f"Written by a generator fitted on source {source.generated_from}")
    parts += [f"{documents:,} documents name parents in source {name}" for name, documents in source.derived_from]
    return ". ".join(parts) + "."
