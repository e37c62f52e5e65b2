"""The lineage graph: building it, asking it, and adding to it, over synthetic shards and mixes.

    python -m bench.bench_graph [--quick] [--work FOLDER]

Goals, for 10 million documents in 10,000 shards and 500 mixes: build at 200,000 documents a second, trace a document
in 0.2 s, recall a source in 2 s, in less than 2 GB. What is measured runs in a process of its own; the files are in
the page cache, for they were just written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix.manifest import FORMAT, Digests, Manifest, Part, part_path
from bench.measure import Cost, python, table

SOURCES = 100
"""The last tenth of them is generated, every document from two of the shard before: lines of descent are 10 long."""

MIX_ROWS = 100_000

_SOURCE = f"'source_' || lpad(({{shard}} % {SOURCES})::VARCHAR, 3, '0')"
_ID = f"{_SOURCE} || '/' || {{shard}} || '-' || {{row}}"

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
from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.recalls import Target
from anchor_pipeline.graph.questions import keys_named
from anchor_pipeline.recall.plan import make_plan
from anchor_pipeline.recall.trace import trace as tell

def timed(name, ask, repeat):
    seconds = []
    for turn in range(repeat):
        begun = time.perf_counter()
        said = ask(turn)
        seconds.append(time.perf_counter() - begun)
    print(name, median(seconds), max(seconds), said, sep="|")

store, shards, rows = Store(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
files = RecallFiles(store, store.root / "project")
begun = time.perf_counter()
graph = open_graph(store)
print("open, nothing new", time.perf_counter() - begun, time.perf_counter() - begun, "", sep="|")

def document(turn):
    shard = 7919 * (turn + 1) % shards
    return f"source_{shard % 100:03d}/{shard}-{turn % rows}"

def trace(turn):
    keys = keys_named(graph.connection, document(turn))
    return f"{len(graph.releases_of(keys))} mixes"

def recall(turn):
    keys = graph.documents_where("source = ?", [f"source_{turn:03d}"])
    held = graph.releases_of(keys)
    return f"{len(keys):,} documents, {len(held)} mixes"

def whole(turn):
    found = tell(graph, store, files, document(turn))
    return f"{len(found.releases)} mixes, {len(found.ancestors)} ancestors"

def plan(turn):
    found = make_plan(graph, store, Target(by="source", value=f"source_{turn + 10:03d}"), "why")
    return f"{found.found.documents:,} documents, {len(found.found.releases)} mixes"

def generator(turn):
    keys = graph.documents_where("generator = ?", [f"model_{turn}@1"])
    return f"{len(keys):,} documents, {len(graph.descendants(keys)):,} descendants"

def ancestry(turn):
    return f"{len(graph.ancestry(f'source_099/199-{turn}').ancestors)} ancestors"

def origins(turn):
    ((first,),) = graph.connection.execute("SELECT min(release) FROM releases").fetchall()
    return f"{len(graph.origins(first))} origins"

def lines(turn):
    return f"{len(graph.generators())} generators"

timed("trace a document: its mixes", trace, 15)
timed("`anchor trace`, all of it but the start", whole, 15)
timed("recall a source: its documents, and their mixes", recall, 5)
timed("`anchor recall --source`, the plan", plan, 5)
timed("ancestry of a document, ten generations", ancestry, 3)
timed("a generator's documents and all their descendants", generator, 3)
timed("origins of a mix", origins, 1)
timed("all generators: generations, self-feeding", lines, 1)
"""


_SHARDS = f"""
    SELECT shard, doc_id, '-' AS text, NULL AS payload, source, if(made, 'synthetic', 'licensed') AS kind,
        if(made, 'synthetic', 'human') AS authorship, 'domain_' || shard % 20 AS domain, 'text' AS modality,
        400 + n % 200 AS tokens, 2000 AS bytes, sha256(doc_id) AS digest,
        make_timestamp(1_600_000_000_000_000 + n) AS collected_at, 'CC-BY-4.0' AS licence,
        if(made, 'model_' || shard % 10 || '@1', NULL) AS generator, NULL AS family,
        if(made, [before || n, before || (n + 1) % $rows], []) AS parents, NULL AS stratum,
        'raw/' || source || '/' || shard || '.jsonl' AS raw_file, n + 1 AS raw_row
    FROM (
        SELECT shard, n, {_ID.format(shard="shard", row="n")} AS doc_id, {_SOURCE.format(shard="shard")} AS source,
            shard % {SOURCES} >= {SOURCES - SOURCES // 10} AS made,
            {_ID.format(shard="(shard - 1)", row="''")} AS before
        FROM range($first, $end) AS s(shard), range($rows) AS r(n)
    ) ORDER BY shard, n
"""
_MIX = f"""
    COPY (
        SELECT doc_id, '-' AS text, sha256(doc_id) AS digest, 400 AS tokens, 0 AS epoch FROM (
            SELECT {_ID.format(shard="(number // $rows)", row="(number % $rows)")} AS doc_id FROM drawn
        )
    ) TO '{{}}' (FORMAT parquet, COMPRESSION zstd)
"""


class _Unsynced(LocalFiles):
    """Test data need not survive a power cut."""

    def sync(self, file: BinaryIO) -> None:
        file.flush()

    def sync_folder(self, folder: Path) -> None:
        pass


def make_shards(store: Store, numbers: range, rows: int) -> None:
    """Shards of `rows` documents each; a document's digest is that of its id, so that a mix can tell it."""
    with duckdb.connect() as connection:
        for first in range(numbers.start, numbers.stop, 100):
            values = {"first": first, "end": min(first + 100, numbers.stop), "rows": rows}
            made = connection.sql(_SHARDS, params=values).to_arrow_table()
            for start in range(0, made.num_rows, rows):
                store.write_shard(made.slice(start, rows).select(DOCUMENT_SCHEMA.names).cast(DOCUMENT_SCHEMA))


def make_mixes(store: Store, numbers: Iterable[int], documents: int, shard_rows: int, rows: int) -> None:
    """Released mixes of about `rows` documents drawn from all, each once; of its columns only what is asked for."""
    with duckdb.connect() as connection:
        for number in numbers:
            drawn = np.unique(np.random.default_rng(number).integers(0, documents, rows))
            connection.register("drawn", pa.table({"number": drawn}))
            _release(store, number, connection, shard_rows, len(drawn))
            connection.unregister("drawn")


def _release(store: Store, number: int, connection: duckdb.DuckDBPyConnection, shard_rows: int, size: int) -> None:
    stage, cycle = f"stage_{number % 5}", f"{2000 + number // 5}"
    folder = store.path(f"mix/{stage}/{cycle}/0001")
    (folder / "data").mkdir(parents=True)
    file = folder / part_path(0, 1)
    connection.execute(_MIX.replace("{}", str(file)), {"rows": shard_rows})
    part = Part(path=part_path(0, 1), sha256="0" * 64, bytes=file.stat().st_size, rows=size, tokens=400 * size)
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
    store, documents = Store(folder / "store", _Unsynced()), shards * shard_rows
    print(f"making {documents:,} documents and {mixes} mixes …", file=sys.stderr, flush=True)
    make_shards(store, range(shards), shard_rows)
    make_mixes(store, range(mixes), documents, shard_rows, mix_rows)
    build = python(BUILD, str(store.root))
    _must_do(build)
    seconds = float(build.out.split()[0])
    size = (store.root / "lineage/graph.duckdb").stat().st_size
    members = sum(pq.read_metadata(file).num_rows for file in store.path("mix").rglob("*.parquet"))
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
    cost = python(BUILD, str(store.root))
    _must_do(cost)
    rows.append([f"1 mix of {mix_rows:,} rows", cost.out.split()[0][:6], f"{cost.cpu:.2f}"])
    cost = python(BUILD, str(store.root))
    rows.append(["nothing", cost.out.split()[0][:6], f"{cost.cpu:.2f}"])
    return table(["update, what is new", "wall s", "CPU s, with starting Python"], rows)


def _must_do(cost: Cost) -> None:
    if cost.code:
        raise RuntimeError(f"a measured process failed: {cost.err[-2000:]}")


def main(quick: bool = False, work: Path | None = None) -> str:
    """All tables: the full size, or a fiftieth of it."""
    shards, rows, mixes = (200, 1_000, 5) if quick else (10_000, 1_000, 500)
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
