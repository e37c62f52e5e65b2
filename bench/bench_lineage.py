"""What a collector of OpenLineage events costs a build: none, one that is well, and ones that are not.

Goal: a build beside a collector in trouble is as fast as without any; at most 2 s are spent at its end.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path

from anchor_pipeline_tests.lineage.collectors import Collector, free_port, running
from anchor_pipeline_tests.projects import small_project
from bench.measure import Cost, anchor, median, python, run, table

SITUATIONS = {
    "no collector": None,
    "well": "ok",
    "down (connection refused)": "down",
    "slow (30 s an answer)": "slow",
    "HTTP 500": "500",
    "half an answer": "half",
}

RECORD = """
import sys, time, statistics
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.outbox import write_batch
from anchor_pipeline.lineage.ids import Rising
from anchor_pipeline.lineage.events import opening
from anchor_pipeline.record import Artefact, Recorder
from datetime import UTC, datetime
store = Store(sys.argv[1])
recorder = Recorder(store, "bench", [])
intent = recorder.step("sources/a", inputs=[Artefact(f"raw/{n}", digest="a" * 64, rows=n) for n in range(20)]).intent
ids, seconds, cpu = Rising(), [], time.process_time()
for _ in range(500):
    begun = time.perf_counter()
    write_batch(store, opening(intent), ids.next(datetime.now(UTC)))
    seconds.append(time.perf_counter() - begun)
print(statistics.median(seconds) * 1000, (time.process_time() - cpu) / 500 * 1000)
"""

DELIVER = """
import sys, time
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.delivery import deliver
from anchor_pipeline.record import Recorder
recorder = Recorder(Store(sys.argv[1]), "bench")
for number in range(int(sys.argv[2]) // 2):
    with recorder.step(f"sources/{number}"):
        pass
begun, cpu = time.perf_counter(), time.process_time()
print(deliver(recorder.observers[0].store, deadline=300).sent, time.perf_counter() - begun, time.process_time() - cpu)
"""

COURIER = """
import sys, time
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.background import Courier
from anchor_pipeline.lineage.outbox import OpenLineageFile
from anchor_pipeline.record import Recorder
import anchor_pipeline.lineage.events, anchor_pipeline.lineage.transports
store = Store(sys.argv[1])
cpu = time.process_time()
with Courier(store) as courier:
    recorder, slowest = Recorder(store, "bench", [OpenLineageFile(store), courier]), 0.0
    for number in range(50):
        begun = time.perf_counter()
        with recorder.step(f"sources/{number}"):
            pass
        slowest = max(slowest, time.perf_counter() - begun)
        time.sleep(0.1)
    ended = time.perf_counter()
print(time.perf_counter() - ended, slowest, time.process_time() - cpu)
"""


def builds(repeat: int) -> str:
    """`anchor build` of a small project, from raw files, in every situation in turn."""
    costs: dict[str, list[Cost]] = {name: [] for name in SITUATIONS}
    told: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name, running() as collector:
        folder = Path(name) / "small"
        folder.mkdir()
        small_project(folder)
        order = list(SITUATIONS)
        for turn in range(repeat):
            random.Random(turn).shuffle(order)
            for situation in order:
                cost, said = _build(folder, SITUATIONS[situation], collector)
                costs[situation].append(cost)
                told[situation] = said
    rows = []
    for situation in SITUATIONS:
        cost = median(costs[situation])
        spread = [one.wall for one in costs[situation]]
        wall = f"{cost.wall:.1f} ({min(spread):.1f} to {max(spread):.1f})"
        rows.append([situation, wall, f"{cost.cpu:.2f}", str(cost.code), told[situation]])
    header = ["collector", f"wall s, median of {repeat}", "CPU s", "exit code", "events delivered / recorded"]
    return table(header, rows)


def _build(folder: Path, mode: str | None, collector: Collector) -> tuple[Cost, str]:
    shutil.rmtree(folder / "store", ignore_errors=True)
    collector.offered.clear()
    collector.mode = mode or "ok"
    url = f"http://127.0.0.1:{free_port()}" if mode == "down" else collector.url
    environ = {"DAGSTER_HOME": "", "OPENLINEAGE_URL": url if mode else "", "OPENLINEAGE_DISABLED": ""}
    cost = anchor("build", str(folder), "--cycle", "2020", "--stage", "lawful", **environ)
    recorded = sum(len(path.read_bytes().splitlines()) for path in (folder / "store/lineage/events").rglob("*.jsonl"))
    return cost, f"{len(collector.taken)} / {recorded}"


def beside() -> str:
    """What the thread beside a build costs it: 50 empty steps in 5 seconds."""
    rows = []
    with running() as collector:
        for situation, mode in SITUATIONS.items():
            collector.mode = mode or "ok"
            url = f"http://127.0.0.1:{free_port()}" if mode == "down" else collector.url
            with tempfile.TemporaryDirectory() as name:
                command = [sys.executable, "-c", COURIER, name]
                cost = run(command, OPENLINEAGE_URL=url if mode else "", OPENLINEAGE_DISABLED="")
            waited, slowest, cpu = (float(part) for part in cost.out.split())
            rows.append([situation, f"{waited:.2f}", f"{slowest * 1000:.0f}", f"{cpu * 1000:.0f}"])
    header = ["50 steps in 5 s, 100 events", "wait at the end, s", "slowest step, ms", "CPU of all, ms"]
    return table(header, rows)


def recording() -> str:
    """What keeping one event costs the step that waits for it: a file, on the disk."""
    with tempfile.TemporaryDirectory() as name:
        cost = python(RECORD, name)
    wall, cpu = (float(part) for part in cost.out.split())
    return table(
        ["keep one START event with 20 inputs", "ms"], [["wall, median", f"{wall:.2f}"], ["CPU", f"{cpu:.2f}"]]
    )


def delivery(events: int = 1000) -> str:
    """How fast an outbox is emptied."""
    with tempfile.TemporaryDirectory() as name, running() as collector:
        cost = run([sys.executable, "-c", DELIVER, name, str(events)], OPENLINEAGE_URL=collector.url)
        sent, wall, cpu = cost.out.split()
    ms = [f"{float(wall) / int(sent) * 1000:.2f}", f"{float(cpu) / int(sent) * 1000:.2f}"]
    return table([f"deliver {sent} events over loopback", "ms an event"], [["wall", ms[0]], ["CPU", ms[1]]])


def main(repeat: int = 3) -> str:
    """All tables."""
    return "\n\n".join((builds(repeat), beside(), recording(), delivery()))


if __name__ == "__main__":
    print(main(1 if "--quick" in sys.argv else 3))
