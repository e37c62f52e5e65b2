"""What a build costs, first and again: a corpus of some size, and where the demo's CPU time goes.

Goal: a rebuild where nothing changed takes at most 10 % of the first build's CPU time.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from bench.bench_peers import DATA, TARGETS, make_raw
from bench.measure import ROOT, Cost, anchor, python, run, table

IMPORTS = {
    "Python and the command": "import anchor_pipeline.cli",
    "+ our rooms (polars, pyarrow, duckdb)": "import anchor_pipeline.steps, anchor_pipeline.outcome",
    "+ Dagster": "import anchor_pipeline.steps, anchor_pipeline.outcome, anchor_pipeline.orchestration.build",
    "+ Great Expectations": (
        "import os; os.environ['GX_ANALYTICS_ENABLED'] = 'False'\n"
        "import anchor_pipeline.steps, anchor_pipeline.outcome, anchor_pipeline.orchestration.build\n"
        "import great_expectations"
    ),
}


def rebuild() -> str:
    """First build and rebuilds of a mix of 64 million tokens, by the command."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    with tempfile.TemporaryDirectory() as name:
        make_raw(Path(name), TARGETS[-1])
        environ = {"DAGSTER_HOME": f"{name}/home"}
        first = _built(anchor("build", name, "--cycle", "2020", **environ))
        again = _built(anchor("build", name, "--cycle", "2020", **environ))
        functions = python(AGAIN, name)
    rows = [
        ["first build", f"{first.wall:.1f}", f"{first.cpu:.1f}", "100 %"],
        ["again, nothing changed", f"{again.wall:.1f}", f"{again.cpu:.1f}", f"{again.cpu / first.cpu:.0%}"],
        ["again, without Dagster", f"{functions.wall:.1f}", f"{functions.cpu:.1f}", f"{functions.cpu / first.cpu:.0%}"],
    ]
    return table(["`anchor build`, 64 M tokens of 128 M", "wall s", "CPU s", "of the first build"], rows)


AGAIN = """
import sys
from anchor_pipeline import steps
from anchor_pipeline.project import load_project
project = load_project(sys.argv[1]); place = steps.Workplace(project); cycle = project.calendar.at("2020")
steps.plan_all(place, ["t"], cycle); assert steps.release(place, "t", cycle).reused
"""


def demo() -> str:
    """Where the CPU time of a demo build goes: imports in processes of their own, then the build less these."""
    imports = [(label, python(code).cpu) for label, code in IMPORTS.items()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "examples" / "demo"
        shutil.copytree(ROOT / "examples" / "demo", folder, ignore=shutil.ignore_patterns("store", "raw"))
        run([sys.executable, str(folder / "collect.py")])
        environ = {"DAGSTER_HOME": f"{name}/home"}
        plan = anchor("plan", str(folder), **environ)
        shutil.rmtree(folder / "store")
        built = anchor("build", str(folder), **environ)
        again = anchor("build", str(folder), **environ)
    without_dagster = imports[-1][1] - imports[2][1] + imports[1][1]
    costs = [
        *(
            (f"import {label}", cost - before)
            for (label, cost), (_, before) in zip(imports, [("", 0.0), *imports], strict=False)
        ),
        ("our work up to the verdicts: `anchor plan` less its imports", plan.cpu - without_dagster),
        ("Dagster's events, and writing one mix: the rest", built.cpu - plan.cpu - imports[2][1] + imports[1][1]),
        ("**the whole first build**", built.cpu),
        ("the whole build again, nothing changed", again.cpu),
    ]
    return table(["`anchor build examples/demo`", "CPU s"], [[label, f"{cost:.1f}"] for label, cost in costs])


def _built(cost: Cost) -> Cost:
    if cost.code:
        raise SystemExit(f"the build failed: {cost.out}{cost.err}")
    return cost


def main() -> str:
    """Both tables."""
    return f"{rebuild()}\n\n{demo()}"


if __name__ == "__main__":
    print(main())
