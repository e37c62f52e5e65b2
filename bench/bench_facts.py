"""Text facts in one pass: speed by CPU second, on two cores, memory, compilation, every kernel, and others' MinHash.

The text is made of the sentences of real ones, drawn with a seed (corpus_maker.py): half a gigabyte; and those real
texts as they are. Two probes and a detector of origin are trained on a part of the
real texts. Ours is timed as a whole process: start,
reading, measuring, writing.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.register import Kind, add, keep_model
from anchor_pipeline.corpus.store import Store
from bench.corpus_maker import FILES, make_shard, sentences
from bench.facts_peers import measure_peers
from bench.measure import ROOT, Cost, python, run, table
from bench.origin_data import read_texts, samples_of

DATA = ROOT.parent / "shared" / "data"
CYCLE = "2021"
SHARDS = 8  # of 64 MiB
MEDIAN_BYTES = 2000
SEED = 4
GOAL = 50

OURS = """
import resource, sys, shutil
from pathlib import Path
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.fact_sets import fact_sets
from anchor_pipeline.facts.measure import measure_shards
work, workers, kinds = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
store = Store(work)
shutil.rmtree(work / "facts", ignore_errors=True)
sets = [facts for facts in fact_sets(store, "2021", kinds) if facts.modality == "text"]
shards = sorted(path.stem for path in (work / "shards").glob("*/*.parquet"))
measure_shards(store, shards, sets, workers=workers)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
own, workers = int(status["VmHWM"].split()[0]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(max(own, workers) / 1024, ",".join(facts.key for facts in sets))
"""
# Not the peak that the operating system tells of a child: that counts what its parent held when it was started.


def make_store(work: Path, shards: int) -> tuple[Store, float]:
    """Shards of real sentences, and the bytes of their texts."""
    pool, store = pa.array(sentences(DATA)), Store(work)
    return store, sum(store.write_shard(make_shard(pool, n, SEED, MEDIAN_BYTES)).bytes for n in range(shards))


def real_texts() -> list[str]:
    """The texts of ../shared/data."""
    lines = (line for pattern in FILES for path in sorted(DATA.glob(pattern)) for line in path.open(encoding="utf-8"))
    return [json.loads(line)["text"] for line in lines]


def real_store(work: Path, texts: Sequence[str]) -> tuple[Store, float]:
    """A store of the real texts as they are."""
    store = Store(work)
    filler = make_shard(pa.array(["x. "]), 0, SEED, 2000).slice(0, 1)
    columns = {
        name: filler.column(name).combine_chunks().take(pa.array([0] * len(texts))) for name in filler.schema.names
    }
    columns |= {
        "text": pa.array(texts),
        "bytes": pa.array([len(text.encode()) for text in texts]),
        "doc_id": pa.array([f"real/{number}" for number in range(len(texts))]),
    }
    return store, store.write_shard(pa.table(columns).cast(DOCUMENT_SCHEMA)).bytes


def train_models(texts: Sequence[str]) -> dict[Kind, dict[str, dict[str, bytes]]]:
    """The files of models for every kind of facts that needs some, by name: two probes, and a detector of origin."""
    from anchor_pipeline.facts.origin.train import train_detector
    from anchor_pipeline.facts.probes.character_probe import train_character_probe
    from anchor_pipeline.facts.probes.word_probe import train_word_probe

    sample = [pa.array(texts[::8])]
    return {
        "probe": {
            "words": train_word_probe(sample, 3, (2, 1, 1)),
            "characters": train_character_probe(sample, 5, (2, 1, 1, 1, 1)),
        },
        "origin": {"ours": train_detector(samples_of(read_texts(DATA)[::10]), "ours", {})},
    }


def add_models(store: Store, models: Mapping[Kind, Mapping[str, Mapping[str, bytes]]]) -> None:
    """Put them in use."""
    for kind, named in models.items():
        for name, files in named.items():
            add(store, kind, name, keep_model(store, kind, files), CYCLE)


def measured(label: str, work: Path, size: float, workers: int, kinds: Sequence[str]) -> tuple[list[str], Cost]:
    """A row: what, processes, MB, wall, CPU, MB per CPU-second, peak."""
    cost = python(OURS, str(work), str(workers), ",".join(kinds))
    if cost.code:
        raise SystemExit(f"{label} failed: {cost.err}")
    speed, peak = size / 1e6 / cost.cpu, float(cost.out.split()[0])
    figures = [f"{size / 1e6:.0f}", f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{speed:.0f}", f"{peak:.0f}"]
    return [label, str(workers), *figures], cost


def ours(work: Path, shards: int, texts: Sequence[str]) -> tuple[str, float]:
    """The table of our own runs, and MB per CPU-second of everything together."""
    from anchor_pipeline.facts.fact_sets import _SETS

    store, size = make_store(work / "store", shards)
    real, real_size = real_store(work / "real", texts)
    models = train_models(texts)
    for each in (store, real):
        add_models(each, models)
    python(OURS, str(real.root), "1", ",".join(_SETS))  # compiles, and brings files into the cache
    alone, _ = measured("base set text-1", store.root, size, 1, ["text"])
    with_probes, one = measured("text-1 and two probes", store.root, size, 1, ["text", "probe"])
    _, two = with_two = measured("text-1 and two probes", store.root, size, 2, ["text", "probe"])
    all_of_it, _ = measured("every text fact", store.root, size, 1, list(_SETS))
    as_they_are, _ = measured("every text fact, real texts as they are", real.root, real_size, 1, list(_SETS))
    long, long_size = real_store(work / "long", [" ".join(map(str, range(12_700_000)))])
    one_row, _ = measured("text-1, of one document", long.root, long_size, 1, ["text"])
    header = ["facts", "processes", "MB", "wall s", "CPU s", "MB per CPU-second", "peak MB, largest process"]
    said = (
        f"Goal with two probes: {GOAL} MB per CPU-second. Two processes are {one.wall / two.wall:.2f} times as fast "
        "as one by the wall (goal 1.8)."
    )
    rows = [alone, with_probes, with_two[0], all_of_it, as_they_are, one_row]
    return f"{table(header, rows)}\n\n{said}", size / 1e6 / one.cpu


def kernels(work: Path) -> str:
    """Every kernel by itself, on one row group after another of the first shard; the best of three."""
    from anchor_pipeline.facts.batch import Batch
    from anchor_pipeline.facts.distinct import distinct, distinct_and_entropy
    from anchor_pipeline.facts.fact_sets import fact_sets
    from anchor_pipeline.facts.minhash import minhash
    from anchor_pipeline.facts.normalised import digests_of
    from anchor_pipeline.facts.shingles import SHINGLE, ngrams, proper_words
    from anchor_pipeline.facts.sketch import sketch
    from anchor_pipeline.facts.words import words_and_text

    path = min((work / "store" / "shards").glob("*/*.parquet"))
    batch = Batch(pq.ParquetFile(path).read_row_group(0, columns=["text"]))
    steps: dict[str, Callable[[], Any]] = {
        "reading the row group": lambda: pq.ParquetFile(path).read_row_group(0, columns=["text"], use_threads=False),
        "words, and their text in lower case": lambda: words_and_text(batch.data, batch.offsets),
        "words without marks": lambda: proper_words(batch.words, batch.starts),
        "word 5-grams": lambda: ngrams(*batch.proper, SHINGLE, whole=True),
        "MinHash": lambda: minhash(*batch.shingles),
        "sketch": lambda: sketch(*batch.shingles),
        "different words, and entropy": lambda: distinct_and_entropy(*batch.proper),
        "different 2-grams": lambda: distinct(*batch.proper, 2),
        "SHA-256 of the normalised texts": lambda: digests_of(*batch.normalised),
    }
    assert len(batch.shingles[0])
    for facts in fact_sets(Store(work / "store"), CYCLE):
        if facts.modality == "text" and facts.key != "text-1":
            steps[f"set {facts.key}, words known"] = partial(facts.measure, batch)
    size = int(batch.offsets[-1] - batch.offsets[0])
    rows = []
    for label, step in steps.items():
        took = min(timed(step) for _ in range(4))
        rows.append([label, f"{took / size * 1e9:.2f}", f"{size / took / 1e6:,.0f}"])
    return table(["step", "ns per byte", "MB per CPU-second"], rows)


def timed(step: Callable[[], Any]) -> float:
    begun = time.process_time()
    step()
    return time.process_time() - begun


def compilation(work: Path) -> str:
    """What a first call costs that compiles, and a first call that finds the kernels compiled."""
    store, _ = real_store(work / "small", ["One small text, to be measured."])
    cache = {"NUMBA_CACHE_DIR": str(work / "numba")}
    command = [sys.executable, "-c", OURS, str(store.root), "1", "text"]
    empty = run([sys.executable, "-c", "import anchor_pipeline.facts.measure, anchor_pipeline.facts.text"])
    rows = []
    for label in ("kernels compiled", "kernels found compiled"):
        cost = run(command, **cache)
        rows.append([label, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.cpu - empty.cpu:.1f}"])
    return table(["one small text, text-1", "wall s", "CPU s", "of that over the imports"], rows)


def main(quick: bool = False) -> str:
    """The tables."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        texts = real_texts()
        own, speed = ours(work, 2 if quick else SHARDS, texts)
        drawn = pq.read_table(min((work / "store" / "shards").glob("*/*.parquet")), columns=["text"])[
            "text"
        ].to_pylist()
        header = ["MinHash of others", "MB", "CPU s", "MB per CPU-second", "all our facts are faster by", "goal"]
        peers = table(header, measure_peers(drawn, work, speed))
        return "\n\n".join([own, peers, kernels(work), compilation(work)])


if __name__ == "__main__":
    print(main("--quick" in sys.argv))
