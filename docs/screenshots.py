"""Take the pictures of the Dagster UI, and of the lineage graph, that the documentation shows: `make screenshots`.

    python -m docs.screenshots

Builds the project of screenshots_project.py for six cycles in a temporary folder, starts a real web server on
loopback, and has a Chromium that is installed already (`apt-get install chromium`) look at it. The pictures go to
docs/images/. Nothing of it is a mock-up; so times of day differ from one taking to the next.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anchor_pipeline.errors import AnchorError, Unavailable, UsageError
from anchor_pipeline.project import load_project
from docs.screenshots_project import LAST, YEARS, write_project

IMAGES = Path(__file__).resolve().parent / "images"
LARGEST = 300_000
"""Bytes of a picture; pages must stay quick to load."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_WAIT_S = 120


@dataclass(frozen=True)
class Picture:
    """A page of the UI."""

    name: str
    path: str
    ready: str
    """Text that the page shows once it has loaded."""
    height: int = 900
    width: int = 1440
    prepare: Callable[[Any], None] | None = None
    """What to do there before the picture is taken."""


def main() -> int:
    """Renew all pictures; gives the exit code."""
    try:
        browser = find_browser()
        with tempfile.TemporaryDirectory() as folder:
            project_file = write_project(Path(folder) / "bank")
            run_id = build_cycles(project_file)
            with webserver(project_file) as address:
                take(browser, address, pictures(run_id), IMAGES)
            page = lineage_page_of(project_file)
            take(browser, page.parent.as_uri(), [lineage_picture(page.name)], IMAGES)
    except AnchorError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def find_browser() -> str:
    """The path of a Chromium. UsageError says how to get one."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise UsageError(f"no browser: none of {', '.join(_BROWSERS)} is on the PATH; apt-get install chromium")
    return found


def build_cycles(project_file: Path) -> str:
    """Build all cycles on an instance of their own; gives the id of the run that was refused."""
    import dagster as dg

    from anchor_pipeline.orchestration.build import build
    from anchor_pipeline.orchestration.looks.links import STORE_URL_BASE

    project = load_project(project_file)
    os.environ["DAGSTER_HOME"] = str(project_file.parent / "dagster")
    # Pictures show no path of the machine that they were taken on.
    os.environ[STORE_URL_BASE] = "https://data.example.org/mixes"
    for year in YEARS:
        print(f"building {year}", flush=True)
        build(project, project.calendar.at(str(year)), [])
    with dg.DagsterInstance.get() as instance:
        failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        refused = [run for run in failed if run.tags["dagster/partition"] == str(LAST)]
    if len(failed) != 1 or not refused:
        raise AnchorError(f"{len(failed)} runs failed, expected that of {LAST} alone; mend screenshots_project.py")
    return refused[0].run_id


@contextmanager
def webserver(project_file: Path) -> Iterator[str]:
    """Dagster's web server for the project, on loopback; gives its address. Unavailable if it does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-m", "anchor_pipeline.definitions"]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        env={**os.environ, "ANCHOR_PROJECT": str(project_file)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/server_info", process)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Unavailable(f"the web server stopped at once with exit code {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise Unavailable(f"the web server did not answer within {_WAIT_S} seconds")


def pictures(run_id: str) -> list[Picture]:
    """What the documentation shows."""
    expanded = ",".join(f"global@global:{group}" for group in ("sources", "corpus", "selection", "mix"))
    checks = "/assets/selection/sft?view=checks&checkDetail="
    said = "BLOCKS: "
    return [
        Picture(
            "asset-graph", f"/asset-groups?expanded={quote(expanded)}", "reviewed_tickets", 1000, prepare=_coloured
        ),
        Picture("check", f"{checks}anchor_share", said, 1000),
        Picture("check-history", f"{checks}anchor_share", said, 700, 2000, _history),
        Picture("check-plots", f"{checks}anchor_share", said, prepare=_check_plots),
        Picture("plots", "/assets/selection/sft?view=overview", "what_binds", prepare=_plots),
        Picture("refused-run", f"/runs/{run_id}", "Errored (1)", 1050, prepare=_steps_alone),
        Picture("partitions", f"/assets/mix/sft?view=partitions&partition={LAST}", "did not materialize", 600),
    ]


def lineage_picture(name: str) -> Picture:
    """The top of the page."""
    return Picture("lineage-graph", f"/{name}", "Where it begins", 1000, 1280)


def lineage_page_of(project_file: Path) -> Path:
    """The drawn lineage graph of the newest release, beside the project."""
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.graph import open_graph
    from anchor_pipeline.graph.asked import Asked
    from anchor_pipeline.graph.page import lineage_page
    from anchor_pipeline.graph.reading import read_picture

    project = load_project(project_file)
    with open_graph(Store.at(project.store_address)) as graph:
        picture = read_picture(graph, Asked("release", f"sft/{LAST - 1}"))
    page = project_file.parent / "lineage.html"
    page.write_bytes(lineage_page(picture, project.project))
    return page


def _coloured(page: Any) -> None:
    # The states of the assets come some time after their boxes: wait until two of them, selection and mix, are red.
    red = """() => [...document.querySelectorAll("svg foreignObject *")].filter(one => {
        const [red, green] = getComputedStyle(one).borderTopColor.match(/\\d+/g).map(Number);
        return red - green > 100;
    }).length >= 2"""
    page.wait_for_function(red, timeout=_WAIT_S * 1000)


def _history(page: Any) -> None:
    page.get_by_text("Execution history").first.click()
    page.get_by_text("Evaluation result").first.wait_for(timeout=_WAIT_S * 1000)


def _check_plots(page: Any) -> None:
    page.get_by_text("shortfall/support", exact=True).last.scroll_into_view_if_needed()
    page.mouse.move(1000, 600)
    page.mouse.wheel(0, 3000)


def _steps_alone(page: Any) -> None:
    # The log below them holds stack traces, and so paths of the machine that it was taken on.
    page.get_by_label("expand_arrows").first.click()


def _plots(page: Any) -> None:
    page.get_by_text("Plots", exact=True).last.click()
    page.get_by_text("anchor_share/support").first.scroll_into_view_if_needed()


def take(browser: str, address: str, wanted: list[Picture], folder: Path) -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        # No sandbox: containers seldom grant what it needs, and nothing but our own loopback is opened.
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for one in wanted:
            page = chromium.new_page(viewport={"width": one.width, "height": one.height}, timezone_id="UTC")
            page.goto(address + one.path)
            page.get_by_text(one.ready).first.wait_for(timeout=_WAIT_S * 1000, state="attached")
            if one.prepare is not None:
                one.prepare(page)
            # The UI keeps asking its server for news, and charts grow into place: no event says that it is done.
            page.wait_for_timeout(6000)
            file = folder / f"{one.name}.png"
            page.screenshot(path=file)
            page.close()
            size = file.stat().st_size
            print(f"{file.name}: {size:,} bytes", flush=True)
            if size > LARGEST:
                raise AnchorError(f"{file} has {size:,} bytes, more than {LARGEST:,}; show less in it")
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())
