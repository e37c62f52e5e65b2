"""The lineage graph: building it, asking it, and adding to it, over synthetic shards and mixes.

    python -m bench.bench_graph [--quick] [--work FOLDER]

Goals, for 10 million documents in 10,000 shards and 500 mixes: build at 200,000 documents a second, trace a document
in 0.2 s, recall a source in 2 s, in less than 2 GB. What is measured runs in a process of its own; the files are in
the page cache, for they were just written.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix.manifest import FORMAT, Digests, Manifest, Part, part_path
from anchor_pipeline.mix.parts import mix_schema
from bench.measure import Cost, python, table

SOURCES = 200
"""A tenth of the sources is generated, every document of them from two of the shard before; so lines of descent are twenty long."""

MIX_ROWS = 100_000

BUILD = """
import sys, time
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph import open_graph
begun = time.perf_counter()
with open_graph(Store(sys.argv[1])) as graph:
    assert not graph.updated.troubles, graph.updated.troubles[:3]
    print(time.perf_counter() - begun, graph.updated.shards, graph.updated.releases)
"""

ASK = """
import sys, time
from statistics import median
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph import open_graph
from anchor_pipeline.graph.questions import keys_named

def timed(name, ask, repeat):
    seconds = []
    for turn in range(repeat):
        begun = time.perf_counter()
        said = ask(turn)
        seconds.append(time.perf_counter() - begun)
    print(name, median(seconds), max(seconds), said, sep="|")

store, shards, rows = Store(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
begun = time.perf_counter()
graph = open_graph(store)
print("open, nothing new", time.perf_counter() - begun, time.perf_counter() - begun, "", sep="|")

def document(turn):
    shard = 7919 * (turn + 1) % shards
    return f"source_{shard % 200:03d}/{shard}-{turn % rows}"

def trace(turn):
    keys = keys_named(graph.connection, document(turn))
    return f"{len(graph.releases_of(keys))} mixes"

def recall(turn):
    keys = graph.documents_where("source = ?", [f"source_{turn:03d}"])
    held = graph.releases_of(keys)
    return f"{len(keys):,} documents, {len(held)} mixes"

def generator(turn):
    keys = graph.documents_where("generator = ?", [f"model_{turn}@1"])
    return f"{len(keys):,} documents, {len(graph.descendants(keys)):,} descendants"

def ancestry(turn):
    return f"{len(graph.ancestry(f'source_199/199-{turn}').ancestors)} ancestors"

def origins(turn):
    return f"{len(graph.origins(graph.connection.execute('SELECT min(release) FROM releases').fetchall()[0][0]))} origins"

def lines(turn):
    return f"{len(graph.generators())} generators"

timed("trace a document: its mixes", trace, 15)
timed("recall a source: its documents, and their mixes", recall, 5)
timed("ancestry of a document, twenty generations", ancestry, 3)
timed("a generator's documents and all their descendants", generator, 3)
timed("origins of a mix", origins, 1)
timed("all generators: generations, self-feeding", lines, 1)
"""


def make_shards(store: Store, numbers: Iterable[int], rows: int) -> None:
    """Shards of `rows` documents each; a document's digest is that of its id, so that a mix can tell it."""
    for number in numbers:
        source = f"source_{number % SOURCES:03d}"
        generated = number % SOURCES >= SOURCES - SOURCES // 10
        before = f"source_{(number - 1) % SOURCES:03d}/{number - 1}-"
        ids = [f"{source}/{number}-{row}" for row in range(rows)]
        model = f"model_{number % 10}@1"
        columns: dict[str, list[Any]] = {
            "doc_id": ids,
            "text": ["-"] * rows,
            "source": [source] * rows,
            "kind": ["synthetic" if generated else "licensed"] * rows,
            "authorship": ["synthetic" if generated else "human"] * rows,
            "domain": [f"domain_{number % 20}"] * rows,
            "modality": ["text"] * rows,
            "tokens": [400 + row % 200 for row in range(rows)],
            "bytes": [2_000] * rows,
            "digest": [hashlib.sha256(id.encode()).hexdigest() for id in ids],
            "collected_at": [1_600_000_000_000_000 + row for row in range(rows)],
            "licence": ["CC-BY-4.0"] * rows,
            "generator": [model if generated else None] * rows,
            "parents": [[f"{before}{row}", f"{before}{(row + 1) % rows}"] if generated else [] for row in range(rows)],
            "raw_file": [f"raw/{source}/{number}.jsonl"] * rows,
            "raw_row": list(range(1, rows + 1)),
        }
        fields = [pa.array(columns.get(field.name, [None] * rows), field.type) for field in DOCUMENT_SCHEMA]
        store.write_shard(pa.table(fields, schema=DOCUMENT_SCHEMA))


def make_mixes(store: Store, numbers: Iterable[int], documents: int, shard_rows: int, rows: int) -> None:
    """Released mixes of `rows` documents drawn from all, each once."""
    schema = mix_schema(("text",))
    for number in numbers:
        drawn = np.sort(np.random.default_rng(number).choice(documents, min(rows, documents), replace=False))
        shards = drawn // shard_rows
        ids = [
            f"source_{shard % SOURCES:03d}/{shard}-{row}"
            for shard, row in zip(shards.tolist(), (drawn % shard_rows).tolist(), strict=True)
        ]
        size = len(ids)
        columns: dict[str, list[Any]] = {
            "doc_id": ids,
            "text": ["-"] * size,
            "tokens": [400] * size,
            "epoch": [0] * size,
            "digest": [hashlib.sha256(id.encode()).hexdigest() for id in ids],
            "collected_at": [0] * size,
        }
        plain = {field.name: [""] * size for field in schema if field.type == pa.string()}
        fields = [pa.array({**plain, **columns}.get(field.name, [None] * size), field.type) for field in schema]
        _release(store, number, pa.table(fields, schema=schema))


def _release(store: Store, number: int, rows: pa.Table) -> None:
    stage, cycle = f"stage_{number % 5}", f"{2000 + number // 5}"
    folder = store.path(f"mix/{stage}/{cycle}/0001")
    (folder / "data").mkdir(parents=True)
    file = folder / part_path(0, 1)
    pq.write_table(rows, file, compression="zstd")
    size, tokens = rows.num_rows, 400 * rows.num_rows
    part = Part(path=part_path(0, 1), sha256="0" * 64, bytes=file.stat().st_size, rows=size, tokens=tokens)
    made_of = Digests(policy="-", selection="-", corpus="-", verdict="-")
    manifest = Manifest(
        format=FORMAT, project="bench", stage=stage, cycle=cycle, as_of="2020-01-01T00:00:00+00:00", written_by="bench",
        parts=(part,), files=(), rows=size, amounts={}, shares={}, digests=made_of, documents=None, previous=None,
        revision=1, replaces=None, digest="",
    )  # fmt: skip
    digest = manifest.computed_digest()
    (folder / "MANIFEST.json").write_bytes(manifest.model_copy(update={"digest": digest}).encoded())


def measure(folder: Path, shards: int, shard_rows: int, mixes: int, mix_rows: int) -> str:
    """All tables for one size."""
    store, documents = Store(folder / "store"), shards * shard_rows
    print(f"making {documents:,} documents and {mixes} mixes …", file=sys.stderr, flush=True)
    make_shards(store, range(shards), shard_rows)
    make_mixes(store, range(mixes), documents, shard_rows, mix_rows)
    build = python(BUILD, str(store.root))
    _must_do(build)
    seconds = float(build.out.split()[0])
    size = (store.root / "lineage/graph.duckdb").stat().st_size
    members = mixes * min(mix_rows, documents)
    built = [
        ["documents", f"{documents:,} in {shards:,} shards"],
        ["rows of mixes", f"{members:,} in {mixes} mixes"],
        ["build, wall s", f"{seconds:.1f}"],
        ["documents a second", f"{documents / seconds:,.0f}"],
        ["rows, of documents and mixes, a second", f"{(documents + members) / seconds:,.0f}"],
        ["CPU s", f"{build.cpu:.1f}"],
        ["peak MB", f"{build.peak_mb:.0f}"],
        ["file, MB", f"{size / 1e6:.0f}"],
    ]
    asked = python(ASK, str(store.root), str(shards), str(shard_rows))
    _must_do(asked)
    rows = [line.split("|") for line in asked.out.splitlines()]
    answers = [[name, f"{float(mid):.3f}", f"{float(most):.3f}", said] for name, mid, most, said in rows]
    answers.append(["peak MB of all questions", f"{asked.peak_mb:.0f}", "", ""])
    return "\n\n".join(
        (
            table(["building from nothing", f"{documents:,} documents"], built),
            table(["question", "s, median", "s, most", "answer of the last"], answers),
            _more(store, shards, shard_rows, mixes, mix_rows),
        )
    )


def _more(store: Store, shards: int, shard_rows: int, mixes: int, mix_rows: int) -> str:
    """What an update costs, by how much is new."""
    rows = []
    have, mix = shards, mixes
    for new in (1, max(2, shards // 1000), max(4, shards // 100)):
        make_shards(store, range(have, have + new), shard_rows)
        have += new
        cost = python(BUILD, str(store.root))
        _must_do(cost)
        rows.append([f"{new} shards, {new * shard_rows:,} documents", cost.out.split()[0][:6], f"{cost.cpu:.2f}"])
    make_mixes(store, [mix], shards * shard_rows, shard_rows, mix_rows)
    begun = time.perf_counter()
    cost = python(BUILD, str(store.root))
    _must_do(cost)
    rows.append([f"1 mix of {mix_rows:,} rows", cost.out.split()[0][:6], f"{cost.cpu:.2f}"])
    cost = python(BUILD, str(store.root))
    rows.append(["nothing", cost.out.split()[0][:6], f"{cost.cpu:.2f}"])
    assert begun
    return table(["update, what is new", "wall s", "CPU s, with starting Python"], rows)


def _must_do(cost: Cost) -> None:
    if cost.code:
        raise RuntimeError(f"a measured process failed: {cost.err[-2000:]}")


def main(quick: bool = False, work: Path | None = None) -> str:
    """All tables: the full size, or a hundredth of it."""
    shards, rows, mixes = (100, 1_000, 5) if quick else (10_000, 1_000, 500)
    return at_size(shards, rows, mixes, work)


def at_size(shards: int, rows: int, mixes: int, work: Path | None = None) -> str:
    """The same for some size."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        return measure(Path(folder), shards, rows, mixes, MIX_ROWS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    print(main(arguments.quick, arguments.work))
