"""`python -m bench`: run every measurement and keep the tables in bench/RESULTS.md (`--quick`: small sizes only)."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench import (
    bench_build,
    bench_check,
    bench_custody,
    bench_facts,
    bench_graph,
    bench_lineage,
    bench_load,
    bench_orchestration,
    bench_peers,
    bench_probes,
    bench_ui,
    bench_verifier,
)
from bench.measure import ROOT

RESULTS = ROOT / "bench" / "RESULTS.md"
NOTES = ROOT / "bench" / "NOTES.md"


def main() -> None:
    """Run all, print and keep."""
    quick = "--quick" in sys.argv
    sections = {
        "`anchor check` of a large project": bench_check.main,
        "Loading the code location of a large project": bench_load.main,
        "Plan, choose and order at scale": lambda: script("bench_plan.py"),
        "Near-duplicates, against brute force and at a million documents": lambda: script("bench_near.py"),
        "Choose, order and write, against Polars copying the same rows": lambda: mix(quick),
        "The same mix, against Hugging Face and DuckDB": lambda: bench_peers.main(quick),
        "Building again, and where a demo build's time goes": bench_build.main,
        "Through Dagster, over the functions called directly; a backfill on both storages": bench_orchestration.main,
        "Text facts in one pass, against MinHash by others": lambda: bench_facts.main(quick),
        "Probes: training and scoring, against KenLM": lambda: bench_probes.main(quick),
        "Origin of texts": lambda: on_data("bench_origin.py"),
        "Bands: false alarms, and what they notice": lambda: on_data("bench_gates.py"),
        "Delivering lineage, whatever the collector does": bench_lineage.main,
        "The lineage graph: 10 million documents, 500 mixes": lambda: bench_graph.main(quick),
        "A year of a large project in the UI": bench_ui.main,
        "The chain of custody: what it costs a build, and how fast a release is verified": bench_custody.main,
        "The browser verifier": bench_verifier.main,
    }
    lines = ["# Measurements", "", "Made by `make bench`; read with [the notes](NOTES.md).", "", machine()]
    for title, measure in sections.items():
        print(f"{title} …", file=sys.stderr, flush=True)
        lines += ["", f"## {title}", "", measure()]
    text = "\n".join(lines) + "\n"
    print(text)
    if not quick:
        RESULTS.write_text(text, encoding="utf-8")


def on_data(name: str) -> str:
    """What a script prints of the real texts, if they are on this machine."""
    if not bench_peers.DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    return script(name, str(bench_peers.DATA))


def script(name: str, *arguments: str) -> str:
    """What a script of this folder prints."""
    command = [sys.executable, "-m", f"bench.{name.removesuffix('.py')}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def mix(quick: bool) -> str:
    """Shards of 1 and 4 GB, in a temporary folder."""
    with tempfile.TemporaryDirectory() as work:
        sizes = ["0.2"] if quick else ["1", "4"]
        return script("bench_mix.py", "--work", work, "--repeat", "1" if quick else "2", "--gigabytes", *sizes)


def machine() -> str:
    """What it was measured on."""
    cores = len(Path("/proc/cpuinfo").read_text().split("processor\t")) - 1 if Path("/proc/cpuinfo").exists() else "?"
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "polars", "duckdb", "numba", "dagster"))
    return f"Python {platform.python_version()}, {cores} cores, {packages}."


if __name__ == "__main__":
    main()
