"""Whole-process measurements: wall seconds, CPU seconds of all threads and children, peak memory, as medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
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
    err: str = ""


def run(command: Sequence[str], **environ: str) -> Cost:
    """Run a command from the project's root to its end. Peak memory is that of the largest single process."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(wall, cpu, usage.ru_maxrss / 1024, process.returncode, out, errors.read())


def python(code: str, *arguments: str, **environ: str) -> Cost:
    """Run Python code in a process of its own."""
    return run([sys.executable, "-c", code, *arguments], **environ)


def anchor(*arguments: str, **environ: str) -> Cost:
    """Run the `anchor` command."""
    return run([sys.executable, "-m", "anchor_pipeline", *arguments], **environ)


def median(costs: Sequence[Cost]) -> Cost:
    """The medians of several runs, each figure for itself."""
    wall, cpu, peak = (statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak_mb"))
    return Cost(wall, cpu, peak, costs[-1].code, costs[-1].out)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
