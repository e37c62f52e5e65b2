"""A corpus of any size for measurements: documents of real sentences, resampled with a seed, in real shards."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.snapshot import SourceSnapshot, Unit
from anchor_pipeline.corpus.store import SHARD_BYTES, Shard, Store
from anchor_pipeline.facts.assemble import assemble
from anchor_pipeline.mix.parts import content_digests
from anchor_pipeline.project import load_project

FILES = ("peps/peps.jsonl", "l2r/*.jsonl", "outfox/essays.jsonl", "fastdetect/*.jsonl")
KINDS = (("crawl", "licensed"), ("tickets", "enterprise"), ("experts", "anchor"), ("bot", "synthetic"))
DOMAINS = ("support", "finance", "code")
START = datetime(2021, 1, 1, tzinfo=UTC)


def sentences(data: Path) -> list[str]:
    """All paragraphs and sentences of the real texts, with the blank that ends them."""
    found: list[str] = []
    for pattern in FILES:
        for path in sorted(data.glob(pattern)):
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    text = json.loads(line)["text"].replace("\n\n", ". ")
                    found.extend(f"{piece}. " for piece in text.split(". ") if piece)
    if not found:
        raise SystemExit(f"{data}: holds none of {', '.join(FILES)}; give --data")
    return found


def make_shard(pool: pa.Array, number: int, seed: int, median_bytes: int) -> pa.Table:
    """Documents of one shard, about SHARD_BYTES of text, log-normal in length."""
    rng = np.random.default_rng([seed, number])
    mean_sentence = pool.nbytes / len(pool)
    rows = int(SHARD_BYTES / (median_bytes * 1.65))  # exp(1/2): the mean of a log-normal over its median
    counts = np.maximum(1, np.exp(rng.normal(np.log(median_bytes / mean_sentence), 1, rows))).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    picked = pool.take(pa.array(rng.integers(0, len(pool), offsets[-1])))
    # One document is a run of sentences: the same bytes, with fewer offsets.
    edges = np.frombuffer(picked.buffers()[1], np.int32)[offsets]
    text = pa.StringArray.from_buffers(rows, pa.py_buffer(edges.astype(np.int32)), picked.buffers()[2])
    size = np.diff(edges).astype(np.int64)
    origin = rng.integers(0, len(KINDS), rows)
    synthetic = origin == 3
    modality = pa.array(["text"] * rows)
    digest = pa.array(list(content_digests(["text"] * rows, [text])))
    source = pa.array([KINDS[i][0] for i in origin])
    columns = {
        "doc_id": pa.array([f"{KINDS[origin[i]][0]}/{number:05d}-{i:06d}" for i in range(rows)]),
        "text": text,
        "payload": pa.nulls(rows, pa.binary()),
        "source": source,
        "kind": pa.array([KINDS[i][1] for i in origin]),
        "authorship": pa.array(["synthetic" if s else "human" for s in synthetic]),
        "domain": pa.array(np.array(DOMAINS)[rng.integers(0, len(DOMAINS), rows)].tolist()),
        "modality": modality,
        "tokens": pa.array(size // 6),
        "bytes": pa.array(size),
        "digest": digest,
        "collected_at": pa.array([START + timedelta(minutes=int(m)) for m in rng.integers(0, 500_000, rows)]),
        "licence": pa.array(["CC-BY-4.0"] * rows),
        "generator": pa.array(["markov@1" if s else None for s in synthetic]),
        "family": pa.array(["markov" if s else None for s in synthetic]),
        "parents": pa.array([[] for _ in range(rows)], pa.list_(pa.string())),
        "stratum": pa.nulls(rows, pa.string()),
        "raw_file": pa.array([f"raw/{number}.jsonl"] * rows),
        "raw_row": pa.array(np.arange(1, rows + 1)),
    }
    return pa.table(columns).cast(DOCUMENT_SCHEMA)


def make_corpus(store: Store, data: Path, stored_bytes: int, seed: int, median_bytes: int) -> list[tuple[str, int]]:
    """Write shards until they take `stored_bytes` on the disk; their digests and rows."""
    pool = pa.array(sentences(data))
    shards: list[tuple[str, int]] = []
    stored = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        numbers = iter(range(10**9))
        while stored < stored_bytes:
            made = list(islice(numbers, os.cpu_count()))
            tables = threads.map(lambda n: store.write_shard(make_shard(pool, n, seed, median_bytes)), made)
            for shard in tables:
                shards.append((shard.digest, shard.rows))
                stored += store.shard_path(shard.digest).stat().st_size
    return shards


PROJECT = """
project: bench
cycle: {cadence: yearly, start: 2021-01-01}
domains: {support: {}, finance: {}, code: {}}
sources:
  crawl: {kind: licensed, domain: {column: d}, uri: x}
  tickets: {kind: enterprise, domain: {column: d}, uri: x, consent: {basis: contract, scrubbed: true}, risk: low}
  experts: {kind: anchor, domain: {column: d}, uri: x, signed_off: true}
  bot: {kind: synthetic, domain: {column: d}, uri: x, generator: {name: markov}}
stages:
  all: {tokens: 1T, tolerance: 0.1, domains: {support: 1/3, finance: 1/3, code: 1/3}}
rules: {generator_diversity: {max_family_share: 1.0}, anchor_freshness: {min: 0.01}}
"""


def make_project(work: Path, store: Store, shards: list[tuple[str, int]]) -> None:
    """A project over the shards, and its corpus. All shards are told as one source's: their rows name their own."""
    (work / "project.yaml").write_text(PROJECT)
    project = load_project(work)
    units = (Unit(id="all", files=(), shards=tuple(Shard(digest, rows, 0, 0) for digest, rows in shards)),)
    snapshots = {name: SourceSnapshot(source=name, settings="bench") for name in project.sources}
    snapshots["crawl"] = snapshots["crawl"].model_copy(update={"units": units})
    assemble(project, project.calendar.at("2021"), snapshots, store)
