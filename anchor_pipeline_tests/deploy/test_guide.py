"""The deployment guide, followed to the letter: its own blocks are run, up to a mix that appears and one refused."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline_tests.deploy.processes import ROOT, Deployment, environment, free_ports, read_settings, started

pytestmark = pytest.mark.marathon

RUNS = """{runsOrError(limit: 20) {... on Runs {results {runId status jobName tags {key value}}}}}"""
CHECK = """{assetCheckExecutions(assetKey: {path: ["selection", "assistant"]}, checkName: "anchor_share", limit: 20) {
    runId status evaluation {severity description}}}"""


def block(name: str) -> str:
    """What the guide tells the reader to type, by the name in the comment before it."""
    guide = (ROOT / "docs/deployment.md").read_text()
    (found,) = re.findall(rf"<!-- guide: {name} -->\n\n```sh\n(.*?)```", guide, re.DOTALL)
    return str(found)


def follow(name: str, folder: Path) -> str:
    """Type a block, with `folder` in the place of the folder that the reader's clone lies in."""
    script = block(name).replace("../", f"{folder}/")
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=ROOT,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def deployment(folder: Path) -> Iterator[Deployment]:
    follow("project", folder)
    follow("settings", folder)
    settings = folder / "anchor.env"
    text = settings.read_text()
    # The only liberty taken: ports that are free here.
    for name, port in zip(("ANCHOR_CODE_PORT", "ANCHOR_UI_PORT"), free_ports(2), strict=True):
        text = re.sub(rf"(?m)^{name}=.*", f"{name}={port}", text)
    settings.write_text(text)
    follow("tables", folder)
    with started(block("start").replace("../", f"{folder}/"), read_settings(settings), folder / "log") as running:
        yield running


def ended(deployment: Deployment, status: str) -> dict[str, Any] | None:
    """The newest run that ended so."""
    runs: list[dict[str, Any]] = deployment.ask(RUNS)["runsOrError"]["results"]
    return next((run for run in runs if run["status"] == status), None)


def cycle(run: dict[str, Any]) -> str:
    return next(str(tag["value"]) for tag in run["tags"] if tag["key"] == "dagster/partition")


def test_a_scheduled_mix_appears_and_then_a_bad_one_is_refused(deployment: Deployment, folder: Path) -> None:
    good = deployment.wait_for("a green run", lambda: ended(deployment, "SUCCESS"))
    assert {"key": "dagster/schedule_name", "value": "build_on_schedule"} in good["tags"]
    assert cycle(good) in follow("read", folder)

    follow("bad", folder)
    bad = deployment.wait_for("a red run", lambda: ended(deployment, "FAILURE"))
    (check,) = [one for one in deployment.ask(CHECK)["assetCheckExecutions"] if one["runId"] == bad["runId"]]
    assert (check["status"], check["evaluation"]["severity"]) == ("FAILED", "ERROR")
    assert "anchor tokens" in check["evaluation"]["description"]
    released = {path.name for path in (folder / "shop/store/mix/assistant").iterdir()}
    assert cycle(bad) not in released
    assert cycle(good) in released

    follow("good", folder)
    again = deployment.wait_for(
        "a green run after it",
        lambda: (run := ended(deployment, "SUCCESS")) and (run if cycle(run) > cycle(bad) else None),
    )
    assert (folder / "shop/store/mix/assistant" / cycle(again) / "0001/MANIFEST.json").exists()
