"""Loading the code location of a project with 200 sources and 10 stages: goal at most 5 CPU-seconds.

Measured is what a code server does before the UI can show the project: import, read the declaration, make the
definitions, and write the answer that web server and daemon are given. `dagster definitions validate` does the same
and starts the server as a process of its own.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.bench_check import declaration
from bench.measure import median, python, run, table

RUNS = 5

LOAD = """
import json, os, sys, time

os.environ["ANCHOR_PROJECT"] = sys.argv[1]
marks = [("start", time.process_time())]
def mark(name): marks.append((name, time.process_time()))

import dagster; mark("import dagster")
import anchor_pipeline.orchestration.definitions; mark("import ours")
from anchor_pipeline.definitions import defs; mark("read and define")
repository = defs.get_repository_def(); mark("resolve")
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
answer = serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True)); mark("answer")
steps = {name: end - before for (_, before), (name, end) in zip(marks, marks[1:])}
heavy = sorted({"great_expectations", "sklearn", "numba", "scipy", "pandas"} & set(sys.modules))
counts = {
    "assets": len(repository.asset_graph.get_all_asset_keys()),
    "checks": len(repository.asset_graph.asset_check_keys),
    "jobs": len([job for job in repository.get_all_jobs() if not job.name.startswith("__")]),
    "answer_mb": round(len(answer) / 1e6, 1),
}
print(json.dumps({"cpu": marks[-1][1], "steps": steps, "heavy": heavy, "counts": counts}))
"""
"""Only the sum has a goal; `resolve` and `answer` are Dagster's own work on what we declare."""


def main() -> str:
    """The table, with what was loaded below it."""
    with tempfile.TemporaryDirectory() as folder:
        path = declaration(Path(folder))
        loads = [python(LOAD, str(path)) for _ in range(RUNS)]
        validate = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "anchor_pipeline.definitions"]
        validated = median([run(validate, ANCHOR_PROJECT=str(path)) for _ in range(RUNS)])
    loaded = median(loads)
    assert loaded.code == 0, loaded.err or loads[-1].err
    assert validated.code == 0, validated.out
    said = [json.loads(load.out) for load in loads]
    # Until it answers: what the interpreter does when it ends is no part of loading.
    whole = statistics.median(one["cpu"] for one in said)
    rows = [
        [
            "a code server loads 200 sources, 10 stages",
            f"{loaded.wall:.2f}",
            f"{whole:.2f}",
            f"{loaded.peak_mb:.0f}",
            "5",
        ],
        *([f"of it: {name}", "", f"{_middle(said, name):.2f}", "", ""] for name in said[0]["steps"]),
        [
            "`dagster definitions validate` of the same",
            f"{validated.wall:.2f}",
            f"{validated.cpu:.2f}",
            f"{validated.peak_mb:.0f}",
            "",
        ],
    ]
    counts = ", ".join(
        f"{number} {name.replace('answer_mb', 'MB answered')}" for name, number in said[0]["counts"].items()
    )
    below = f"Loaded are {counts}. Imported on the way: {', '.join(said[0]['heavy']) or 'nothing heavy'}."
    return f"{table(['what', 'wall s', 'CPU s', 'peak MB', 'goal, CPU s'], rows)}\n\n{below}"


def _middle(said: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(one["steps"][name] for one in said))


if __name__ == "__main__":
    print(main())
