"""Evidence made by hand: a declared project, a corpus table and a selection, as real Parquet files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.corpus import Corpus, SourceCounts
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA, METADATA_COLUMNS
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.snapshot import Unreadable
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project import load_project
from anchor_pipeline.rules.evidence import SELECTION_SCHEMA, Evidence
from anchor_pipeline.rules.finding import Finding

Row = dict[str, Any]

AS_OF = datetime(2022, 1, 1, tzinfo=UTC)

_MANY = 20

CORPUS_SCHEMA = pa.schema(
    [
        *(DOCUMENT_SCHEMA.field(name) for name in METADATA_COLUMNS),
        pa.field("shard", pa.string()),
        pa.field("shard_row", pa.int64()),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("duplicate_of", pa.string()),
    ]
)


def declaration(rules: Row | None = None, **parts: Any) -> Row:
    """A small project: two domains with anchors, human and synthetic sources each, and one stage `main`."""
    anchor = {"kind": "anchor", "uri": "a.jsonl", "signed_off": True, "steward": "ann@example.org"}
    generator = {"name": "gpt", "family": "gpt", "version": "1"}
    sources: Row = {
        "anchors_s": {**anchor, "domain": "support"},
        "anchors_e": {**anchor, "domain": "essays"},
        "tickets": {
            "kind": "enterprise", "domain": "support", "uri": "t.jsonl", "risk": "low",
            "consent": {"basis": "contract", "scrubbed": True},
        },
        "human_e": {"kind": "licensed", "domain": "essays", "uri": "h.jsonl"},
        "synth_s": {"kind": "synthetic", "domain": "support", "uri": "s.jsonl", "generator": generator},
        "synth_e": {"kind": "synthetic", "domain": "essays", "uri": "e.jsonl", "generator": generator},
    }  # fmt: skip
    project: Row = {
        "project": "tests",
        "seed": 1,
        "cycle": {"cadence": "yearly", "start": "2015-01-01"},
        "domains": {"support": {}, "essays": {}},
        "sources": sources,
        "stages": {"main": {"tokens": "1M", "domains": {"support": 0.5, "essays": 0.5}, "tolerance": 0.5}},
        "rules": {"anchor_share": {"min": 0.15}, "generator_diversity": {"max_family_share": 1.0}, **(rules or {})},
    }
    for name, part in parts.items():
        project[name] = merged(project[name], part) if isinstance(part, dict) else part
    return project


def merged(base: Row, changes: Row) -> Row:
    """`base` with `changes` put in at every depth; None removes."""
    result = dict(base)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        elif value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def doc(source: str, id: str, tokens: int = 10, **fields: Any) -> Row:
    """A drawn document; what is not said is taken from the source's name."""
    kind = "synthetic" if source.startswith("synth") else "anchor" if source.startswith("anchors") else "licensed"
    kind = "enterprise" if source == "tickets" else kind
    row: Row = {
        "doc_id": f"{source}/{id}",
        "digest": hashlib.sha256(f"{source}/{id}".encode()).hexdigest(),
        "source": source,
        "kind": kind,
        "authorship": "synthetic" if kind == "synthetic" else "human",
        "domain": "essays" if source.endswith("_e") else "support",
        "modality": "text",
        "tokens": tokens,
        "bytes": tokens * 6,
        "collected_at": datetime(2021, 12, 20, tzinfo=UTC),
        "licence": "CC0-1.0",
        "generator": "gpt@1" if kind == "synthetic" else None,
        "family": "gpt" if kind == "synthetic" else None,
        "parents": [],
        "fresh": False,
        "synthetic": False,
        "epoch": 0,
        "shard": "s",
        "shard_row": 0,
        "stratum": None,
        "raw_file": f"{source}.jsonl",
        "raw_row": 1,
        "status": "kept",
        "reason": None,
        "duplicate_of": None,
    }
    return {**row, **fields}


class Builder:
    """Writes evidence into a folder of its own, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0

    def __call__(
        self,
        selected: Iterable[Row],
        *,
        project: Row | None = None,
        corpus: Iterable[Row] = (),
        counts: dict[str, Row] | None = None,
        left_out: dict[str, dict[str, int]] | None = None,
        stage: str = "main",
        previous: Released | None = None,
        store: Store | None = None,
    ) -> Evidence:
        """Evidence of `selected` rows; the corpus holds their documents and the rows of `corpus`.

        Their texts (of no meaning, and different for every digest, unless a row says `text`) lie in the store.
        `counts` changes what the corpus recorded of a source.
        """
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        (folder / "project.yaml").write_text(json.dumps(project or declaration()))
        loaded = load_project(folder)
        drawn = list(selected)
        store = store or Store(folder / "store")
        _write_shards(store, drawn)
        documents = [*{row["doc_id"]: row for row in drawn}.values(), *corpus]
        _write(folder / "selection.parquet", drawn, SELECTION_SCHEMA)
        _write(folder / "documents.parquet", sorted(documents, key=lambda row: row["doc_id"]), CORPUS_SCHEMA)
        return Evidence(
            project=loaded,
            stage=stage,
            cycle=loaded.calendar.at("2021"),
            corpus=_corpus(loaded.sources, documents, counts or {}),
            documents=folder / "documents.parquet",
            selection=folder / "selection.parquet",
            left_out=left_out or {},
            store=store,
            previous=previous,
        )


def _write_shards(store: Store, rows: list[Row]) -> None:
    """Put the content of the drawn documents into shards, and say in the rows where it lies.

    A few documents get a shard each, so that a document lies at the same place whichever others are drawn.
    """
    rows[:] = [{"text": _any_text(row["digest"]), **row} for row in rows]
    waiting = [row for row in rows if row["shard"] == "s"]
    groups = [[row] for row in waiting] if len(waiting) < _MANY else [waiting]
    loose = pa.schema([field.with_nullable(True) for field in DOCUMENT_SCHEMA])
    for group in groups:
        content = [{name: row.get(name) for name in loose.names} for row in group]
        shard = store.write_shard(pa.Table.from_pylist(content, schema=loose))
        for at, row in enumerate(group):
            row["shard"] = shard.digest
            row["shard_row"] = row["shard_row"] if len(group) == 1 else at


def release_of(evidence: Evidence, rows: list[Row], cycle: str = "2020") -> Released:
    """A release of these rows, which have texts, in the store of `evidence`."""
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()
    part = f"mix/{evidence.stage}/{cycle}/0001/data/train-00000-of-00001.parquet"
    path = evidence.store.path(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ("doc_id", "text", "digest", "domain", "authorship", "modality", "tokens", "epoch")
    schema = pa.schema([*(DOCUMENT_SCHEMA.field(name) for name in columns[:-1]), pa.field("epoch", pa.int32())])
    content = [{name: {"text": _any_text(row["digest"]), **row}[name] for name in columns} for row in rows]
    pq.write_table(pa.Table.from_pylist(content, schema=schema), path)
    return Released(evidence.stage, cycle, digest, (part,))


def _any_text(digest: str) -> str:
    """Twelve words that no other digest has."""
    return " ".join(hashlib.sha256(f"{digest}{at}".encode()).hexdigest()[:8] for at in range(12))


def _corpus(sources: Iterable[str], documents: list[Row], counts: dict[str, Row]) -> Corpus:
    recorded = {}
    for name in sources:
        status = Counter(row["status"] for row in documents if row["source"] == name)
        kept = sum(row["tokens"] for row in documents if row["source"] == name and row["status"] == "kept")
        quarantined = {"bad_date": status["quarantined"]} if status["quarantined"] else {}
        own: Row = {
            "snapshot": "0" * 64, "read": status.total(), "kept": status["kept"], "duplicate": status["duplicate"],
            "later": status["later"], "quarantined": quarantined, "filtered": 0, "kept_tokens": kept,
        }  # fmt: skip
        recorded[name] = SourceCounts(**{**own, **counts.get(name, {})})
    return Corpus(cycle="2021", inputs="i", documents="d", sources=recorded)


def unreadable(path: str) -> tuple[Unreadable, ...]:
    return (Unreadable(path=path, offset="byte 512", message="the gzip stream ends early"),)


def _write(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    chosen = [{name: row[name] for name in schema.names} for row in rows]
    # Tests of provenance need rows that the schema forbids.
    loose = pa.schema([field.with_nullable(True) for field in schema])
    pq.write_table(pa.Table.from_pylist(chosen, schema=loose), path)


def at(findings: Iterable[Finding], domain: str | None = None, modality: str | None = "text") -> Finding:
    """The finding of one place; fails unless there is exactly one."""
    found = [finding for finding in findings if (finding.domain, finding.modality) == (domain, modality)]
    assert len(found) == 1, found
    return found[0]
