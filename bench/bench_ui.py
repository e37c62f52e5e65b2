"""Whether the UI carries a year of a large project: 52 weekly cycles, 10 stages, 25 checks each.

The runs are real ones of a small project; then a real web server is opened in Chromium. Goal: the page of an asset
loads without an error; the time is stated.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bench_orchestration import BACKFILL
from bench.measure import ROOT, run, table

CYCLES, STAGES = 52, 10


DECLARATION = """
project: large
cycle: {cadence: weekly, start: 2020-01-06}
domains: {sea: {volatility: slow, fresh_window: 3y}}
sources:
  logbooks:
    kind: anchor
    domain: sea
    uri: raw/logbooks.jsonl
    fields: {id: {column: id}, text: {column: text}, collected_at: 2020-01-02, authorship: human, licence: CC0-1.0}
    steward: harbour@example.org
    signed_off: true
stages:
"""


def main() -> str:
    """Fill an instance, then time its pages."""
    if shutil.which("chromium") is None:
        return "skipped: there is no Chromium on this machine"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {"DAGSTER_HOME": str(folder / "home"), "ANCHOR_PROJECT": str(folder / "project.yaml")}
        _project(folder)
        _fill(folder, environ)
        with _webserver(environ) as address:
            rows = [[title, f"{seconds:.1f}", str(errors)] for title, seconds, errors in _visit(address)]
    return table([f"{CYCLES} cycles × {STAGES} stages × 25 checks", "seconds until shown", "errors"], rows)


def _project(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    (folder / "raw").mkdir()
    lines = (f'{{"id": "{i}", "text": "entry {i} of the log, wind and tide as noted by hand"}}\n' for i in range(200))
    (folder / "raw" / "logbooks.jsonl").write_text("".join(lines))
    stages = "".join(f"  stage{i}: {{tokens: 1k, domains: {{sea: 1}}}}\n" for i in range(STAGES))
    (folder / "project.yaml").write_text(DECLARATION + stages)


def _fill(folder: Path, environ: dict[str, str]) -> None:
    code = BACKFILL.replace("range(2)", "range(1)").replace("range(2000, 2022)", f"islice_keys(project, {CYCLES})")
    code = "from bench.bench_ui import islice_keys\n" + code
    cost = run([sys.executable, "-c", code, str(folder)], **environ)
    if cost.code:
        raise SystemExit(f"the instance could not be filled: {cost.out}{cost.err}")


def islice_keys(project: object, number: int) -> list[str]:
    """The keys of a project's first cycles."""
    from datetime import UTC, datetime
    from itertools import islice

    from anchor_pipeline.project import Project

    assert isinstance(project, Project)
    return [cycle.key for cycle in islice(project.calendar.until(datetime.now(UTC)), number)]


@contextlib.contextmanager
def _webserver(environ: dict[str, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-m", "anchor_pipeline.definitions", "-p", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, env={**os.environ, **environ}, stdout=log, stderr=log, cwd=ROOT)
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/server_info", timeout=5).read()
                    break
                time.sleep(0.5)
            else:
                raise SystemExit("the web server did not start")
            yield address
        finally:
            server.terminate()
            server.wait()


_DATE = re.compile(r"^20\d\d-\d\d-\d\d$")
"""The newest cycles are listed first, whichever they are."""


def _visit(address: str) -> Iterator[tuple[str, float, int]]:
    from playwright.sync_api import sync_playwright

    pages: dict[str, tuple[str, str | re.Pattern[str]]] = {
        "asset, overview": ("/assets/selection/stage0", "stage0"),
        "asset, checks": ("/assets/selection/stage0?view=checks", "anchor_share"),
        "asset, partitions": ("/assets/selection/stage0?view=partitions", _DATE),
        "asset graph": ("/asset-groups", "corpus"),
        "runs": ("/runs", "build_all"),
    }
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for title, (path, awaited) in pages.items():
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            errors: list[str] = []
            page.on("pageerror", _keep_in(errors))
            begun = time.perf_counter()
            page.goto(address + path)
            page.get_by_text(awaited).first.wait_for(timeout=120_000)
            page.wait_for_load_state("networkidle", timeout=120_000)
            yield title, time.perf_counter() - begun, len(errors)
            page.close()
        browser.close()


def _keep_in(errors: list[str]) -> Callable[[Exception], None]:
    return lambda error: errors.append(str(error))


if __name__ == "__main__":
    print(main())
