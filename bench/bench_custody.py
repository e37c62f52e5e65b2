"""What the chain of custody costs a build, and how fast a release is verified.

Goals: less than 5 % of the CPU of building `examples/assistant`; `anchor verify` at 0.8 of the speed of plain SHA-256
over the files of a mix at least.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from bench.bench_orchestration import DIRECT, EXAMPLE
from bench.bench_peers import DATA, TARGETS, make_raw
from bench.measure import Cost, python, run, table

REPEAT = 3
CUSTODY = "\ncustody: {origin: example.org/bench}\n"

BEGIN = """
import sys
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.project import load_project
begin_custody(custodian_of(load_project(sys.argv[1])), ["pipeline"])
"""

RELEASE = """
import sys
from anchor_pipeline import steps
from anchor_pipeline.project import load_project
project = load_project(sys.argv[1]); place = steps.Workplace(project); cycle = project.calendar.at("2020")
steps.plan_all(place, ["t"], cycle); print(steps.release(place, "t", cycle).location)
"""

VERIFY = """
import hashlib, json, resource, sys, time
from pathlib import Path
from anchor_pipeline.custody.key_files import read_public
from anchor_pipeline.mix.verify import verify_mix
release, root = Path(sys.argv[1]), read_public(Path(sys.argv[2]))
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
def plain():
    for path in sorted(release.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")
def sound(rows):
    assert all(check.ok for check in verify_mix(release, rows=rows, root=root))
found = {}
for name, work in (("plain", plain), ("files", lambda: sound(False)), ("rows", lambda: sound(True))):
    work()
    least = []
    for _ in range(3):
        begun, clock = cpu(), time.perf_counter()
        work()
        least.append((cpu() - begun, time.perf_counter() - clock))
    found[name] = min(least)
found["bytes"] = sum(path.stat().st_size for path in release.rglob("*") if path.is_file())
print(json.dumps(found))
"""


def cost() -> str:
    """A build of the example, with custody and without."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    without, with_custody = (min(_built(added) for _ in range(REPEAT)) for added in ("", CUSTODY))
    rows = [
        ["without custody", f"{without:.2f}", "1"],
        ["with custody", f"{with_custody:.2f}", f"{with_custody / without:.3f}"],
    ]
    return table(
        [f"`examples/assistant`, cycle 2021, all stages, in process; least of {REPEAT}", "CPU s", "ratio"], rows
    )


def _built(added: str) -> float:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "project.yaml").write_text((EXAMPLE / "project.yaml").read_text() + added)
        if added:
            _checked(python(BEGIN, name, DATA=str(DATA)))
        done = _checked(run([sys.executable, "-c", DIRECT, name, "direct"], DATA=str(DATA)))
        return float(json.loads(done.out.splitlines()[-1])[0])


def verifying() -> str:
    """Verify a mix, against hashing its files."""
    with tempfile.TemporaryDirectory() as name:
        make_raw(Path(name), TARGETS[-1])
        with (Path(name) / "project.yaml").open("a") as declaration:
            declaration.write(CUSTODY)
        _checked(python(BEGIN, name))
        location = _checked(python(RELEASE, name)).out.split()[-1]
        found = json.loads(_checked(python(VERIFY, location, f"{name}/keys/root.pub.json")).out)
    size = found["bytes"] / 1e6
    titles = {
        "plain": "plain SHA-256 over all files",
        "files": "`anchor verify MIX --no-rows`",
        "rows": "`anchor verify`",
    }
    rows = [
        [title, f"{found[key][1]:.2f}", f"{found[key][0]:.2f}", f"{size / found[key][1]:.0f}",
         f"{found['plain'][1] / found[key][1]:.2f}", f"{found['plain'][0] / found[key][0]:.2f}"]
        for key, title in titles.items()
    ]  # fmt: skip
    header = [f"a mix of {size:.0f} MB, with its root key", "wall s", "CPU s", "MB/s", "speed, wall", "speed, CPU"]
    return table(header, rows)


def _checked(cost: Cost) -> Cost:
    if cost.code:
        raise SystemExit(f"failed: {cost.out}{cost.err}")
    return cost


def main() -> str:
    """Both."""
    return f"{cost()}\n\n{verifying()}"


if __name__ == "__main__":
    print(main())
