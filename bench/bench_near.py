"""Near-duplicates against brute force on the real corpora, and their speed on a million documents of each bad kind.

Run `python -m bench.bench_near [DATA_DIR]` (default ../shared/data; any folder of JSON lines with `text`, and with
`origin` where people wrote some of them, does). Prints Markdown: precision and recall against all pairs of true Jaccard
similarity 0.8 or more, the copies known to be in L2R, wall and CPU seconds, and peak memory.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.jaccard import distinct_sets
from anchor_pipeline.facts.lsh import band_keys
from anchor_pipeline.facts.minhash import minhash
from anchor_pipeline.facts.near import Documents, near_duplicates
from anchor_pipeline.facts.text import measure_text
from bench.measure import ROOT, run

SIMILARITY = Fraction(4, 5)
_FILE_ROWS = 50_000


def texts_in(folder: Path) -> dict[str, list[str]]:
    """The texts of each JSON-lines file, by its path."""
    found = {}
    for path in sorted(folder.rglob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        texts = [row["text"] for row in rows if isinstance(row.get("text"), str)]
        if texts:
            found[str(path.relative_to(folder))] = texts
    return found


def true_pairs(texts: list[str]) -> NDArray[np.int64]:
    """All pairs (i < j) of texts with Jaccard similarity 0.8 or more, by counting what every two share."""
    from scipy.sparse import csr_matrix

    sets = distinct_sets(*Batch(pa.table({"text": pa.array(texts, pa.large_string())})).shingles)
    _, columns = np.unique(sets.grams, return_inverse=True)
    sizes = np.diff(sets.starts)
    rows = np.repeat(np.arange(len(texts)), sizes)
    matrix = csr_matrix((np.ones(len(columns), np.int32), (rows, columns)))
    found = []
    for first in range(0, len(texts), 2_000):
        common = (matrix[first : first + 2_000] @ matrix.T).tocoo()
        a, b = common.row + first, common.col
        near = (a < b) & (common.data * 9 >= 4 * (sizes[a] + sizes[b]))
        found.append(np.stack([a[near], b[near]], axis=1))
    return np.concatenate(found).astype(np.int64)


def documents_of(texts: Iterable[str], folder: Path) -> Documents:
    """The texts in files, with their facts beside them."""
    folder.mkdir()
    waiting = iter(texts)
    while some := list(islice(waiting, _FILE_ROWS)):
        table = pa.table({"text": pa.array(some, pa.large_string())})
        measured = measure_text(Batch(table))
        name = f"{len(list(folder.iterdir())):06d}"
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=8_192)
        pq.write_table(pa.table({"minhash": measured[3], "shingles": measured[4]}), folder / f"{name}.facts")
    return documents_at(folder)


def documents_at(folder: Path) -> Documents:
    """What `documents_of` has put there."""
    files = sorted(folder.glob("*.parquet"))
    rows = [pq.read_metadata(file).num_rows for file in files]
    at = np.concatenate([np.arange(number) for number in rows])
    number = np.repeat(np.arange(len(files)), rows)
    return Documents(files, lambda file: pq.read_table(files[file].with_suffix(".facts")), number, at)


def found_in(texts: list[str], work: Path, similarity: Fraction = SIMILARITY) -> tuple[NDArray[np.int64], float, float]:
    """(what each nearly repeats, wall seconds, CPU seconds), measuring of facts left out."""
    folder = Path(tempfile.mkdtemp(dir=work))
    documents = documents_of(texts, folder / "texts")
    wall, cpu = time.perf_counter(), time.process_time()
    found = near_duplicates(documents, similarity, folder)
    return found, time.perf_counter() - wall, time.process_time() - cpu


def against_brute_force(name: str, texts: list[str], work: Path) -> str:
    """One line of the table of precision and recall."""
    pairs = true_pairs(texts)
    found, wall, _ = found_in(texts, work)
    gone = found >= 0
    links = np.stack([found[gone], np.flatnonzero(gone)], axis=1)
    true = {(int(a), int(b)) for a, b in pairs}
    right = sum((int(a), int(b)) in true for a, b in links)
    resolved = int((gone[pairs[:, 0]] | gone[pairs[:, 1]]).sum())
    keys = band_keys(minhash(*Batch(pa.table({"text": pa.array(texts, pa.large_string())})).shingles))
    met = int((keys[:, pairs[:, 0]] == keys[:, pairs[:, 1]]).any(axis=0).sum())
    precision = f"{right / max(1, len(links)):.4f}" if len(links) else "-"
    recall = f"{resolved / len(pairs):.4f}" if len(pairs) else "-"
    band = f"{met / len(pairs):.4f}" if len(pairs) else "-"
    return (
        f"| {name} | {len(texts):,} | {len(pairs):,} | {len(links):,} | {precision} | {recall} | {band} | {wall:.2f} |"
    )


def known_copies(folder: Path, work: Path) -> str:
    """How many human texts of L2R's TravelTourism are found to be those of TechnicalWriting."""
    rows = {}
    for name in ("TechnicalWriting", "TravelTourism"):
        lines = (folder / "l2r" / f"{name}.jsonl").read_text(encoding="utf-8").strip().split("\n")
        rows[name] = [row["text"] for row in map(json.loads, lines) if row["origin"] == "human"]
    texts = rows["TechnicalWriting"] + rows["TravelTourism"]
    first = len(rows["TechnicalWriting"])
    found, _, _ = found_in(texts, work)
    return f"{int((found[first:] >= 0).sum())} of {len(texts) - first}"


def speed(name: str, make: Callable[[int], str], number: int, work: Path) -> str:
    """One line of the table of speed: measured in a process that does nothing else."""
    folder = Path(tempfile.mkdtemp(dir=work)) / "texts"
    documents_of((make(at) for at in range(number)), folder)
    size = sum(int(pq.read_table(file).column("text").nbytes) for file in folder.glob("*.parquet")) / 1e6
    cost = run([sys.executable, "-m", "bench.bench_near", "--in", str(folder)])
    left, wall, cpu = cost.out.split()
    shutil.rmtree(folder)
    return f"| {name} | {number:,} | {size:,.0f} | {int(left):,} | {wall} | {cpu} | {cost.peak_mb:,.0f} |"


def one(folder: Path) -> str:
    """(kept, wall seconds, CPU seconds) of the documents in a folder."""
    documents = documents_at(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        wall, cpu = time.perf_counter(), time.process_time()
        found = near_duplicates(documents, SIMILARITY, Path(work))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return f"{int((found < 0).sum())} {wall:.1f} {cpu:.1f}"


def kinds(chance: Any) -> dict[str, Callable[[int], str]]:
    """Documents that are hard in one way each."""
    base = [f"word{at}" for at in range(60)]
    pool = np.array([f"term{at}" for at in range(50_000)])
    boilerplate = " ".join(base[:30])
    return {
        "all unlike": lambda at: " ".join(pool[chance.integers(0, len(pool), 60)]),
        "all equal": lambda at: " ".join(base),
        "all nearly equal": lambda at: " ".join([*base, f"number{at}"]),
        "half boilerplate": lambda at: f"{boilerplate} " + " ".join(pool[chance.integers(0, len(pool), 30)]),
    }


def main(folder: Path | None = None, number: int = 1_000_000) -> str:
    """The tables."""
    folder = folder or ROOT.parent / "shared" / "data"
    lines = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        found_in(["one two three four five six"] * 3, work)  # compiles
        if folder.is_dir():
            lines += ["| corpus | texts | true pairs | left out | precision | recall | share a band | wall s |",
                      "|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
            groups: dict[str, list[str]] = {}
            for path, texts in texts_in(folder).items():
                groups.setdefault(path.partition("/")[0], []).extend(texts)
            groups["all together"] = [text for texts in groups.values() for text in texts]
            lines += [against_brute_force(group, texts, work) for group, texts in groups.items()]
            if (folder / "l2r" / "TravelTourism.jsonl").exists():
                known = known_copies(folder, work)
                lines += ["", f"Human texts of TravelTourism found to be those of TechnicalWriting: {known}."]
        else:
            lines.append(f"No real corpora at {folder}: precision and recall were not measured.")
        lines += ["", "| documents | number | MB | kept | wall s | CPU s | peak MB |",
                  "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
        chance = np.random.default_rng(1)
        lines += [speed(kind, make, number, work) for kind, make in kinds(chance).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in"]:
        print(one(Path(sys.argv[2])))
    else:
        print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
