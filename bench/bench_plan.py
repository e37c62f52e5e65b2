"""Plan, choose and order at scale: the issue asks for a plan of 10,000 cells in below two seconds.

Run `python bench/bench_plan.py`: prints one Markdown table, medians of five runs after one that compiles.
Wall time is what a user waits for, CPU time is what all threads of the process used.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from anchor_pipeline.corpus.keyed_hash import document_keys
from anchor_pipeline.mix.cells import Cell, Limits
from anchor_pipeline.mix.choose import choose
from anchor_pipeline.mix.order import merge_order
from anchor_pipeline.mix.plan import make_plan
from anchor_pipeline.mix.shortfall import find_shortfalls

RUNS = 5
CELLS, DOMAINS, DOCUMENTS = 10_000, 50, 2_000_000


def world(cells: int, domains: int, documents: int, generators: int) -> tuple[list[Cell], Limits, pl.DataFrame]:
    """Cells of very unlike sizes, 30 % anchors and 30 % synthetic, under all rules at once."""
    rng = np.random.default_rng(1)
    popularity = rng.pareto(1.2, cells) + 0.05
    at = rng.choice(cells, documents, p=popularity / popularity.sum()).astype(np.int32)
    tokens = np.minimum(rng.lognormal(5.5, 1.0, documents).astype(np.int64) + 1, 100_000)
    keys = [rng.integers(0, 2**64, documents, dtype=np.uint64) for _ in range(2)]
    held = np.bincount(at, weights=tokens, minlength=cells).astype(np.int64)
    count = np.bincount(at, minlength=cells)
    longest = np.zeros(cells, np.int64)
    np.maximum.at(longest, at, tokens)
    kinds = rng.choice(["anchor", "synthetic", "licensed", "enterprise"], cells, p=[0.3, 0.3, 0.2, 0.2])
    fresh, model = rng.random(cells) < 0.5, rng.integers(generators, size=cells)
    kinds[:domains], fresh[:domains] = "anchor", True  # no domain without fresh anchors
    made = []
    for i in range(cells):
        synthetic = kinds[i] == "synthetic"
        name, family = (f"g{model[i]}", f"f{model[i] // 3}") if synthetic else (None, None)
        numbers = (int(held[i]), int(count[i]), int(longest[i]), 2 if kinds[i] == "anchor" else 1)
        made.append(Cell(f"d{i % domains}", f"s{i}", str(kinds[i]), bool(fresh[i]), synthetic, name, family, *numbers))
    names = [f"d{i}" for i in range(domains)]
    limits = Limits(
        target=int(held.sum()) // 3,
        weights={name: Fraction(1, domains) for name in names},
        tolerance=Fraction(1, 2 * domains),
        anchor_share=dict.fromkeys([None, *names], Fraction(3, 20)),
        anchor_freshness=dict.fromkeys([None, *names], Fraction(1, 3)),
        anchor_modality=True,
        synthetic_share=dict.fromkeys([None, *names], Fraction(3, 10)),
        max_family_share=Fraction(1, 2),
        min_effective=3.0,
    )
    frame = pl.DataFrame({"cell": at, "key1": keys[0], "key2": keys[1], "tokens": tokens})
    return made, limits, frame


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Median wall and CPU seconds of five runs, after one that compiles."""
    work()
    wall, cpu = [], []
    for _ in range(RUNS):
        before, processor = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - processor)
    return statistics.median(wall), statistics.median(cpu)


def row(name: str, work: Callable[[], object], note: str) -> None:
    """One line of the table."""
    wall, cpu = timed(work)
    print(f"| {name} | {wall:.2f} | {cpu:.2f} | {note} |", flush=True)


def main() -> None:
    cells, limits, documents = world(CELLS, DOMAINS, DOCUMENTS, 8)
    print("| step | wall s | CPU s | of |\n|---|---:|---:|---|")
    size = f"{CELLS:,} cells, {DOMAINS} domains, 8 generators"
    row("plan, target reached", lambda: make_plan(cells, limits), size)
    scarce = replace(limits, target=limits.target * 10)
    row("plan, supply binds (prices)", lambda: make_plan(cells, scarce), size)
    row("shortfalls of the same", lambda: find_shortfalls(cells, scarce), size)
    for domains, generators in ((200, 20), (DOMAINS, 4_000)):
        other, own, _ = world(CELLS, domains, DOCUMENTS, generators)
        own = replace(own, target=own.target // 10)
        words = "target reached" if make_plan(other, own).feasible else "refused"
        size = f"{CELLS:,} cells, {domains} domains, {generators:,} generators"
        row(f"plan, {words}", partial(make_plan, other, own), size)
    ids = pa.array([f"source{i % 97}/document-{i:09d}" for i in range(DOCUMENTS)])
    row("two keyed hashes", lambda: document_keys(ids, 7), f"{DOCUMENTS:,} ids of {ids.nbytes // len(ids)} bytes")
    plan = make_plan(cells, limits)
    choice = choose(cells, limits, plan, documents)
    row(
        "choose",
        lambda: choose(cells, limits, plan, documents),
        f"{DOCUMENTS:,} documents, {len(choice.rows):,} chosen",
    )
    large = make_plan(cells, scarce)
    most = choose(cells, scarce, large, documents)
    row(
        "choose", lambda: choose(cells, scarce, large, documents), f"{DOCUMENTS:,} documents, {len(most.rows):,} chosen"
    )
    row("order", lambda: merge_order(most.cell, most.item_tokens, cells), f"{len(most.rows):,} items, {CELLS:,} cells")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\nchosen: {most.tokens:,} of {large.tokens:,} planned tokens, lawful: {most.lawful}; peak memory {peak} MB")


if __name__ == "__main__":
    main()
