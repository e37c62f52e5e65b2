"""Write a mix, against Polars copying the same rows: speed, CPU time and peak memory, in one run.

    python -m bench.bench_mix --work DIR [--gigabytes 1 4]

Makes shards of real sentences (resampled with a seed) until they take so many gigabytes on the disk, and a corpus
of them, whose mix takes all it can. Then, each in a process of its own and one at a time:
- polars: scan_parquet(shards).select(columns of a mix).sink_parquet, zstd level 3: no order, no checks, one file;
- ours: plan, choose, order, gather, check the digest of every shard, write the parts, flush them to the disk;
- of which write: the last four (everything but the verdict, whose cost is printed apart).
The files of all lie in the page cache beforehand. DIR needs about eight times the gigabytes free.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLUMNS = ["doc_id", "text", "source", "kind", "authorship", "domain", "modality", "tokens", "collected_at", "licence"]
COLUMNS += ["generator", "family", "digest", "parents"]


def main() -> None:
    arguments = parse()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments.work)))
        return
    if arguments.work is None:
        raise SystemExit("--work DIR is needed: a folder on a disk with room")
    results = [measure(arguments, gigabytes) for gigabytes in arguments.gigabytes]
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="temporary folder, removed afterwards")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[1, 4], help="size of the shards on the disk")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data", help="the real texts")
    parser.add_argument("--median", type=int, default=2000, help="median length of a document, in bytes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the fastest counts")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--child", choices=["ours", "write", "judge", "polars"], help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(arguments: argparse.Namespace, gigabytes: float) -> dict[str, Any]:
    """Make a corpus, and run both over it in turns."""
    from anchor_pipeline.corpus.store import Store
    from bench.corpus_maker import make_corpus, make_project

    work = arguments.work / f"bench-mix-{gigabytes:g}"
    if shutil.disk_usage(arguments.work).free < 8e9 * gigabytes:
        raise SystemExit(f"{arguments.work} has not the {8 * gigabytes:g} GB free that this takes")
    try:
        store = Store(work / "store")
        shards = make_corpus(store, arguments.data, int(gigabytes * 1e9), arguments.seed, arguments.median)
        make_project(work, store, shards)
        runs: dict[str, list[dict[str, float]]] = {"polars": [], "ours": [], "write": [], "judge": []}
        for _ in range(arguments.repeat):
            for name, found in runs.items():
                found.append(run(name, work))
        best = {name: min(found, key=lambda one: one["wall"]) for name, found in runs.items()}
        for name, found in runs.items():
            best[name]["cpu"] = min(one["cpu"] for one in found)
            best[name]["peak"] = max(one["peak"] for one in found)
        return {"gigabytes": gigabytes, "shards": len(shards), **best}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run(name: str, work: Path) -> dict[str, float]:
    """One measurement, in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--child", name, "--work", str(work)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def child(name: str, work: Path) -> dict[str, float]:
    """Run one of the two here: wall and CPU seconds without the imports, gigabytes of text, peak memory in MiB."""
    act = {"polars": prepare_polars, "ours": prepare_ours, "write": prepare_write, "judge": prepare_judge}[name](work)
    started, cpu = time.perf_counter(), cpu_seconds()
    size, rows = act()
    wall, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    return {"wall": wall, "cpu": cpu, "peak": peak_mebibytes(), "text": size, "rows": rows}


def prepare_polars(work: Path) -> Any:
    import polars as pl

    target = work / "polars.parquet"

    def act() -> tuple[float, int]:
        frame = pl.scan_parquet(work / "store/shards/*/*.parquet").select(COLUMNS)
        frame.sink_parquet(target, compression="zstd", compression_level=3)
        target.unlink()
        return 0.0, 0

    return act


def prepare_ours(work: Path) -> Any:
    from anchor_pipeline.mix.select import select

    place, cycle, corpus = open_corpus(work)
    write = prepare_write(work)
    warm_up()

    def act() -> tuple[float, int]:
        shutil.rmtree(place.store.path("selection"), ignore_errors=True)
        select(place.project, "all", cycle, corpus, place.store)
        found: tuple[float, int] = write()
        return found

    return act


def warm_up() -> None:
    """Import what is imported when first used, and load the compiled kernels."""
    import numpy as np
    import pyarrow as pa

    from anchor_pipeline.corpus.keyed_hash import document_keys
    from anchor_pipeline.mix.cells import Cell, Limits
    from anchor_pipeline.mix.order import merge_order
    from anchor_pipeline.mix.plan import make_plan

    cell = Cell("d", "s", "anchor", True, False, None, None, 1, 1, 1)
    document_keys(pa.array(["x"]), 1)
    make_plan([cell], Limits(target=1, weights={"d": Fraction(1)}))
    merge_order(np.zeros(1, np.int32), np.ones(1, np.int64), [cell])


def prepare_write(work: Path) -> Any:
    from anchor_pipeline.mix import write
    from anchor_pipeline.mix.gather import survey
    from anchor_pipeline.mix.selection import selection_table
    from anchor_pipeline.mix.shares import amounts_and_shares

    place, cycle, _ = open_corpus(work)

    def act() -> tuple[float, int]:
        selection, staged = selection_table(place.store, "all", cycle.key), work / "out"
        plan = survey(selection)
        threads = min(os.cpu_count() or 1, write.MAX_THREADS)
        written = write._write_content(place.store, selection, plan, staged, threads)
        amounts_and_shares(entry.amounts for entry in written)
        shutil.rmtree(staged)
        return plan.bytes / 1e9, sum(entry.part.rows for entry in written)

    return act


def prepare_judge(work: Path) -> Any:
    from anchor_pipeline import steps
    from anchor_pipeline.rules.verdict import judge

    place, cycle, corpus = open_corpus(work)

    def act() -> tuple[float, int]:
        selection = steps.current_selection(place, "all", cycle)
        judge(steps._evidence(place, selection, corpus, cycle))
        return 0.0, selection.rows

    return act


def open_corpus(work: Path) -> Any:
    """The project of the benchmark, its cycle and its corpus."""
    from anchor_pipeline import steps
    from anchor_pipeline.project import load_project

    place = steps.Workplace(load_project(work))
    cycle = place.project.calendar.at("2021")
    return place, cycle, steps.current_corpus(place, cycle)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mebibytes() -> float:
    """Peak resident memory of this process alone (ru_maxrss would start from the parent's)."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(results: list[dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| shards | text | documents | | wall s | CPU s | text MB/s | peak MiB | speed, wall | speed, CPU |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        text = one["ours"]["text"]
        labels = {"polars": "Polars", "ours": "ours", "write": "of which write", "judge": "verdict, apart"}
        for name, label in labels.items():
            found = one[name]
            speed = [f"{one['polars'][unit] / found[unit]:.2f}" for unit in ("wall", "cpu")]
            lines.append(
                f"| {one['gigabytes']:g} GB in {one['shards']} | {text:.1f} GB | {one['ours']['rows']:,} | {label} | "
                f"{found['wall']:.1f} | {found['cpu']:.1f} | {1000 * text / found['wall']:.0f} | {found['peak']:.0f} | "
                f"{' | '.join(speed)} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
