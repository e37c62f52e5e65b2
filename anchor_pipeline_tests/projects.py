"""A small project on disk, lawful as it is, for tests that go the whole way from raw files to a mix."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

VOCABULARY = "the a of to and in for with storm harbour ledger anchor rope tide chart north light keel deck sail"

PROJECT = """
project: small
seed: 3
cycle: {cadence: yearly, start: 2019-01-01}
domains:
  sea: {volatility: slow, fresh_window: 2y}
sources:
  logbooks:
    kind: anchor
    domain: sea
    uri: raw/logbooks.jsonl
    fields: {id: {column: id}, text: {column: text}, collected_at: {column: date}, authorship: human, licence: CC0-1.0}
    steward: harbour@example.org
    signed_off: true
  gazette:
    kind: licensed
    domain: sea
    uri: raw/gazette.jsonl
    fields: {id: {column: id}, text: {column: text}, collected_at: {column: date}, authorship: human, licence: MIT}
  drafts:
    kind: synthetic
    domain: sea
    uri: raw/drafts.jsonl
    fields: {id: {column: id}, text: {column: text}, collected_at: {column: date}, licence: CC0-1.0}
    generator: {name: scribe, version: "1"}
stages:
  lawful:
    tokens: 2k
    domains: {sea: 1.0}
  greedy:
    description: Wants more text than the cap on synthetic tokens lets it have.
    tokens: 50k
    min_tokens: 40k
    domains: {sea: 1.0}
rules:
  generator_diversity: {max_family_share: 1.0}
"""


def rows(prefix: str, number: int, seed: int, date: str = "2020-06-01", words: int = 30) -> list[dict[str, Any]]:
    """Documents of about `words` words each, different from each other and the same every time."""
    chance = random.Random(f"{prefix}{seed}")
    vocabulary = VOCABULARY.split()
    return [
        {"id": f"{prefix}{i}", "text": " ".join(chance.choices(vocabulary, k=words)) + f" {prefix}{i}", "date": date}
        for i in range(number)
    ]


def write_rows(path: Path, values: list[dict[str, Any]]) -> None:
    """As JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def small_project(folder: Path, declaration: str = PROJECT) -> Path:
    """Write the project and its raw files; gives the project.yaml. Cycle 2020 is lawful for stage `lawful`."""
    write_rows(folder / "raw/logbooks.jsonl", rows("log", 40, 1))
    write_rows(folder / "raw/gazette.jsonl", rows("gaz", 60, 2))
    write_rows(folder / "raw/drafts.jsonl", rows("dra", 60, 3))
    path = folder / "project.yaml"
    path.write_text(declaration)
    return path
