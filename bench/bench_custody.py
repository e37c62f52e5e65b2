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
JOINED = (1, 50)
"""How many of the short texts make a document of the mixes that are verified."""
CUSTODY = "\ncustody: {origin: example.org/bench}\n"

COUNTED = """
import time
from anchor_pipeline import steps
from anchor_pipeline.custody.credentials import keep
from anchor_pipeline.custody.observer import CustodyObserver
from anchor_pipeline.mix import verify
counted = within = 0
def count(place, name):
    work = getattr(place, name)
    def counting(*given, **named):
        global counted, within
        begun, within = time.process_time(), within + 1
        try:
            done = work(*given, **named)
            return list(done) if name == "check_custody_of" else done
        finally:
            within -= 1
            counted += 0 if within else time.process_time() - begun
    setattr(place, name, counting)
for place, names in (
    (CustodyObserver, ("opened", "completed", "failed")), (steps, ("give_credentials", "proof_of", "carry")),
    (keep, ("_check",)), (verify, ("check_custody_of",)),
):
    for name in names:
        count(place, name)
"""
"""What is done for custody and for nothing else, counted as CPU seconds of the process while it is done."""

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
from anchor_pipeline.custody import entries, keys, stored_keys
from anchor_pipeline.custody.key_files import read_public
from anchor_pipeline.custody.memo import Memo
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
    # As in a process of its own, which has seen no entry yet.
    for module in (entries, keys, stored_keys):
        for memo in vars(module).values():
            if isinstance(memo, Memo):
                memo._found, memo._weight = {}, 0
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
found["documents"] = json.loads((release / "MANIFEST.json").read_bytes())["documents"]["count"]
found["bytes"] = sum(path.stat().st_size for path in release.rglob("*") if path.is_file())
print(json.dumps(found))
"""


def cost() -> str:
    """A build of the example, with custody and without."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    found: dict[str, list[tuple[float, float]]] = {"": [], CUSTODY: []}
    for _ in range(REPEAT):
        # In turn: what else the machine does falls on both.
        for added, costs in found.items():
            costs.append(_built(added))
    without, with_custody = (min(total for total, _ in costs) for costs in found.values())
    counted = min(part for _, part in found[CUSTODY])
    rows = [
        ["without custody", f"{without:.2f}", "1"],
        ["with custody", f"{with_custody:.2f}", f"{with_custody / without:.3f}"],
        ["of that counted in the places that only custody has", f"{counted:.2f}", f"{counted / without:.3f}"],
    ]
    return table(
        [f"`examples/assistant`, cycle 2021, all stages, in process; least of {REPEAT}", "CPU s", "ratio"], rows
    )


def _built(added: str) -> tuple[float, float]:
    """CPU seconds of a build, and of custody's part in it."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "project.yaml").write_text((EXAMPLE / "project.yaml").read_text() + added)
        if added:
            _checked(python(BEGIN, name, DATA=str(DATA)))
        code = f"{COUNTED}\n{DIRECT}\nprint(counted)"
        done = _checked(run([sys.executable, "-c", code, name, "direct"], DATA=str(DATA)))
        *_, total, counted = done.out.splitlines()
        return float(json.loads(total)[0]), float(counted)


def verifying(joined: int) -> str:
    """Verify a mix, against hashing its files; its documents are `joined` texts each."""
    with tempfile.TemporaryDirectory() as name:
        make_raw(Path(name), TARGETS[-1])
        if joined > 1:
            for path in (Path(name) / "raw").iterdir():
                _join(path, joined)
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
    what = f"a mix of {size:.0f} MB, {found['documents']:,} documents, with its root key"
    header = [what, "wall s", "CPU s", "MB/s", "speed, wall", "speed, CPU"]
    return table(header, rows)


def _join(path: Path, joined: int) -> None:
    """Make a document of so many at a time."""
    import polars as pl

    rows = pl.read_parquet(path).with_row_index().group_by(pl.col("index") // joined, maintain_order=True)
    made = rows.agg(pl.col("id", "kind").first(), pl.col("text").str.join(), pl.col("tokens").sum())
    made.select("id", "text", "tokens", "kind").write_parquet(path)


def _checked(cost: Cost) -> Cost:
    if cost.code:
        raise SystemExit(f"failed: {cost.out}{cost.err}")
    return cost


def main() -> str:
    """What a build pays, then mixes of short and of long documents."""
    return "\n\n".join([cost(), *map(verifying, JOINED)])


if __name__ == "__main__":
    print(main())
