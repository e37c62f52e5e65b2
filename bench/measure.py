"""Whole-process measurements: wall seconds, CPU seconds of all threads and children, peak memory, as medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    wall: float
    cpu: float
    peak_mb: float
    code: int
    out: str


def run(command: Sequence[str], **environ: str) -> Cost:
    """Run a command from the project's root to its end. Peak memory is that of the largest single process."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out = process.stdout.read()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode < 0:
        raise SystemExit(f"{' '.join(command)} was killed: {said[-2000:]}")
    wall = time.perf_counter() - begun
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, out)


def python(code: str, *arguments: str) -> Cost:
    """Run Python code in a process of its own."""
    return run([sys.executable, "-c", code, *arguments])


def anchor(*arguments: str, **environ: str) -> Cost:
    """Run the `anchor` command."""
    return run([sys.executable, "-m", "anchor_pipeline", *arguments], **environ)


def median(costs: Sequence[Cost]) -> Cost:
    """The medians of several runs, each figure for itself."""
    values = [[getattr(cost, name) for cost in costs] for name in ("wall", "cpu", "peak_mb")]
    return Cost(*(statistics.median(column) for column in values), costs[-1].code, costs[-1].out)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
