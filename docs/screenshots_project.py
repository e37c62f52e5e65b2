"""The small project that the pictures show: two stages over six years, and anchors that are missing in the last."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

LAST = 2025
YEARS = range(2020, LAST + 1)

PROJECT = """\
project: bank
seed: 7
cycle: {cadence: yearly, start: 2020-01-01}
domains:
  support: {description: What customers ask a bank., fresh_window: 1y}
  manuals: {description: How a thing is used or done., volatility: slow, fresh_window: 2y}
sources:
  reviewed_tickets:
    description: Tickets that a person answered and a second person read.
    kind: anchor
    domain: support
    uri: data/reviewed_tickets.jsonl
    fields: &human {text: {column: text}, collected_at: {column: date}, authorship: human, licence: CC-BY-4.0}
    steward: support-quality@example.org
    signed_off: true
    sampling_plan: {cadence: yearly, minimum: 50, minimum_new: 40}
  handbooks:
    description: Handbooks by those who build the thing.
    kind: anchor
    domain: manuals
    uri: data/handbooks.jsonl
    fields: *human
    steward: handbooks
    signed_off: true
  tickets:
    description: What customers wrote, and the answers.
    kind: enterprise
    domain: support
    uri: data/tickets.jsonl
    fields: *human
    consent: {basis: contract, scrubbed: true}
    risk: low
    expectations:
      - {type: expect_column_values_to_be_between, column: tokens, min_value: 10, max_value: 45, severity: warning}
  guides:
    kind: licensed
    domain: manuals
    uri: data/guides.jsonl
    fields: *human
    terms: {expires: 2030-12-31, uses: [training]}
  replies:
    kind: synthetic
    domain: support
    uri: data/replies.jsonl
    fields: &machine {text: {column: text}, collected_at: {column: date}, licence: MIT}
    generator: {name: scribe, version: "2", family: scribe}
  drafts:
    kind: synthetic
    domain: manuals
    uri: data/drafts.jsonl
    fields: *machine
    generator: {name: quill, version: "1", family: quill}
stages:
  pretrain:
    description: Everything a model of a bank should have read.
    tokens: 30k
    min_tokens: 3k
    domains: {support: 0.5, manuals: 0.5}
    tolerance: 0.1
    rules: {sampling_plan: {severity: warn}}
  sft:
    description: How to answer customers.
    tokens: 12k
    min_tokens: 6k
    domains: {support: 0.8, manuals: 0.2}
    tolerance: 0.1
    rules: {consent: {max_risk: low}}
rules:
  generator_diversity: {max_family_share: 1.0}
  near_duplicates: {severity: warn}
"""

_WORDS = (
    *("account", "card", "cash", "code", "fee", "form", "invoice", "letter", "limit", "loan"),
    *("order", "payment", "pin", "rate", "refund", "report", "statement", "ticket", "transfer", "visit"),
)

_PER_YEAR = {
    "reviewed_tickets": (60, 64, 72, 78, 90, 4),
    "handbooks": (50, 50, 55, 60, 60, 60),
    "tickets": (150, 160, 170, 180, 190, 200),
    "guides": (120, 130, 120, 130, 120, 130),
    "replies": (30, 60, 80, 120, 160, 200),
    "drafts": (20, 40, 60, 80, 100, 120),
}
"""Documents a year. In the last one next to no ticket was reviewed, and that is what the pictures are about."""


def write_project(folder: Path) -> Path:
    """Write declaration and raw files; gives the project.yaml. The same bytes every time."""
    (folder / "data").mkdir(parents=True)
    for source, counts in _PER_YEAR.items():
        rows = [row for year, count in zip(YEARS, counts, strict=True) for row in _rows(source, year, count)]
        # Two rows nobody can date, for the quarantine.
        rows += [{"text": f"{source} without a date {i}", "date": ""} for i in range(2)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "data" / f"{source}.jsonl").write_text(lines, encoding="utf-8")
    path = folder / "project.yaml"
    path.write_text(PROJECT, encoding="utf-8")
    return path


def _rows(source: str, year: int, count: int) -> list[dict[str, str]]:
    """Different texts of about thirty words, evenly over the year."""
    rows = []
    for i in range(count):
        step, length = 3 + (i + year) % 7, 26 + (i * i + len(source)) % 13
        words = [_WORDS[(7 * i + step * j + j * j) % len(_WORDS)] for j in range(length)]
        day = date(year, 1, 1) + timedelta(days=360 * i // count)
        rows.append({"text": f"{source} {year} {i}: {' '.join(words)}", "date": day.isoformat()})
    return rows
