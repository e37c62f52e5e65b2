"""The process variant of deploy/, run for a test: its own files, its own commands, other values in its settings."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
PROCESSES = ROOT / "deploy/processes"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Deployment:
    """Webserver, daemon and code server, running side by side."""

    settings: dict[str, str]
    log: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the webserver as its UI does: by GraphQL."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.settings['ANCHOR_UI_PORT']}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
        assert "errors" not in told, told["errors"]
        data: dict[str, Any] = told["data"]
        return data

    def wait_for(self, what: str, found: Callable[[], Value | None], seconds: float = 900) -> Value:
        """What `found` gives, as soon as it gives something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError):  # the webserver is not there yet
                value = found()
                if value is not None:
                    return value
            time.sleep(1)
        raise AssertionError(f"{what}: not within {seconds:.0f} s; the log ends:\n{self.log.read_text()[-6000:]}")

    def processes(self) -> list[int]:
        """Every process that lives in the environment of this deployment, the workers of runs included."""
        mark = f"DAGSTER_HOME={self.settings['DAGSTER_HOME']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0") and (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found


@contextmanager
def deployed(folder: Path, settings: dict[str, str]) -> Iterator[Deployment]:
    """Settings from the example file with other values, tables first, then all three processes of the Procfile."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    ports = dict(zip(("ANCHOR_CODE_PORT", "ANCHOR_UI_PORT"), map(str, free_ports(2)), strict=True))
    written = folder / "anchor.env"
    example = (PROCESSES / "anchor.env.example").read_text()
    written.write_text(filled(example, {"DAGSTER_HOME": str(home), **ports, **settings}))
    honcho = f"honcho --env {written}"
    subprocess.run(["bash", "-euc", f"{honcho} run dagster instance migrate"], cwd=ROOT, env=environment(), check=True)
    command = f"{honcho} --procfile deploy/processes/Procfile start"
    with started(command, read_settings(written), folder / "log") as running:
        yield running


@contextmanager
def started(command: str, settings: dict[str, str], log: Path) -> Iterator[Deployment]:
    """Run a command that starts all processes; none of them is left afterwards."""
    deployment = Deployment(settings, log)
    with log.open("wb") as file:
        running = subprocess.Popen(
            ["bash", "-euc", f"exec {command}"], cwd=ROOT, env=environment(), stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield deployment
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(30)
        for process in [*deployment.processes(), running.pid]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        running.wait()


def read_settings(path: Path) -> dict[str, str]:
    """The settings of a file, as systemd and honcho read them."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def filled(example: str, values: dict[str, str]) -> str:
    """The example of a settings file with other values; settings that are commented out there count, too."""
    lines, left = [], dict(values)
    for line in example.splitlines():
        name = line.removeprefix("# ").partition("=")[0]
        lines.append(f"{name}={left.pop(name)}" if name in left else line)
    assert not left, f"not in the example: {sorted(left)}"
    return "\n".join(lines) + "\n"


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def environment() -> dict[str, str]:
    """As in a shell with the virtual environment activated, and nothing of ours set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANCHOR_", "DAGSTER_"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
