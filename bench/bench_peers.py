"""The same mix three ways: ours, Hugging Face `interleave_datasets`, and a plain DuckDB query.

Declared: at least 15 % anchor tokens, at most 30 % synthetic, 8 and 64 million tokens of a corpus about twice that
size. Each contender runs in a process of
its own, over the same documents in Parquet, and writes Parquet with zstd level 3. Not counted: our ingest, and the
Arrow cache that `datasets` makes of Parquet when it first loads it. Ours plans, chooses, orders, judges all rules
and checks every digest; the others draw by probability and by a running sum.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from bench.corpus_maker import sentences
from bench.measure import ROOT, Cost, median, python, table

DATA = ROOT.parent / "shared" / "data"
TARGETS = (8_000_000, 64_000_000)
RUNS = 2
"""After one that warms the caches."""
SOURCES = {"experts": ("anchor", 30_000, 2), "crawl": ("licensed", 60_000, 5), "bot": ("synthetic", 60_000, 9)}
"""Kind, documents for the first target, and sentences a document: documents of unlike length, as in life."""

PROJECT = """
project: peers
cycle: {cadence: yearly, start: 2020-01-01}
domains: {d: {volatility: slow, fresh_window: 2y, rules: {anchor_share: {min: 0.15}}}}
sources:
"""
SOURCE = """  NAME:
    kind: KIND
    domain: d
    uri: raw/NAME.parquet
    fields: {id: {column: id}, text: {column: text}, collected_at: 2020-06-01, authorship: AUTHOR, licence: MIT}
    steward: s@example.org
    signed_off: true
    generator: {name: bot}
"""
STAGE = """stages: {t: {tokens: %d, domains: {d: 1}}}
rules: {generator_diversity: {max_family_share: 1.0}, anchor_share: {min: 0.15}, synthetic_share: {max: 0.3}}
"""

PREPARE = """
import sys
from anchor_pipeline import steps
from anchor_pipeline.project import load_project
project = load_project(sys.argv[1]); place = steps.Workplace(project); cycle = project.calendar.at("2020")
import os
for name in project.sources:
    snapshot = steps.ingest(place, name, cycle).snapshot
    os.makedirs(f"{sys.argv[1]}/shards/{name}")
    for digest in snapshot.shards:
        os.link(place.store.shard_path(digest), f"{sys.argv[1]}/shards/{name}/{digest}.parquet")
steps.assemble_corpus(place, cycle)
"""
OURS = """
import sys
from anchor_pipeline import steps
from anchor_pipeline.project import load_project
project = load_project(sys.argv[1]); place = steps.Workplace(project); cycle = project.calendar.at("2020")
steps.select_stage(place, "t", cycle)
print(steps.release(place, "t", cycle).path / "data")
"""
LOAD = """
import sys
from datasets import load_dataset
COLUMNS = ["doc_id", "text", "source", "kind", "authorship", "domain", "modality", "tokens", "collected_at", "licence",
           "generator", "family", "digest", "parents"]
def load(name):
    return load_dataset("parquet", data_files=f"{sys.argv[1]}/shards/{name}/*.parquet", split="train",
                        cache_dir=f"{sys.argv[1]}/hf").select_columns(COLUMNS)
"""
HUGGING_FACE = (
    LOAD
    + """
from datasets import interleave_datasets
parts = [load(name) for name in ("experts", "crawl", "bot")]
mixed = interleave_datasets(parts, probabilities=[0.15, 0.55, 0.30], seed=7, stopping_strategy="first_exhausted")
total = end = 0
for end, tokens in enumerate(mixed.with_format("numpy")["tokens"], 1):
    total += int(tokens)
    if total >= int(sys.argv[2]): break
import pyarrow.parquet as pq
writer = None
for batch in mixed.select(range(end)).with_format("arrow").iter(10_000):
    writer = writer or pq.ParquetWriter(f"{sys.argv[1]}/hf.parquet", batch.schema, compression="zstd",
                                        compression_level=3)
    writer.write_table(batch)
writer.close()
print(f"{sys.argv[1]}/hf.parquet")
"""
)
DUCKDB = """
import sys, duckdb
shares = {"experts": 0.15, "crawl": 0.55, "bot": 0.30}
parts = " UNION ALL ".join(
    f"SELECT * EXCLUDE (run, payload, bytes, stratum, raw_file, raw_row) FROM (SELECT *, sum(tokens) "
    f"OVER (ORDER BY hash(doc_id)) AS run FROM '{sys.argv[1]}/shards/{name}/*.parquet') "
    f"WHERE run <= {share * int(sys.argv[2])}"
    for name, share in shares.items())
duckdb.execute(f"COPY (SELECT * FROM ({parts}) ORDER BY hash(doc_id || 'order')) TO '{sys.argv[1]}/duckdb.parquet' "
               "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3)")
print(f"{sys.argv[1]}/duckdb.parquet")
"""
REALISED = """
import sys, polars as pl
path = sys.argv[1]
rows = pl.read_parquet(path if path.endswith(".parquet") else path + "/*.parquet", columns=["kind", "tokens"])
total = rows["tokens"].sum()
half = rows.head(len(rows) // 2)
import json
def share(frame, kind): return frame.filter(pl.col("kind") == kind)["tokens"].sum() / frame["tokens"].sum()
print(json.dumps({"tokens": total, "anchor": share(rows, "anchor"), "synthetic": share(rows, "synthetic"),
                  "half": share(half, "anchor")}))
"""


def make_raw(folder: Path, target: int) -> None:
    """The raw files: documents of resampled real sentences, with what `datasets` and DuckDB need to know of them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    pool = np.array(sentences(DATA), dtype=object)
    declaration = PROJECT
    (folder / "raw").mkdir()
    for seed, (name, (kind, documents, length)) in enumerate(SOURCES.items()):
        rng = np.random.default_rng(seed)
        schema = pa.schema({"id": "string", "text": "string", "tokens": "int64", "kind": "string"})
        with pq.ParquetWriter(folder / f"raw/{name}.parquet", schema) as writer:
            for start in range(0, documents * target // TARGETS[0], 10_000):
                picks = rng.integers(len(pool), size=(10_000, length))
                texts = ["".join(pool[row]) + f"({name} {start + i})" for i, row in enumerate(picks)]
                tokens = [len(text.split()) for text in texts]
                ids = [f"{name}-{start + i}" for i in range(10_000)]
                kinds = [kind] * 10_000
                writer.write_table(pa.table([ids, texts, tokens, kinds], schema=schema))
        author = "synthetic" if kind == "synthetic" else "human"
        declaration += SOURCE.replace("NAME", name).replace("KIND", kind).replace("AUTHOR", author)
    (folder / "project.yaml").write_text(declaration + STAGE % target)


def must(cost: Cost) -> Cost:
    """Stop if a contender did not finish."""
    if cost.code:
        raise SystemExit(f"a contender failed: {cost.out}{cost.err}")
    return cost


def compare(target: int) -> list[list[str]]:
    """The rows of one target."""
    contenders = {"ours": OURS, "`interleave_datasets`": HUGGING_FACE, "DuckDB query": DUCKDB}
    costs: dict[str, list[Cost]] = {label: [] for label in contenders}
    shares: dict[str, dict[str, float]] = {}
    rows = []
    with tempfile.TemporaryDirectory() as name:
        make_raw(Path(name), target)
        must(python(PREPARE, name))
        must(python(LOAD + "\nfor name in ('experts', 'crawl', 'bot'): load(name)", name))
        for turn in range(RUNS + 1):
            for label, code in contenders.items():
                for made in ("mix", "selection"):
                    shutil.rmtree(Path(name) / "store" / made, ignore_errors=True)
                cost = must(python(code, name, str(target)))
                costs[label] += [cost] if turn else []
                if turn == RUNS:
                    shares[label] = json.loads(must(python(REALISED, cost.out.split()[-1])).out)
        for label, found in costs.items():
            cost, drawn = median(found), shares[label]
            took = [f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak_mb:.0f}"]
            parts = [f"{drawn[part]:.2%}" for part in ("anchor", "half", "synthetic")]
            rows.append([f"{target:,}", label, *took, f"{drawn['tokens']:,.0f}", *parts])
    return rows


def main(quick: bool = False) -> str:
    """The table."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    header = ["target", "mix", "wall s", "CPU s", "peak MB", "tokens", "anchors, ≥ 15 %"]
    rows = [row for target in TARGETS[: 1 if quick else None] for row in compare(target)]
    return table([*header, "of the first half", "synthetic, ≤ 30 %"], rows)


if __name__ == "__main__":
    print(main(), file=sys.stdout)
