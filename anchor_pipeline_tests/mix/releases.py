"""Stores, selections and verdicts to release from: real text (the language reference that Python brings along)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix.release import Release, previous_release
from anchor_pipeline.mix.write import write_mix
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.digests import selection_digest
from anchor_pipeline.rules.evidence import SELECTION_SCHEMA
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import Digests, RuleCounts, Verdict
from anchor_pipeline_tests.documents import document

POLICY, CORPUS = "a" * 64, "b" * 64


def turn(key: str = "2021") -> Cycle:
    year = int(key)
    return Cycle(key, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


@cache
def texts() -> tuple[str, ...]:
    """Paragraphs, a few of them with no ASCII at all in them."""
    found = [part for topic in sorted(topics) for part in topics[topic].split("\n\n") if part.strip()]
    return ("žluťoučký kůň", "日本語の文", "🧵", *found)


def documents(count: int, *, media: bool = False) -> list[dict[str, Any]]:
    """Documents of two domains and four kinds; with `media` every fifth an image or a sound."""
    rows = []
    for number, text in enumerate(islice(cycle(texts()), count)):
        synthetic = number % 4 == 3
        more: dict[str, Any] = {}
        if media and number % 5 == 0:
            more = {"modality": ("image", "audio")[number % 2], "payload": b"\x89\0\xff" + text.encode(), "tokens": 7}
        rows.append(
            document(
                ("crawl", "tickets", "experts", "bot")[number % 4],
                f"{number:05d}",
                text,
                kind=("licensed", "enterprise", "anchor", "synthetic")[number % 4],
                domain=("support", "finance")[number % 2],
                authorship="synthetic" if synthetic else "human",
                generator="markov@1" if synthetic else None,
                parents=[f"experts/{number - 1:05d}"] if synthetic else [],
                **more,
            )
        )
    return rows


@dataclass
class World:
    """A store with shards of some documents, and a selection of them in an order of its own."""

    store: Store
    selection: Path
    drawn: list[dict[str, Any]]
    """The selected documents in training order, as rows of SELECTION_SCHEMA with their content."""

    def verdict(self, key: str = "2021", **changed: Any) -> Verdict:
        previous = previous_release(self.store, "pretrain", key)
        digests = Digests(
            policy=POLICY,
            selection=selection_digest(self.selection),
            corpus=CORPUS,
            facts="f" * 64,
            previous_release=previous.digest if previous else None,
        )
        verdict = Verdict(
            project="demo",
            stage="pretrain",
            cycle=key,
            as_of=turn(key).as_of.isoformat(),
            status="pass",
            findings=(finding(),),
            rules=RuleCounts(declared=("anchor_share",), evaluated=("anchor_share",), off=(), not_available=()),
            digests=digests,
        )
        return verdict.model_copy(update=changed)

    def release(self, key: str = "2021", **options: Any) -> Release:
        verdict = options.pop("verdict", None) or self.verdict(key)
        return write_mix(
            self.store, self.selection, verdict, project="demo", stage="pretrain", cycle=turn(key), **options
        )


def finding(**changed: Any) -> Finding:
    fields: dict[str, Any] = {
        "rule": "anchor_share",
        "stage": "pretrain",
        "domain": None,
        "modality": "text",
        "status": "pass",
        "severity": "block",
        "observed": 0.25,
        "required": 0.15,
        "comparator": ">=",
        "shortfall": None,
        "message": "a quarter is anchors",
    }
    return Finding(**{**fields, **changed})


def world(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    *,
    shard_rows: int = 100,
    layout: int = 0,
    order: int = 1,
    repeat: int = 1,
    store: Store | None = None,
) -> World:
    """Shards of `rows`, laid out by the seed `layout`; all of them selected `repeat` times, shuffled by `order`."""
    store = store or Store(folder / "store")
    laid = list(rows)
    random.Random(layout).shuffle(laid)
    places: dict[str, tuple[str, int]] = {}
    for start in range(0, len(laid), shard_rows):
        part = laid[start : start + shard_rows]
        shard = store.write_shard(pa.Table.from_pylist(part, schema=DOCUMENT_SCHEMA))
        places.update({row["doc_id"]: (shard.digest, number) for number, row in enumerate(part)})
    drawn = [
        {
            **row,
            "fresh": False,
            "synthetic": row["kind"] == "synthetic",
            "epoch": epoch,
            "shard": places[row["doc_id"]][0],
            "shard_row": places[row["doc_id"]][1],
        }
        for row in rows
        for epoch in range(repeat)
    ]
    random.Random(order).shuffle(drawn)
    return World(store, write_selection(folder / "selection.parquet", drawn), drawn)


def write_selection(path: Path, drawn: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(drawn), schema=SELECTION_SCHEMA), path, row_group_size=1000)
    return path
