"""Metadata as ingest writes it, for tests of what is expected of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA, METADATA_COLUMNS
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.expectation_models import ExpectationResult
from anchor_pipeline.ingest.expectations import validate_source
from anchor_pipeline.project import Project, load_project

HOSTILE = "<script>alert('x')</script>&\"'"

YAML = """\
project: trial
cycle: {cadence: yearly, start: 2020-01-01}
domains: {support: {}, essays: {}}
sources:
  tickets:
    kind: enterprise
    domain: support
    uri: tickets.jsonl
    fields: {id: {column: id}}
    steward: steward@example.org
    expectations: [%s]
  letters: {kind: anchor, domain: essays, uri: letters.jsonl}
  models: {kind: synthetic, domain: {column: area}, uri: models.jsonl}
  books: {kind: licensed, domain: essays, uri: books.jsonl}
stages:
  pretrain: {tokens: 1k, domains: {support: 0.5, essays: 0.5}}
"""


def load(folder: Path, expectations: str = "") -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.yaml").write_text(YAML % expectations)
    return load_project(folder)


def frame(source: str, kind: str, rows: int = 20, **columns: Any) -> pl.LazyFrame:
    """Metadata as ingest writes it; `columns` replace whole columns by lists, or by one value."""
    values: dict[str, Any] = {
        "doc_id": [f"{source}/{i:06d}" for i in range(rows)],
        "source": source,
        "kind": kind,
        "authorship": "synthetic" if kind == "synthetic" else "human",
        "domain": "essays",
        "modality": "text",
        "tokens": [i + 1 for i in range(rows)],
        "bytes": [6 * (i + 1) for i in range(rows)],
        "digest": [f"{i:064x}" for i in range(rows)],
        "collected_at": datetime(2020, 5, 1, tzinfo=UTC),
        "licence": "CC-BY-4.0",
        "generator": "m@1" if kind == "synthetic" else None,
        "family": "m" if kind == "synthetic" else None,
        "parents": [[] for _ in range(rows)],
        "stratum": None,
        "raw_file": f"{source}.jsonl",
        "raw_row": list(range(1, rows + 1)),
    } | columns
    whole = pl.from_arrow(DOCUMENT_SCHEMA.empty_table())
    assert isinstance(whole, pl.DataFrame)
    schema = {name: whole.schema[name] for name in METADATA_COLUMNS}
    lists = {name: value if isinstance(value, list) else [value] * rows for name, value in values.items()}
    return pl.DataFrame(lists, schema=schema).lazy()


def judge(
    project: Project, source: str, rows: pl.LazyFrame, store: Store, *, key: str = "k", cycle: str | None = None
) -> list[ExpectationResult]:
    """The results of a validation of `rows`."""
    return list(validate_source(project, source, lambda: rows, store, key=key, cycle=cycle).results)
